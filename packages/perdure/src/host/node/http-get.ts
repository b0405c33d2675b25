import { type IncomingMessage, type RequestOptions, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import { FIXED } from "../../settings/fixed.ts";
import { PerdureError } from "../../wire/error.ts";
import { withDeadline } from "../deadline.ts";
import type { Answer, GetOptions } from "../net.ts";
import { dialError } from "./net-error.ts";
import type { NetParts } from "./net-parts.ts";
import { lookupPublic, requirePublic } from "./public-lookup.ts";

/** One GET on a connection of its own. */
export async function getOverHttp({ clock, live }: NetParts, url: URL, options: GetOptions): Promise<Answer> {
  if (options.publicOnly === true) requirePublic(url);
  const deadline = { timeoutMs: options.timeoutMs, what: `an answer from ${url.href}`, signal: options.signal };
  return await withDeadline(clock, deadline, (signal) => {
    const requestOptions: RequestOptions & { readonly autoSelectFamilyAttemptTimeout: number } = {
      agent: false,
      signal,
      timeout: FIXED.socketIdleMs.value,
      maxHeaderSize: FIXED.answerHeaderBytes.value,
      autoSelectFamilyAttemptTimeout: FIXED.addressAttemptMs.value,
      headers: { accept: "application/json", connection: "close" },
      ...(options.publicOnly === true ? { lookup: lookupPublic } : {}),
    };
    return new Promise<Answer>((resolve, reject) => {
      const failed = (error: unknown): void => reject(error instanceof PerdureError ? error : dialError(error, url.href));
      const send = url.protocol === "https:" ? requestTls : requestPlain;
      const request = send(url, requestOptions, (response) => {
        read(response, url, options.maxBytes).then((body) => resolve({ status: response.statusCode ?? 0, body }), failed);
      });
      live?.watch(request, "request");
      request.on("error", failed);
      request.end();
    });
  });
}

async function read(response: IncomingMessage, url: URL, maxBytes: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    size += piece.length;
    // Leaving the loop destroys the response and its connection.
    if (size > maxBytes) throw new PerdureError("too-large", `${url.href} answers with more than ${maxBytes} bytes`);
    pieces.push(piece);
  }
  return new Uint8Array(Buffer.concat(pieces));
}

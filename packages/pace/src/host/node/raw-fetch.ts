/**
 * A `fetch` for proxies: what a service answers is handed on byte by byte as it came. Unlike the platform's it does not decompress, follows no redirect, adds no field of
 * its own, and gives a service that is silent up. Refusals alone are decompressed, since they are read here too.
 */
import { type ClientRequest, Agent as HttpAgent, type IncomingMessage, request as requestByHttp } from "node:http";
import { Agent as HttpsAgent, request as requestByHttps } from "node:https";
import { pipeline, Readable, type Transform } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { Fetch } from "../../pace.ts";
import { needsBody } from "../../providers/verdict.ts";
import { UpstreamError } from "../../proxy/upstream-error.ts";
import type { Clock } from "../clock.ts";

export interface RawFetchSettings {
  /** Until a connection is there. Ten seconds: three tries of a handshake. */
  readonly connectMs: number;
  /** Until an answer begins. Ten minutes, as the clients of large models wait. */
  readonly answerMs: number;
  /** Between two pieces of an answer. Five minutes: models think. */
  readonly silenceMs: number;
}

export const RAW_FETCH_SETTINGS: RawFetchSettings = { connectMs: 10_000, answerMs: 600_000, silenceMs: 300_000 };

/** A connection that nobody uses is closed before the service is likely to close it: a request that meets the end of one is lost. */
const IDLE_MS = 4000;
const HEAD_BYTES = 65_536;
/** RFC 9110, section 9.2.2; these may be sent again on a connection that was closed meanwhile. */
const REPEATABLE = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"]);
const WITHOUT_BODY = new Set([204, 205, 304]);
const DECOMPRESSORS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

export interface RawFetch extends Disposable {
  readonly fetch: Fetch;
}

/** Takes addresses and bodies of text or bytes, which is what a proxy sends. Throws `UpstreamError`, and the reason of a signal. */
export function createRawFetch(clock: Clock, settings: RawFetchSettings = RAW_FETCH_SETTINGS): RawFetch {
  const agents = {
    "http:": new HttpAgent({ keepAlive: true, timeout: IDLE_MS }),
    "https:": new HttpsAgent({ keepAlive: true, timeout: IDLE_MS }),
  };

  const once = (address: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      const { signal } = init;
      signal?.throwIfAborted();
      const { protocol, hostname, host, port, origin } = new URL(address);
      let isAnswered = false;
      const body = typeof init.body === "string" ? Buffer.from(init.body) : (init.body as Uint8Array | undefined);
      const headers = [...new Headers(init.headers)].flat();
      const method = init.method ?? "GET";
      if (body !== undefined || !REPEATABLE.has(method)) headers.push("content-length", String(body?.length ?? 0));
      const isSafe = protocol === "https:";
      const request = (isSafe ? requestByHttps : requestByHttp)({
        agent: agents[isSafe ? "https:" : "http:"],
        protocol,
        hostname: hostname.replace(/^\[|\]$/g, ""),
        port,
        // As it was asked: a path that is spelled anew may be another for whoever signed it.
        path: address.slice(origin.length) || "/",
        method,
        headers: ["host", host, ...headers],
        maxHeaderSize: HEAD_BYTES,
      });
      let forget = clock.wake(clock.now() + settings.connectMs, () =>
        request.destroy(new UpstreamError("no-answer", `no connection to ${origin} within ${settings.connectMs} ms`)),
      );
      const connected = (): void => {
        forget();
        forget = clock.wake(clock.now() + settings.answerMs, () =>
          request.destroy(new UpstreamError("no-answer", `no answer of ${origin} within ${settings.answerMs} ms`)),
        );
      };
      const abort = (): void => void request.destroy(signal?.reason as Error);
      signal?.addEventListener("abort", abort, { once: true });
      request.once("socket", (socket) => {
        if (request.reusedSocket || !socket.connecting) connected();
        else socket.once(isSafe ? "secureConnect" : "connect", connected);
      });
      request.once("close", () => {
        forget();
        signal?.removeEventListener("abort", abort);
        // Where nothing came before: a protocol was changed that nobody asked to change.
        if (!isAnswered) reject(new UpstreamError("unreachable", `${origin} closed the connection`));
      });
      request.once("error", (error) => {
        if (signal?.aborted) reject(signal.reason as Error);
        else reject(error instanceof UpstreamError ? error : new UpstreamError("unreachable", `${origin}: ${error.message}`, error));
      });
      request.once("response", (incoming) => {
        isAnswered = true;
        forget();
        try {
          resolve(answered(incoming, request, settings.silenceMs, origin));
        } catch (error) {
          request.destroy();
          reject(new UpstreamError("unreachable", `${origin} answered what is no answer (${incoming.statusCode})`, error));
        }
      });
      request.end(body);
    });

  return {
    fetch: async (input, init = {}) => {
      const address = String(input);
      try {
        return await once(address, init);
      } catch (error) {
        const isStale = error instanceof UpstreamError && (error.cause as NodeJS.ErrnoException | undefined)?.code === "ECONNRESET";
        if (!isStale || !REPEATABLE.has(init.method ?? "GET")) throw error;
        return await once(address, init);
      }
    },
    [Symbol.dispose]: () => {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function answered(incoming: IncomingMessage, request: ClientRequest, silenceMs: number, origin: string): Response {
  const status = incoming.statusCode ?? 0;
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    pairs.push([incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? ""]);
  const headers = new Headers(pairs);
  if (WITHOUT_BODY.has(status) || request.method === "HEAD") {
    incoming.resume();
    return new Response(null, { status, headers });
  }
  // The request passes it on and forgets with its answer; the socket is of others then.
  incoming.socket.setTimeout(silenceMs);
  request.once("timeout", () => incoming.destroy(new UpstreamError("no-answer", `${origin} was silent for ${silenceMs} ms`)));
  const decompress = needsBody(status) ? DECOMPRESSORS[headers.get("content-encoding")?.trim().toLowerCase() ?? ""] : undefined;
  if (decompress === undefined) return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers });
  headers.delete("content-encoding");
  headers.delete("content-length");
  const plain = pipeline(incoming, decompress(), () => undefined);
  return new Response(Readable.toWeb(plain) as ReadableStream<Uint8Array>, { status, headers });
}

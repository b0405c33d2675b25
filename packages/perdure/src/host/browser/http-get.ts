import { PerdureError } from "../../wire/error.ts";
import type { Clock } from "../clock.ts";
import { withDeadline } from "../deadline.ts";
import type { Answer, GetOptions } from "../net.ts";
import type { Platform } from "./platform.ts";
import { requirePublic } from "./websocket-dial.ts";

/** What stands for every redirect: a page sees neither which one it is nor where it leads. */
const REDIRECTED: Answer = { status: 302, body: new Uint8Array(0) };

/** One GET without cookies. The other side must let pages of this origin read its answer. */
export async function getOverHttp(
  { clock, platform }: { readonly clock: Clock; readonly platform: Pick<Platform, "origin"> },
  url: URL,
  { timeoutMs, maxBytes, signal, publicOnly }: GetOptions,
): Promise<Answer> {
  if (publicOnly === true) requirePublic(url);
  return await withDeadline(clock, { timeoutMs, what: `an answer from ${url.href}`, signal }, async (within) => {
    try {
      const response = await fetch(url, {
        signal: within,
        redirect: "manual",
        credentials: "omit",
        cache: "no-store",
        headers: { accept: "application/json" },
      });
      if (response.type === "opaqueredirect") return REDIRECTED;
      return { status: response.status, body: await read(response, url, maxBytes) };
    } catch (cause) {
      if (cause instanceof PerdureError) throw cause;
      throw new PerdureError("relay-unreachable", `could not get ${url.href} (a browser does not say why)`, {
        retry: "after",
        hint: `Nothing answers there, or it does not let pages of ${platform.origin} read its answers.`,
        cause,
      });
    }
  });
}

async function read(response: Response, url: URL, maxBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read()) {
    size += piece.value.length;
    pieces.push(piece.value);
    if (size <= maxBytes) continue;
    await reader?.cancel();
    throw new PerdureError("too-large", `${url.href} answers with more than ${maxBytes} bytes`);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

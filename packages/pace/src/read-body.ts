/**
 * Bodies that cannot be looked into where they are, read before their call: what it takes, and of which model, is known then as of one whose body is a text. What was given stays
 * unread: it is sent as it was where nothing of it can be known.
 */

import { checkInit } from "./policy-check.ts";

/** JSON says so, or says nothing: a text that becomes a `Request` is "text/plain". Streams, files and forms say something else. */
const MAY_BE_JSON = /^(?:application\/(?:[\w.-]+\+)?json|text\/plain)\b/i;
const BRACE = "{".charCodeAt(0);
/** No model has a window for more; what is larger is a file. */
const MOST_READ_BYTES = 50_000_000;

/** With the body of a `Request`, or of a `Blob`, where it is JSON; as it was otherwise, and then at once. Throws `bad-argument`, and the reason of the signal. */
export function withReadBody(input: string | URL | Request, init: RequestInit): RequestInit | Promise<RequestInit> {
  checkInit(init);
  const { body, signal } = init;
  if (body instanceof Blob) return mayBeJson(body.type) && body.size <= MOST_READ_BYTES ? withBlob(body, input, init) : init;
  if (body !== undefined && body !== null) return init;
  if (!(input instanceof Request) || input.body === null || input.bodyUsed || !mayBeJson(input.headers.get("content-type"))) return init;
  return withRequest(input, init, signal === undefined ? input.signal : signal);
}

function mayBeJson(type: string | null): boolean {
  return type === "" || (type !== null && MAY_BE_JSON.test(type));
}

async function withRequest(request: Request, init: RequestInit, signal: RequestInit["signal"]): Promise<RequestInit> {
  const bytes = await readWithin(MOST_READ_BYTES, request.clone().body as ReadableStream<Uint8Array>, signal);
  const text = bytes?.[0] === BRACE ? textOf(bytes) : undefined;
  return text === undefined ? init : { ...init, body: text };
}

async function withBlob(blob: Blob, input: string | URL | Request, init: RequestInit): Promise<RequestInit> {
  if (new Uint8Array(await blob.slice(0, 1).arrayBuffer())[0] !== BRACE) return init;
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  if (blob.type !== "" && !headers.has("content-type")) headers.set("content-type", blob.type);
  return { ...init, body: new Uint8Array(await blob.arrayBuffer()), headers };
}

/** Bytes that are no text would not be the same again. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Nothing of what is longer, and no more of it is read; it may come to no end. Throws the reason of the signal. */
async function readWithin(
  mostBytes: number,
  body: ReadableStream<Uint8Array>,
  signal: RequestInit["signal"],
): Promise<Uint8Array | undefined> {
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  const give = (): void => void reader.cancel().catch(() => undefined);
  signal?.addEventListener("abort", give, { once: true });
  if (signal?.aborted) give();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      pieces.push(next.value);
      sizeBytes += next.value.byteLength;
      if (sizeBytes > mostBytes || signal?.aborted) {
        give();
        break;
      }
    }
  } finally {
    signal?.removeEventListener("abort", give);
  }
  signal?.throwIfAborted();
  return sizeBytes > mostBytes ? undefined : joined(pieces, sizeBytes);
}

function joined(pieces: readonly Uint8Array[], sizeBytes: number): Uint8Array {
  const whole = new Uint8Array(sizeBytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

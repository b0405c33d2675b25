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
  if (body instanceof Blob) return mayBeJson(body.type) && body.size <= MOST_READ_BYTES ? withBlob(body, input, init, signal) : init;
  if (body !== undefined && body !== null) return init;
  if (!(input instanceof Request) || input.body === null || input.bodyUsed || !mayBeJson(input.headers.get("content-type"))) return init;
  return withRequest(input, init, signal === undefined ? input.signal : signal);
}

function mayBeJson(type: string | null): boolean {
  return type === "" || (type !== null && MAY_BE_JSON.test(type));
}

async function withRequest(request: Request, init: RequestInit, signal: RequestInit["signal"]): Promise<RequestInit> {
  const bytes = new Uint8Array(await unlessAborted(request.clone().arrayBuffer(), signal));
  const text = bytes[0] === BRACE ? textOf(bytes) : undefined;
  return text === undefined ? init : { ...init, body: text };
}

async function withBlob(blob: Blob, input: string | URL | Request, init: RequestInit, signal: RequestInit["signal"]): Promise<RequestInit> {
  const first = await unlessAborted(blob.slice(0, 1).arrayBuffer(), signal);
  if (new Uint8Array(first)[0] !== BRACE) return init;
  const bytes = new Uint8Array(await unlessAborted(blob.arrayBuffer(), signal));
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined));
  if (blob.type !== "" && !headers.has("content-type")) headers.set("content-type", blob.type);
  return { ...init, body: bytes, headers };
}

/** Bytes that are no text would not be the same again. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A body may come to no end. */
async function unlessAborted<Result>(reading: Promise<Result>, signal: RequestInit["signal"]): Promise<Result> {
  if (signal === undefined || signal === null) return await reading;
  let give: () => void = () => undefined;
  const aborted = new Promise<never>((_, reject) => {
    give = () => reject(signal.reason);
    signal.addEventListener("abort", give, { once: true });
    if (signal.aborted) give();
  });
  try {
    return await Promise.race([reading, aborted]);
  } finally {
    signal.removeEventListener("abort", give);
  }
}

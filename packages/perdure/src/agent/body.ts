/** Every kind of body as bytes, read no further than the largest message. */

import type { Clock } from "../host/clock.ts";
import { withDeadline } from "../host/deadline.ts";
import { type Bytes, concat, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { MAX_MESSAGE_BYTES } from "../wire/limits.ts";
import type { Body } from "./api.ts";

export interface ReadBody {
  readonly content: Bytes;
  readonly contentType: string;
  /** Empty when the body has none. */
  readonly fileName: string;
}

export interface BodyWaiting {
  readonly clock: Clock;
  /** For each piece of a stream. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Levels of lists and objects in a JSON body. */
const JSON_DEPTH = 200;

/**
 * Reads a body whole: text as UTF-8, bytes and streams as they are, a Blob with its type and name, anything else as JSON.
 * `too-large` beyond 8 MiB (a stream is then not read further), `bad-argument` for what is none of these, `timed-out`, `aborted`.
 */
export async function readBody(body: Body, waiting: BodyWaiting): Promise<ReadBody> {
  if (typeof body === "string") {
    if (!body.isWellFormed()) throw new PerdureError("bad-argument", "the text has half a surrogate pair and cannot be written as UTF-8");
    return bounded(utf8(body), "text/plain; charset=utf-8");
  }
  if (body instanceof Uint8Array) return bounded(body.slice(), "application/octet-stream");
  if (body instanceof Blob) return await readBlob(body, waiting);
  if (isReadableStream(body)) return await readPieces(body.getReader(), waiting);
  if (isAsyncIterable(body)) return await readPieces(readerOf(body), waiting);
  refuseForeignJson(body, 0);
  return bounded(utf8(JSON.stringify(body)), "application/json");
}

async function readBlob(blob: Blob, waiting: BodyWaiting): Promise<ReadBody> {
  if (blob.size > MAX_MESSAGE_BYTES) tooLarge(`${blob.size} bytes`);
  const deadline = { timeoutMs: waiting.timeoutMs, what: "the body's Blob", signal: waiting.signal };
  const content = new Uint8Array(await withDeadline(waiting.clock, deadline, () => blob.arrayBuffer()));
  const fileName = "name" in blob && typeof blob.name === "string" ? blob.name : "";
  return { ...bounded(content, blob.type === "" ? "application/octet-stream" : blob.type), fileName };
}

interface PieceReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(reason?: unknown): Promise<unknown>;
}

async function readPieces(reader: PieceReader, waiting: BodyWaiting): Promise<ReadBody> {
  const pieces: Bytes[] = [];
  let size = 0;
  const deadline = {
    timeoutMs: waiting.timeoutMs,
    what: "the next piece of the body",
    hint: "The stream given as a body went silent.",
    signal: waiting.signal,
  };
  try {
    for (;;) {
      const { done, value } = await withDeadline(waiting.clock, deadline, () => reader.read());
      if (done) return bounded(concat(...pieces), "application/octet-stream");
      if (!(value instanceof Uint8Array))
        throw new PerdureError("bad-argument", "a stream body must give bytes (Uint8Array)", {
          hint: "Encode text with TextEncoderStream first.",
        });
      size += value.length;
      if (size > MAX_MESSAGE_BYTES) tooLarge(`more than ${MAX_MESSAGE_BYTES} bytes`);
      pieces.push(value.slice());
    }
  } catch (error) {
    // The source is told and not waited for: it may be the very thing that hangs.
    reader.cancel(error).catch(() => undefined);
    throw error;
  }
}

function readerOf(source: AsyncIterable<unknown>): PieceReader {
  const iterator = source[Symbol.asyncIterator]();
  return {
    read: async () => ({ ...(await iterator.next()) }) as { done: boolean; value?: unknown },
    cancel: async () => await iterator.return?.(),
  };
}

function bounded(content: Bytes, contentType: string): ReadBody {
  if (content.length > MAX_MESSAGE_BYTES) tooLarge(`${content.length} bytes`);
  return { content, contentType, fileName: "" };
}

function tooLarge(size: string): never {
  throw new PerdureError("too-large", `a body of ${size} is over the limit of ${MAX_MESSAGE_BYTES} bytes (8 MiB) for one message`, {
    hint: "Send it in several messages, or send a link to it.",
  });
}

function isReadableStream(body: unknown): body is ReadableStream<Uint8Array> {
  return body instanceof ReadableStream;
}

function isAsyncIterable(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === "object" && body !== null && Symbol.asyncIterator in body;
}

/** JSON.stringify drops or changes what it does not know; a message must arrive as it was sent. */
function refuseForeignJson(value: unknown, depth: number): void {
  if (depth > JSON_DEPTH) refuse(`more than ${JSON_DEPTH} levels`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return;
  if (typeof value === "number") {
    if (!Number.isFinite(value)) refuse(`the number ${value}`);
    return;
  }
  if (Array.isArray(value)) {
    for (const each of value) refuseForeignJson(each, depth + 1);
    return;
  }
  if (typeof value !== "object") refuse(value === undefined ? "undefined" : `a ${typeof value}`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) refuse(`a ${(value as object).constructor?.name ?? "foreign object"}`);
  for (const each of Object.values(value)) refuseForeignJson(each, depth + 1);
}

function refuse(what: string): never {
  throw new PerdureError("bad-argument", `a JSON body cannot hold ${what}`, {
    hint: "Bodies are text, Uint8Array, Blob, a stream of bytes, or plain JSON.",
  });
}

/**
 * A file behind HTTP, by ranges (RFC 9110, section 14), with `fetch`: in pages and anywhere else. Each answer is held against what was asked for, and against
 * the first one: a file that was replaced meanwhile is an error, and never half of one and half of the other.
 *
 * In pages a server of another origin has to let them see what it says: Access-Control-Expose-Headers: Content-Range, ETag.
 */
import { TurboQuantError } from "../error.ts";
import { addressOf, checkHttpOptions } from "./http-options.ts";
import { checkRange, type RangeSource } from "./index-file.ts";
import { HEAD_BYTES } from "./record.ts";
import { createTurns } from "./turns.ts";

/** What of `fetch` is used. */
export type Fetch = (
  url: string,
  request: { readonly headers: Record<string, string>; readonly signal: AbortSignal },
) => Promise<FetchAnswer>;

export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: { getReader(): BodyReader } | null;
}

interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export interface HttpRangeOptions {
  /** That of the platform unless said. */
  readonly fetch?: Fetch;
  /** Sent with every request, say to be let in. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends every request, and the reading with it. */
  readonly signal?: AbortSignal;
  /** For one request with its answer; 30,000 unless said. */
  readonly timeoutMs?: number;
  /** Further requests wait for these; 16 unless said. Without HTTP/2 each is a connection, and servers refuse hundreds that come together. */
  readonly requestsAtOnce?: number;
}

const TIMEOUT_MS = 30_000;
/** Of a server 20 ms away with answers of a few KiB these fill some 10 Mbit/s; `find` makes a hundred such. */
const REQUESTS_AT_ONCE = 16;
/** A server may close a kept connection as the next request is on its way (RFC 9112, section 9.3.1), and several are kept. */
const ATTEMPTS = 3;
const OK = 200;
const PARTIAL = 206;
const PRECONDITION_FAILED = 412;
const NOT_SATISFIABLE = 416;

/** Throws `bad-argument` for what is no address; `file-failed` where the file cannot be had, or the server does not know ranges; `file-changed` when it becomes another. */
export async function openHttpRange(url: string | URL, options: HttpRangeOptions = {}): Promise<RangeSource> {
  checkHttpOptions(options);
  const address = addressOf(url, options);
  // The beginning is wanted first in any case, and tells the size.
  const first = await request(address, options, 0, HEAD_BYTES, undefined);
  const { version, bytes } = first;
  const inTurn = createTurns(options.requestsAtOnce ?? REQUESTS_AT_ONCE);
  return {
    size: version.size,
    read: async (at, length) => {
      checkRange(version.size, at, length);
      if (at + length <= bytes.length) return bytes.slice(at, at + length);
      if (length === 0) return new Uint8Array(0);
      return (await inTurn(async () => await request(address, options, at, length, version))).bytes;
    },
  };
}

/** What tells one state of a file from another. */
interface FileVersion {
  readonly size: number;
  readonly tag: string | null;
  readonly modified: string | null;
}

interface Piece {
  readonly version: FileVersion;
  readonly bytes: Uint8Array;
}

async function request(url: string, options: HttpRangeOptions, at: number, length: number, known: FileVersion | undefined): Promise<Piece> {
  const { fetch: ask = fetch as Fetch, headers, signal, timeoutMs = TIMEOUT_MS } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const condition = known === undefined ? undefined : conditionOf(known);
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await ask(url, {
        headers: { ...headers, Range: `bytes=${at}-${at + length - 1}`, ...(condition === undefined ? {} : { "If-Range": condition }) },
        signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
      });
      return await pieceOf(url, answer, at, length, known);
    } catch (error) {
      if (error instanceof TurboQuantError) throw error;
      signal?.throwIfAborted();
      if (attempt < ATTEMPTS && !deadline.aborted) continue;
      const why = deadline.aborted ? `there was no answer within ${timeoutMs} ms` : "the request failed";
      throw new TurboQuantError("file-failed", `${length} bytes at ${at} of ${url} could not be read: ${why}`, "Try again.", error);
    }
  }
}

/** Only a strong tag says that bytes are the same (RFC 9110, section 13.1.5). */
function conditionOf({ tag, modified }: FileVersion): string | undefined {
  return tag !== null && !tag.startsWith("W/") ? tag : (modified ?? undefined);
}

async function pieceOf(
  url: string,
  { status, headers, body }: FetchAnswer,
  at: number,
  length: number,
  known: FileVersion | undefined,
): Promise<Piece> {
  const reader = body?.getReader();
  try {
    if (known === undefined && status === NOT_SATISFIABLE && headers.get("Content-Range") === "bytes */0")
      return { version: { size: 0, tag: null, modified: null }, bytes: new Uint8Array(0) };
    const version = checkedVersion(url, status, headers, at, length, known);
    return { version, bytes: await bodyOf(url, reader, Math.min(length, version.size - at)) };
  } catch (error) {
    await reader?.cancel().catch(() => undefined);
    throw error;
  }
}

/** Takes memory only for what came: how much that will be is the server's word. */
async function bodyOf(url: string, reader: BodyReader | undefined, expected: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let come = 0;
  for (let next = await reader?.read(); next !== undefined && !next.done; next = await reader?.read()) {
    if (next.value === undefined) continue;
    pieces.push(next.value);
    come += next.value.length;
    if (come > expected) throw failed(url, `more than the ${expected} bytes came that were asked for`, "Its server is mistaken.");
  }
  if (come < expected) throw failed(url, `the connection ended after ${come} of ${expected} bytes`, "Try again.");
  const bytes = new Uint8Array(expected);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function checkedVersion(
  url: string,
  status: number,
  headers: FetchAnswer["headers"],
  at: number,
  length: number,
  known: FileVersion | undefined,
): FileVersion {
  if (known !== undefined && (status === OK || status === PRECONDITION_FAILED || status === NOT_SATISFIABLE)) throw changed(url);
  if (status === OK) throw failed(url, "its server does not know ranges", "Load the whole file, or serve it otherwise.");
  if (status !== PARTIAL) throw failed(url, `its server says ${status}`, "Is the address right, and may you read it?");
  const coding = headers.get("Content-Encoding");
  if (coding !== null && coding !== "identity") throw failed(url, `its server sends it as ${coding}`, "Serve it without compression.");
  const said = headers.get("Content-Range");
  if (said === null)
    throw failed(url, "which bytes came is not to be seen", "Its server has to send Content-Range, and to expose it to pages.");
  const [, first, last, size] = (/^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(said) ?? []).map(Number) as [
    number,
    number?,
    number?,
    number?,
  ];
  if (first === undefined || last === undefined || size === undefined || first !== at || last !== Math.min(at + length, size) - 1)
    throw failed(url, `other bytes came than were asked for (${said.slice(0, 50)})`, "Its server is mistaken.");
  const version = { size, tag: headers.get("ETag"), modified: headers.get("Last-Modified") };
  if (known !== undefined && (version.size !== known.size || version.tag !== known.tag || version.modified !== known.modified))
    throw changed(url);
  return version;
}

function failed(url: string, why: string, hint: string): TurboQuantError {
  return new TurboQuantError("file-failed", `${url} cannot be read in pieces: ${why}`, hint);
}

function changed(url: string): TurboQuantError {
  return new TurboQuantError("file-changed", `${url} became another file while it was read`, "Open it again.");
}

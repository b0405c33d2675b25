/**
 * What passes over the local socket between the process that holds an agent's folder and the others that use it.
 *
 *   offset  size  field
 *        0     1  version   1
 *        1     1  kind      1 hello, 2 call, 3 result, 4 failure, 5 cancel, 6 ping, 7 pong
 *        2     1  more      1 when the next message of this kind and number goes on with the same content; this piece is then full
 *        3     1  reserved  0
 *        4     4  number    u32; of the call; 0 for hello, ping and pong
 *        8     …  piece of the content
 *
 * The content is the pieces of one kind and number put together: a plain CBOR value (text, numbers, booleans, undefined,
 * bytes, lists, maps with text keys). Both ends are processes of one person with one version of this table, and a hello
 * that names another is refused; so these values need neither one form of their own nor extensions.
 */

import { decode as decodeCbor, encode as encodeCbor } from "cborg";
import { type Bytes, putU32, u32At } from "./bytes.ts";
import { type ErrorCode, isErrorCode, isPerdureError, PerdureError, type Retry, readLimit } from "./error.ts";
import { otherVersion } from "./version.ts";

export const LOCAL_VERSION = 1;
export const LOCAL_HEADER_BYTES = 8;
/** Content in one message; a larger one goes on in the next. */
export const LOCAL_PIECE_BYTES = 256 * 1024;
/** Largest content put together: a turn with all its messages. */
export const MAX_LOCAL_BYTES = 48 * 1024 * 1024;

export const LOCAL_KINDS = { hello: 1, call: 2, result: 3, failure: 4, cancel: 5, ping: 6, pong: 7 } as const;
export type LocalKind = keyof typeof LOCAL_KINDS;

const KIND_OF: ReadonlyMap<number, LocalKind> = new Map(Object.entries(LOCAL_KINDS).map(([name, kind]) => [kind, name as LocalKind]));

export interface LocalPiece {
  readonly kind: LocalKind;
  readonly number: number;
  readonly more: boolean;
  readonly piece: Bytes;
}

export function encodeLocalPiece(part: LocalPiece): Bytes {
  const message = new Uint8Array(LOCAL_HEADER_BYTES + part.piece.length);
  message[0] = LOCAL_VERSION;
  message[1] = LOCAL_KINDS[part.kind];
  message[2] = part.more ? 1 : 0;
  putU32(message, 4, part.number);
  message.set(part.piece, LOCAL_HEADER_BYTES);
  return message;
}

const SAME_VERSION = "Stop the other process, or run both with the same version of perdure.";

/** `malformed`, or `needs-older-version` or `needs-newer-version` when the other process has another version of this table. */
export function decodeLocalPiece(message: Bytes): LocalPiece {
  if (message.length < LOCAL_HEADER_BYTES) malformed("shorter than its header");
  if (message[0] !== LOCAL_VERSION) {
    throw otherVersion({
      what: "another process that uses this folder",
      found: message[0] as number,
      own: LOCAL_VERSION,
      older: SAME_VERSION,
      newer: SAME_VERSION,
    });
  }
  const kind = KIND_OF.get(message[1] as number);
  if (kind === undefined) malformed(`kind ${message[1]} is unknown`);
  if ((message[2] as number) > 1 || message[3] !== 0) malformed("reserved bytes are not zero");
  return { kind, number: u32At(message, 4), more: message[2] === 1, piece: message.subarray(LOCAL_HEADER_BYTES) };
}

export function encodeLocalValue(value: unknown): Bytes {
  return encodeCbor(value);
}

export function decodeLocalValue(content: Bytes): unknown {
  try {
    return decodeCbor(content, { rejectDuplicateMapKeys: true });
  } catch (cause) {
    throw new PerdureError("malformed", "local message: the content is not CBOR", { cause });
  }
}

/** An error as the other process will throw it again. */
export function encodeLocalFailure(error: unknown): Bytes {
  const known = isPerdureError(error) ? error : new PerdureError("internal", error instanceof Error ? error.message : String(error));
  return encodeLocalValue([known.code, known.message, known.retry, known.hint, known.afterMs, known.limit]);
}

export function decodeLocalFailure(content: Bytes): PerdureError {
  const [code, message, retry, hint, afterMs, said] = listOf(decodeLocalValue(content));
  const limit = readLimit(said);
  const known: ErrorCode = typeof code === "string" && isErrorCode(code) ? code : "internal";
  return new PerdureError(known, String(message), {
    retry: retry === "now" || retry === "after" ? (retry satisfies Retry) : "never",
    ...(typeof hint === "string" ? { hint } : {}),
    ...(typeof afterMs === "number" ? { afterMs } : {}),
    ...(limit === undefined ? {} : { limit }),
  });
}

/** The first thing a guest says: who it is; and the holder's answer: whose folder this is. */
export interface LocalHello {
  readonly client: string;
  readonly agent: string;
}

export function encodeLocalHello(said: LocalHello): Bytes {
  return encodeLocalValue([said.client, said.agent]);
}

export function decodeLocalHello(content: Bytes): LocalHello {
  const [client, agent] = listOf(decodeLocalValue(content));
  if (typeof client !== "string" || typeof agent !== "string") malformed("a hello is two texts");
  return { client, agent };
}

export interface LocalCall {
  readonly method: string;
  readonly values: readonly unknown[];
}

export function encodeLocalCall(call: LocalCall): Bytes {
  return encodeLocalValue([call.method, call.values]);
}

export function decodeLocalCall(content: Bytes): LocalCall {
  const [method, values] = listOf(decodeLocalValue(content));
  if (typeof method !== "string") malformed("a call names its method");
  return { method, values: listOf(values) };
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : malformed("not a list");
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `local message: ${why}`);
}

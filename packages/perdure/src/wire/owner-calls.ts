/**
 * What the owner of a relay asks its running process over the socket `relay.sock` in the relay's folder: one message of JSON asks,
 * one answers, then the connection ends. Who can reach the socket can read the folder. Both ends are one version of this table;
 * another is refused.
 *
 *   { "version": 1, "call": { "name": "issue-ticket", "uses": 1, "expiresInMs": 86400000 } }
 *   { "version": 1, "result": { "address": "wss://relay.example/#ag1…?ticket=…", … } }
 *   { "version": 1, "error": { "code", "message", "retry", "hint", "afterMs", "limit" } }
 */

import { type Bytes, fromUtf8, utf8 } from "./bytes.ts";
import { isErrorCode, isPerdureError, PerdureError, type Retry, readLimit } from "./error.ts";
import { otherVersion } from "./version.ts";

export const OWNER_CALLS_VERSION = 1;
/** Longest message: a status with all its rows. */
export const MAX_OWNER_CALL_BYTES = 4 * 1024 * 1024;

export type OwnerCall =
  | { readonly name: "status" }
  /** An address to see the relay's page with. */
  | { readonly name: "page" }
  /** What lately came in: an `InputBundle`. */
  | { readonly name: "bundle" }
  | { readonly name: "issue-ticket"; readonly uses: number; readonly expiresInMs: number }
  /** Begins a new file of the log and keeps those before it as they are: a {@link HeldMoment}. It ends after a minute unless it is renewed. */
  | { readonly name: "backup-begin" }
  | { readonly name: "backup-renew"; readonly id: string }
  | { readonly name: "backup-end"; readonly id: string }
  /** `who` is an agent or a relay, `ag1…`. */
  | { readonly name: "ban"; readonly who: string; readonly banned: boolean; readonly why: string };

export interface HeldMoment {
  readonly id: string;
  /** What the log consisted of then, oldest first: so much of each file. */
  readonly segments: readonly { readonly segment: number; readonly bytes: number }[];
}

export interface IssuedTicket {
  /** What `perdure init --relay` takes. */
  readonly address: string;
  readonly uses: number;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export function encodeOwnerCall(call: OwnerCall): Bytes {
  return utf8(JSON.stringify({ version: OWNER_CALLS_VERSION, call }));
}

/** `malformed`, `needs-older-version`, `needs-newer-version`. */
export function decodeOwnerCall(message: Bytes): OwnerCall {
  const { call } = read(message);
  if (!isRecord(call)) malformed("it has no call");
  const { name, id, uses, expiresInMs, who, banned, why } = call;
  if (name === "status" || name === "page" || name === "bundle" || name === "backup-begin") return { name };
  if ((name === "backup-renew" || name === "backup-end") && typeof id === "string") return { name, id };
  if (name === "issue-ticket" && typeof uses === "number" && typeof expiresInMs === "number") return { name, uses, expiresInMs };
  if (name === "ban" && typeof who === "string" && typeof banned === "boolean" && typeof why === "string")
    return { name, who, banned, why };
  malformed("the call is not known");
}

export function encodeOwnerResult(result: unknown): Bytes {
  return utf8(JSON.stringify({ version: OWNER_CALLS_VERSION, result }));
}

export function encodeOwnerError(error: unknown): Bytes {
  const known = isPerdureError(error) ? error : new PerdureError("internal", error instanceof Error ? error.message : String(error));
  const { code, message, retry, hint, afterMs, limit } = known;
  return utf8(JSON.stringify({ version: OWNER_CALLS_VERSION, error: { code, message, retry, hint, afterMs, limit } }));
}

/** The result, or throws what the relay threw; `malformed`, `needs-older-version`, `needs-newer-version`. */
export function decodeOwnerAnswer(message: Bytes): unknown {
  const { result, error } = read(message);
  if (!isRecord(error)) return result;
  const { code, message: why, retry, hint, afterMs } = error;
  const limit = readLimit(error.limit);
  throw new PerdureError(typeof code === "string" && isErrorCode(code) ? code : "internal", String(why), {
    retry: retry === "now" || retry === "after" ? (retry satisfies Retry) : "never",
    ...(typeof hint === "string" ? { hint } : {}),
    ...(typeof afterMs === "number" ? { afterMs } : {}),
    ...(limit === undefined ? {} : { limit }),
  });
}

function read(message: Bytes): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(message));
  } catch (cause) {
    throw new PerdureError("malformed", "owner call: not JSON", { cause });
  }
  if (!isRecord(value)) malformed("not an object");
  if (value["version"] !== OWNER_CALLS_VERSION)
    throw otherVersion({
      what: "the other end of the relay's socket",
      found: Number(value["version"]),
      own: OWNER_CALLS_VERSION,
      older: SAME_VERSION,
      newer: SAME_VERSION,
    });
  return value;
}

const SAME_VERSION = "Run the relay and this command with the same version of perdure.";

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `owner call: ${why}`);
}

/** Errors as the other side reads them: an error becomes a goodbye or a refusal, and a goodbye becomes an error again. */

import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { Goodbye } from "../../wire/control.ts";
import { type ErrorCode, isErrorCode, isPerdureError, type LimitHit, PerdureError } from "../../wire/error.ts";

const WORDS_BYTES = 512;
const DEFAULT_AFTER_MS = 1000;

export interface ReasonDetails {
  readonly retry?: Goodbye["retry"];
  readonly afterMs?: number;
  readonly limit?: LimitHit | undefined;
  readonly hint?: string;
}

export function goodbyeFor(code: ErrorCode, why: string, details: ReasonDetails = {}): Goodbye {
  const retry = details.retry ?? "never";
  return {
    code,
    retry,
    afterMs: details.afterMs ?? (retry === "after" ? DEFAULT_AFTER_MS : 0),
    limit: details.limit,
    why: clipWords(why),
    hint: clipWords(details.hint ?? ""),
  };
}

/** What is said when `error` ends a session; the words of foreign errors stay on this machine. */
export function goodbyeOf(error: unknown): Goodbye {
  if (!isPerdureError(error)) return goodbyeFor("internal", "something failed on the other side", { retry: "after" });
  return goodbyeFor(error.code, error.message, {
    retry: error.retry,
    ...(error.afterMs === undefined ? {} : { afterMs: error.afterMs }),
    limit: error.limit,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

/** The error a goodbye amounts to; a code this version does not know becomes `connection-closed` and is named in the message. */
export function errorOfGoodbye(goodbye: Goodbye): PerdureError {
  const details = {
    retry: goodbye.retry,
    ...(goodbye.retry === "after" ? { afterMs: goodbye.afterMs } : {}),
    ...(goodbye.limit === undefined ? {} : { limit: goodbye.limit }),
    ...(goodbye.hint === "" ? {} : { hint: goodbye.hint }),
  };
  if (isErrorCode(goodbye.code)) return new PerdureError(goodbye.code, goodbye.why, details);
  return new PerdureError("connection-closed", `${goodbye.code}: ${goodbye.why}`, details);
}

/** NFC text of at most 512 bytes of UTF-8, cut at a letter. */
export function clipWords(text: string): string {
  const normal = text.toWellFormed().normalize("NFC");
  const encoded = utf8(normal);
  if (encoded.length <= WORDS_BYTES) return normal;
  let end = WORDS_BYTES;
  while (end > 0 && ((encoded[end] as number) & 0xc0) === 0x80) end--;
  return fromUtf8(encoded.subarray(0, end)).normalize("NFC");
}

import type { ErrorCode, Retry } from "../../wire/error.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly hint?: string;
}

const DENIED: Meaning = {
  code: "permission-denied",
  retry: "never",
  hint: "The browser lets this page store nothing; allow it, and leave private windows.",
};

const MEANINGS: Readonly<Record<string, Meaning>> = {
  QuotaExceededError: {
    code: "disk-full",
    retry: "after",
    hint: "Make room on the disk, or let the site store more; nothing that was accepted is lost.",
  },
  SecurityError: DENIED,
  NotAllowedError: DENIED,
  InvalidStateError: { code: "disk-failed", retry: "after", hint: "The browser closed its storage; reload the page." },
};

/** What an error of IndexedDB means; `doing` completes "could not …". An error we do not know is a failed disk. */
export function storageError(error: unknown, doing: string): PerdureError {
  if (isPerdureError(error)) return error;
  const name = typeof error === "object" && error !== null && "name" in error ? String(error.name) : "unknown error";
  const { code, retry, hint } = MEANINGS[name] ?? { code: "disk-failed", retry: "after" };
  return new PerdureError(code, `could not ${doing} (${name})`, { retry, cause: error, ...(hint === undefined ? {} : { hint }) });
}

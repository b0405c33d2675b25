import type { ErrorCode, Retry } from "../../wire/error.ts";
import { PerdureError } from "../../wire/error.ts";

interface Meaning {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly hint?: string;
}

const FULL: Meaning = {
  code: "disk-full",
  retry: "after",
  hint: "Make room on the disk, or raise the quota; nothing that was accepted is lost.",
};
const DENIED: Meaning = { code: "permission-denied", retry: "never", hint: "Check who owns the folder, or choose another one." };
const BAD_PATH: Meaning = { code: "bad-argument", retry: "never", hint: "Check the path." };

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOSPC: FULL,
  EDQUOT: FULL,
  EFBIG: FULL,
  EIO: { code: "disk-failed", retry: "after", hint: "Look at the system's log: the disk reported an error." },
  EROFS: { code: "read-only", retry: "never", hint: "Choose a folder on a disk that can be written." },
  EACCES: DENIED,
  EPERM: DENIED,
  ENOENT: { code: "not-found", retry: "never" },
  ENOTDIR: BAD_PATH,
  EEXIST: BAD_PATH,
  EISDIR: BAD_PATH,
  ENAMETOOLONG: BAD_PATH,
  EINVAL: BAD_PATH,
  EMFILE: { code: "too-busy", retry: "after", hint: "Raise the limit on open files (ulimit -n)." },
  ENFILE: { code: "too-busy", retry: "after", hint: "Raise the system's limit on open files." },
};

/** What an error of the file system means; `doing` completes "could not …". An error we do not know is a failed disk. */
export function fileError(error: unknown, doing: string): PerdureError {
  const systemCode = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const meaning = MEANINGS[systemCode] ?? { code: "disk-failed", retry: "after" };
  const details = { retry: meaning.retry, cause: error, ...(meaning.hint === undefined ? {} : { hint: meaning.hint }) };
  return new PerdureError(meaning.code, `could not ${doing} (${systemCode === "" ? "unknown error" : systemCode})`, details);
}

/** Runs `work`; what it throws becomes a PerdureError. */
export async function fileCall<Value>(doing: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, doing);
  }
}

export function hasSystemCode(error: unknown, ...codes: readonly string[]): boolean {
  return typeof error === "object" && error !== null && "code" in error && codes.includes(String(error.code));
}

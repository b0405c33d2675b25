/** What somebody is told whose records a disk does not take. */
import { PerdureError } from "../../wire/error.ts";
import type { LogHealth } from "./record-log.ts";

type StuckCode = Extract<LogHealth, { readonly state: "stuck" }>["code"];

/** What a disk that fails like this is stuck with. */
export function stuckCode(error: PerdureError): StuckCode {
  if (error.code === "disk-full") return "disk-full";
  return error.code === "read-only" || error.code === "permission-denied" ? "read-only" : "disk-failed";
}

/** What an append with `orReject` fails with. */
export function rejected(cause: PerdureError, afterMs: number): PerdureError {
  const code = stuckCode(cause);
  const hint = code === "disk-full" ? "Free some space." : code === "read-only" ? "Make the folder writable." : "Check the disk.";
  return new PerdureError(code, `could not be written: ${cause.message}`, { retry: "after", afterMs, hint, cause });
}

/** What an append fails with that the log was closed over. */
export function stopped(): PerdureError {
  return new PerdureError("aborted", "the log was closed before its disk let this finish");
}

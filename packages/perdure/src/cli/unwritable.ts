/** Why a file that somebody named cannot be written. */
import { dirname } from "node:path";
import { PerdureError } from "../wire/error.ts";
import { safeLine } from "./foreign-text.ts";

/** `not-found` where its folder is missing, `bad-argument` where it is a folder, `permission-denied` otherwise; `word` is the one that named it. */
export function unwritable(path: string, cause: unknown, word: string): PerdureError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const file = safeLine(path);
  if (code === "ENOENT" || code === "ENOTDIR")
    return new PerdureError("not-found", `there is no folder ${safeLine(dirname(path))} to write ${file} in`, {
      hint: `Make it first, or name another file with ${word}.`,
      cause,
    });
  if (code === "EISDIR") return new PerdureError("bad-argument", `${file} is a folder`, { hint: `Name a file in it with ${word}.`, cause });
  return new PerdureError("permission-denied", `${file} cannot be written`, {
    hint: `Name a place where you may write with ${word}.`,
    cause,
  });
}

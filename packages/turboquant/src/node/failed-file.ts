import { TurboQuantError } from "../error.ts";

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "There is no such file. With a header one is begun, in a folder that exists.",
  EACCES: "This user may not.",
  EPERM: "This user may not.",
  EROFS: "The disk can only be read.",
  ENOSPC: "The disk is full.",
  EDQUOT: "This user's share of the disk is full.",
  EISDIR: "It is a folder.",
  EMFILE: "This process has too many files open.",
};

/** What the system said of a file, as `file-failed`; an error of ours stays what it is. */
export function failedFile(error: unknown, what: string): TurboQuantError {
  if (error instanceof TurboQuantError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const hint = HINTS[code] ?? "The cause says what the system said.";
  return new TurboQuantError("file-failed", `could not ${what}${code === "" ? "" : ` (${code})`}`, hint, error);
}

/** What is called of a file after it was closed. */
export function closedFile(path: string): TurboQuantError {
  return new TurboQuantError("closed", `${path} was closed`, "Open it again.");
}

export async function fileCall<Result>(what: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw failedFile(error, what);
  }
}

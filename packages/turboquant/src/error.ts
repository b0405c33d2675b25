/**
 * What went wrong, for programs: `bad-argument` a quantizer that cannot be, `bad-vector` a vector that cannot be encoded, `bad-code` bytes that are no code
 * of this quantizer, `full` an index whose memory is at its end. Of files: `bad-file` bytes that are no file of an index, or not as they were written; `wrong-version` a file of a newer version; `file-busy`
 * somebody else writes to it; `file-changed` it became another while it was read; `file-failed` it could not be read or written.
 */
export type TurboQuantErrorCode =
  | "bad-argument"
  | "bad-vector"
  | "bad-code"
  | "full"
  | "bad-file"
  | "wrong-version"
  | "file-busy"
  | "file-changed"
  | "file-failed";

const BRAND: unique symbol = Symbol.for("perdure.turboquant.error");

export class TurboQuantError extends Error {
  override readonly name = "TurboQuantError";
  readonly [BRAND] = true;
  readonly code: TurboQuantErrorCode;
  /** What to do about it. */
  readonly hint: string;

  constructor(code: TurboQuantErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.hint = hint;
  }
}

/** Also for errors of another copy of this package. */
export function isTurboQuantError(error: unknown): error is TurboQuantError {
  return typeof error === "object" && error !== null && BRAND in error;
}

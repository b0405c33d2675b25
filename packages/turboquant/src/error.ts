/** What went wrong, for programs. */
export type TurboQuantErrorCode =
  /** A quantizer that cannot be, or options that do not fit. */
  | "bad-argument"
  /** A vector that cannot be encoded. */
  | "bad-vector"
  /** Bytes that are no code of this quantizer. */
  | "bad-code"
  /** An index whose memory is at its end. */
  | "full"
  /** A file of somebody else's that holds no vectors that can be encoded. */
  | "bad-input"
  /** Bytes that are no file of an index, or not as they were written. */
  | "bad-file"
  /** A file of an index of a newer version. */
  | "wrong-version"
  /** Somebody else writes to the file of an index. */
  | "file-busy"
  /** The file of an index became another while it was read. */
  | "file-changed"
  /** The file of an index could not be read or written. */
  | "file-failed"
  /** A thread of an index ended, and with it a share of the vectors. */
  | "thread-failed"
  /** More calls wait for threads than an index was told to let wait. */
  | "busy"
  /** An index, or its file, that was closed. */
  | "closed";

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

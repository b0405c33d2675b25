/** What went wrong, for programs: `bad-argument` a quantizer that cannot be, `bad-vector` a vector that cannot be encoded, `bad-code` bytes that are no code of this quantizer,
 * `full` an index whose memory is at its end. */
export type TurboQuantErrorCode = "bad-argument" | "bad-vector" | "bad-code" | "full";

const BRAND: unique symbol = Symbol.for("perdure.turboquant.error");

export class TurboQuantError extends Error {
  override readonly name = "TurboQuantError";
  readonly [BRAND] = true;
  readonly code: TurboQuantErrorCode;
  /** What to do about it. */
  readonly hint: string;

  constructor(code: TurboQuantErrorCode, message: string, hint: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

/** Also for errors of another copy of this package. */
export function isTurboQuantError(error: unknown): error is TurboQuantError {
  return typeof error === "object" && error !== null && BRAND in error;
}

/** A service that gave no answer: not reached, in time or at all. */
const BRAND: unique symbol = Symbol.for("perdure.pace.upstream");

export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
  readonly [BRAND] = true;
  readonly code: "unreachable" | "no-answer";

  constructor(code: "unreachable" | "no-answer", message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export function isUpstreamError(error: unknown): error is UpstreamError {
  return typeof error === "object" && error !== null && BRAND in error;
}

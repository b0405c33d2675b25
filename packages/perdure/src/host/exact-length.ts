import { PerdureError } from "../wire/error.ts";

/** Throws `bad-argument` unless `bytes` has the length that `what` must have. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new PerdureError("bad-argument", `${what} has ${bytes.length} bytes instead of ${length}`);
}

import { PerdureError } from "../../wire/error.ts";

/** The same memory without Buffer's own methods: the rooms above know plain bytes only. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Throws `bad-argument` unless `bytes` has the length that `what` must have. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new PerdureError("bad-argument", `${what} has ${bytes.length} bytes instead of ${length}`);
}

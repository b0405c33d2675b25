export { requireLength } from "../exact-length.ts";

/** The same memory without Buffer's own methods: the rooms above know plain bytes only. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes as WebCrypto and IndexedDB take them: not shared between threads, which ours never are. */
export function bufferOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

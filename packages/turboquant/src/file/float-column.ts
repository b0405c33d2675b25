/** Columns of 32-bit floats, little-endian on every machine. */

export function floatBytes(floats: Float32Array): Uint8Array {
  const bytes = new Uint8Array(floats.length * 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < floats.length; at++) view.setFloat32(at * 4, floats[at] as number, true);
  return bytes;
}

export function floatsOf(bytes: Uint8Array): Float32Array {
  const floats = new Float32Array(bytes.length >>> 2);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < floats.length; at++) floats[at] = view.getFloat32(at * 4, true);
  return floats;
}

export function isFinite32(floats: Float32Array): boolean {
  for (let at = 0; at < floats.length; at++) if (!Number.isFinite(floats[at])) return false;
  return true;
}

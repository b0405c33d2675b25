/** One byte a coordinate by one scale for all, as systems want it that take bytes but make none well. */

const MOST = 127;
/** Room above what the first rows have, for those that follow. */
const HEADROOM = 1.1;

export function byteScale(rows: Float32Array): number {
  let most = 0;
  for (const value of rows) most = Math.max(most, Math.abs(value));
  return MOST / (most * HEADROOM);
}

export function toBytes(vector: Float32Array, scale: number): Int8Array {
  const bytes = new Int8Array(vector.length);
  for (let at = 0; at < vector.length; at++) bytes[at] = Math.max(-MOST, Math.min(MOST, Math.round((vector[at] as number) * scale)));
  return bytes;
}

import { badCoordinate, checkVector, MAX_FLOAT } from "../codec/vector.ts";

/**
 * Root of the mean square of the coordinates, the length by sqrt(d): it is a 32-bit float whenever they are, which the length need not be. Throws
 * `bad-vector` for another number of coordinates, NaN, and what does not fit a 32-bit float.
 */
export function rootMeanSquare(vector: ArrayLike<number>, dim: number): number {
  checkVector(vector, dim);
  let most = 0;
  for (let at = 0; at < dim; at++) {
    const value = Math.abs(vector[at] as number);
    if (!(value <= MAX_FLOAT)) throw badCoordinate(vector, at);
    if (value > most) most = value;
  }
  if (most === 0) return 0;
  let sum = 0;
  for (let at = 0; at < dim; at++) {
    const share = (vector[at] as number) / most;
    sum += share * share;
  }
  return most * Math.sqrt(sum / dim);
}

/** Of a length of sqrt(d): `size` is what the vector's own is by that. */
export function ofUnitSize(vector: ArrayLike<number>, size: number): Float32Array {
  return Float32Array.from({ length: vector.length }, (_, at) => (size > 0 ? (vector[at] as number) / size : 0));
}

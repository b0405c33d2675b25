/** Vectors as programs hand them over. */
import { orAwaited, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";

export const MAX_FLOAT = 3.4028234663852886e38;

/** Throws `bad-vector` for what is no list of `dim` numbers. Whether they are finite is seen where they are summed up. */
export function checkVector(vector: ArrayLike<number>, dim: number): void {
  if (vector instanceof Float32Array && vector.length === dim) return;
  if (typeof vector !== "object" || vector === null || typeof vector.length !== "number")
    throw badVector(`a vector is ${shown(vector)}`, orAwaited(vector, `It is an array of ${dim} numbers, or a Float32Array.`));
  if (vector.length !== dim)
    throw badVector(`a vector has ${dim} coordinates, not ${vector.length}`, "One quantizer serves one dimension.");
  // Texts, nothing and truths would be made numbers of. In typed arrays all are of one kind.
  const looked = ArrayBuffer.isView(vector) ? 1 : dim;
  for (let at = 0; at < looked; at++) if (typeof vector[at] !== "number") throw badCoordinate(vector, at);
}

export function badCoordinate(vector: ArrayLike<number>, at: number): TurboQuantError {
  return badVector(`coordinate ${at} is ${shown(vector[at])}`, "Coordinates are finite numbers and fit a 32-bit float.");
}

function badVector(what: string, hint: string): TurboQuantError {
  return new TurboQuantError("bad-vector", what, hint);
}

/** Inner product. */
export function dot(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < left.length; at++) sum += (left[at] as number) * (right[at] as number);
  return sum;
}

/** Numbers and vectors for tests: the same from the same seed. */
import { dot } from "./codec/vector.ts";

export { dot };

/** About normal, with mean 0 and variance 1: the sum of twelve even numbers. */
export function createNormals(seed: number): () => number {
  let state = Math.imul(seed, 0x9e37_79b9) | 1;
  return () => {
    let sum = -6;
    for (let nth = 0; nth < 12; nth++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      sum += (state >>> 0) / 2 ** 32;
    }
    return sum;
  };
}

export function randomVector(dim: number, normal: () => number): Float32Array {
  return Float32Array.from({ length: dim }, normal);
}

/** Squared length of the difference, of the squared length of the first. */
export function relativeError(vector: Float32Array, other: Float32Array): number {
  return (
    dot(
      vector.map((value, at) => value - (other[at] as number)),
      vector.map((value, at) => value - (other[at] as number)),
    ) / dot(vector, vector)
  );
}

/** What nothing that takes vectors of this dimension takes: of another one, with NaN, without end. */
export function badVectors(dim: number): readonly (Float32Array | Float64Array)[] {
  return [
    new Float32Array(dim - 1),
    new Float32Array(dim + 1),
    new Float32Array(dim).fill(Number.NaN),
    new Float32Array(dim).fill(Number.NEGATIVE_INFINITY),
    new Float64Array(dim).fill(1e39),
  ];
}

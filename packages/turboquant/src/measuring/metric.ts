/** What is compared: the angle between vectors, or their inner product as it is. */
import type { Metric } from "../file/segment.ts";

export const METRICS: readonly Metric[] = ["cosine", "dot"];

/** In 64-bit floats: squares of the largest 32-bit floats are numbers there. */
export function lengthOf(vector: Float32Array): number {
  let sum = 0;
  for (let at = 0; at < vector.length; at++) sum += (vector[at] as number) ** 2;
  return Math.sqrt(sum);
}

export function scaled(vector: Float32Array, by: number): Float32Array {
  return vector.map((value) => value * by);
}

/** What is compared under this metric: by angle, the vector with length one. Zero stays zero. */
export function compared(vector: Float32Array, metric: Metric): Float32Array {
  const length = metric === "dot" ? 1 : lengthOf(vector);
  return length === 1 || length === 0 ? vector : scaled(vector, 1 / length);
}

/**
 * Of `dim` numbers each, from places in two arrays: four sums beside each other, which is what keeps a processor busy. Each is declared by itself: taken
 * out of an array they are slower by four times.
 */
export function dotAt(left: Float32Array, leftAt: number, right: Float32Array, rightAt: number, dim: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let at = 0;
  for (; at + 3 < dim; at += 4) {
    a += (left[leftAt + at] as number) * (right[rightAt + at] as number);
    b += (left[leftAt + at + 1] as number) * (right[rightAt + at + 1] as number);
    c += (left[leftAt + at + 2] as number) * (right[rightAt + at + 2] as number);
    d += (left[leftAt + at + 3] as number) * (right[rightAt + at + 3] as number);
  }
  for (; at < dim; at++) a += (left[leftAt + at] as number) * (right[rightAt + at] as number);
  return a + b + (c + d);
}

/** Of four vectors with each row of a matrix: each number of the matrix is read once for all four. */
export function dotsOfFour(four: readonly Float32Array[], matrix: Float32Array, dim: number, into: readonly Float64Array[]): void {
  const [q, r, s, t] = four as readonly [Float32Array, Float32Array, Float32Array, Float32Array];
  const [a, b, c, d] = into as readonly [Float64Array, Float64Array, Float64Array, Float64Array];
  for (let row = 0, from = 0; from < matrix.length; row++, from += dim) {
    let atQ = 0;
    let atR = 0;
    let atS = 0;
    let atT = 0;
    for (let at = 0; at < dim; at++) {
      const value = matrix[from + at] as number;
      atQ += value * (q[at] as number);
      atR += value * (r[at] as number);
      atS += value * (s[at] as number);
      atT += value * (t[at] as number);
    }
    a[row] = atQ;
    b[row] = atR;
    c[row] = atS;
    d[row] = atT;
  }
}

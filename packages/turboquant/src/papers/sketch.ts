/**
 * Square matrices S drawn from a seed, of which a code keeps the signs of S r (QJL, arXiv 2406.03482): `factor * |r| * <S y, sign(S r)>` is
 * <y, r> on average over S. The signs alone would do for the direction of r; the factor depends on how S was drawn:
 *
 *   gaussian     entries N(0,1), the paper's                sqrt(pi/2) / d
 *   orthogonal   rows of length 1, each across the others   about sqrt(pi / (2 d))
 *
 * The first of an orthogonal matrix would make what is estimated sqrt(d) times too small.
 */
import { createRandomBits } from "../codec/random-bits.ts";
import { createRotation } from "../codec/rotation.ts";
import { createNormalDraws } from "./normals.ts";

export type SketchKind = "gaussian" | "orthogonal";

export interface Sketch {
  readonly factor: number;
  /** S v. */
  apply(vector: Float32Array): Float32Array;
  /** The transposed of S times v. */
  transposed(vector: Float32Array): Float32Array;
}

export function createSketch(kind: SketchKind, dim: number, seed: bigint): Sketch {
  return kind === "gaussian" ? gaussianSketch(dim, seed) : orthogonalSketch(dim, seed);
}

function gaussianSketch(dim: number, seed: bigint): Sketch {
  const normal = createNormalDraws(createRandomBits(seed));
  const entries = new Float32Array(dim * dim);
  for (let at = 0; at < entries.length; at++) entries[at] = normal();
  return {
    factor: Math.sqrt(Math.PI / 2) / dim,
    apply: (vector) => {
      const result = new Float32Array(dim);
      for (let row = 0; row < dim; row++) {
        let sum = 0;
        for (let column = 0; column < dim; column++) sum += (entries[row * dim + column] as number) * (vector[column] as number);
        result[row] = sum;
      }
      return result;
    },
    transposed: (vector) => {
      const sums = new Float64Array(dim);
      for (let row = 0; row < dim; row++) {
        const weight = vector[row] as number;
        for (let column = 0; column < dim; column++)
          sums[column] = (sums[column] as number) + weight * (entries[row * dim + column] as number);
      }
      return Float32Array.from(sums);
    },
  };
}

function orthogonalSketch(dim: number, seed: bigint): Sketch {
  const rotation = createRotation(dim, seed);
  const turned = (turn: (vector: Float32Array) => void) => (vector: Float32Array) => {
    const result = vector.slice();
    turn(result);
    return result;
  };
  return {
    factor: 1 / (dim * meanCoordinate(dim)),
    apply: turned(rotation.apply),
    transposed: turned(rotation.undo),
  };
}

/**
 * How large a coordinate of a random vector of length 1 is on average, without its sign: G(d/2) / (sqrt(pi) G((d+1)/2)), which tends to
 * sqrt(2 / (pi d)). In one dimension 1, in two 2 / pi; two more dimensions make it d / (d + 1) of what it was.
 */
function meanCoordinate(dim: number): number {
  let mean = dim % 2 === 1 ? 1 : 2 / Math.PI;
  for (let from = dim % 2 === 1 ? 1 : 2; from < dim; from += 2) mean *= from / (from + 1);
  return mean;
}

/** Inner products of vectors as they are, by what an index is asked for: where only directions count, of vectors at length one. */
import { dot } from "../codec/vector.ts";
import type { IndexHeader } from "../file/segment.ts";

export interface ExactProduct {
  /** Of a query and the centre; 0 without one. */
  withCenter(query: ArrayLike<number>): number;
  /** Of a query and vectors. */
  with(query: ArrayLike<number>): (vector: ArrayLike<number>) => number;
}

export function createExactProduct({ metric, center }: IndexHeader): ExactProduct {
  /** What a vector is divided by. */
  const unitOf = (vector: ArrayLike<number>): number => (metric === "dot" ? 1 : Math.sqrt(dot(vector, vector)) || 1);
  return {
    withCenter: (query) => (center === undefined ? 0 : dot(center, query) / unitOf(query)),
    with: (query) => {
      const unit = unitOf(query);
      return (vector) => dot(vector, query) / (unit * unitOf(vector));
    },
  };
}

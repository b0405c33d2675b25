/** Which vectors are nearest, by exact inner products of the 32-bit floats, summed up in 64 bits. */
export interface Nearest {
  /** Nearest first. */
  readonly ids: readonly number[];
  readonly scores: readonly number[];
}

export interface Truth {
  /** To be told every vector, in any order. */
  see(id: number, vector: Float32Array): void;
  nearest(query: number): Nearest;
}

/** Queries that are gone through in one pass over a vector. */
const AT_ONCE = 4;

/** `queries`: one behind the other. `depth`: how many of the nearest are kept of each. */
export function createTruth(queries: Float32Array, dim: number, depth: number): Truth {
  const count = queries.length / dim;
  const best = Array.from({ length: count }, () => ({ ids: [] as number[], scores: [] as number[] }));
  const take = (query: number, id: number, score: number): void => {
    const { ids, scores } = best[query] as { ids: number[]; scores: number[] };
    if (ids.length === depth && score <= (scores[depth - 1] as number)) return;
    let place = scores.length;
    while (place > 0 && score > (scores[place - 1] as number)) place--;
    ids.splice(place, 0, id);
    scores.splice(place, 0, score);
    if (ids.length > depth) {
      ids.pop();
      scores.pop();
    }
  };
  const groups = Math.ceil(count / AT_ONCE) * AT_ONCE;
  const padded = new Float32Array(groups * dim);
  padded.set(queries);
  const sums = new Float64Array(AT_ONCE);
  return {
    see: (id, vector) => {
      for (let query = 0; query < groups; query += AT_ONCE) {
        fourDots(padded, query * dim, vector, dim, sums);
        for (let nth = 0; nth < AT_ONCE && query + nth < count; nth++) take(query + nth, id, sums[nth] as number);
      }
    },
    nearest: (query) => best[query] as Nearest,
  };
}

function fourDots(queries: Float32Array, from: number, vector: Float32Array, dim: number, sums: Float64Array): void {
  const [second, third, fourth] = [from + dim, from + 2 * dim, from + 3 * dim];
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < dim; at++) {
    const value = vector[at] as number;
    a += value * (queries[from + at] as number);
    b += value * (queries[second + at] as number);
    c += value * (queries[third + at] as number);
    d += value * (queries[fourth + at] as number);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/** One fixed rotation that spreads what lies along a few coordinates over all of them, as the directions of an embedding model lie anyhow. */
import type { NormalDraws } from "./normal-draws.ts";

const ROUNDS = 2;

/** In place. Each round deals the coordinates out anew, with signs, and mixes blocks of the largest power of two in `dim` (Sylvester). */
export function createScatter(dim: number, draws: NormalDraws): (vector: Float32Array) => void {
  const block = dim & -dim;
  const scale = 1 / Math.sqrt(block);
  const rounds = Array.from({ length: ROUNDS }, () => ({ from: dealt(dim, draws), signs: signsOf(dim, draws, scale) }));
  const room = new Float32Array(dim);
  return (vector) => {
    for (const { from, signs } of rounds) {
      for (let at = 0; at < dim; at++) room[at] = (signs[at] as number) * (vector[from[at] as number] as number);
      for (let start = 0; start < dim; start += block) mix(room.subarray(start, start + block));
      vector.set(room);
    }
  };
}

function mix(block: Float32Array): void {
  for (let half = 1; half < block.length; half *= 2)
    for (let from = 0; from < block.length; from += 2 * half)
      for (let at = from; at < from + half; at++) {
        const left = block[at] as number;
        const right = block[at + half] as number;
        block[at] = left + right;
        block[at + half] = left - right;
      }
}

function dealt(dim: number, draws: NormalDraws): Uint32Array {
  const order = Uint32Array.from({ length: dim }, (_, at) => at);
  for (let at = dim - 1; at > 0; at--) {
    const other = draws.whole(at + 1);
    const kept = order[at] as number;
    order[at] = order[other] as number;
    order[other] = kept;
  }
  return order;
}

function signsOf(dim: number, draws: NormalDraws, size: number): Float32Array {
  return Float32Array.from({ length: dim }, () => (draws.whole(2) === 0 ? size : -size));
}

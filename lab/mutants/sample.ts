/** Drawing mutants, and how much the share of a sample says about all of them. */
import { createHash } from "node:crypto";
import type { Mutant } from "./generate.ts";

/**
 * So many mutants, each file with its share: every n-th of a list in which the mutants of a file stand together, in an order and from a
 * place that the seed decides. The sample comes in an order of its own, so that the first part of it is a sample too.
 */
export function drawSample<Each extends Pick<Mutant, "id" | "file">>(
  mutants: readonly Each[],
  size: number,
  seed: number,
): readonly Each[] {
  const ranked = mutants.map((mutant) => ({ mutant, rank: rankOf(seed, mutant.id) }));
  if (size >= mutants.length) return ranked.sort(byRank).map(({ mutant }) => mutant);
  ranked.sort((a, b) => (a.mutant.file < b.mutant.file ? -1 : a.mutant.file > b.mutant.file ? 1 : byRank(a, b)));
  const step = ranked.length / size;
  const from = rankOf(seed, "from") * step;
  return Array.from({ length: size }, (_, nth) => ranked[Math.floor(from + nth * step)])
    .filter((each) => each !== undefined)
    .sort(byRank)
    .map(({ mutant }) => mutant);
}

const byRank = (a: { readonly rank: number }, b: { readonly rank: number }): number => a.rank - b.rank;

/** From 0 up to 1. */
function rankOf(seed: number, name: string): number {
  return createHash("sha256").update(`${seed} ${name}`).digest().readUInt32BE(0) / 2 ** 32;
}

/** Wilson's interval for a share: where the true one lies with a confidence of 95 %. */
export function wilson(hits: number, of: number): readonly [number, number] {
  if (of === 0) return [0, 1];
  const z = 1.959964;
  const share = hits / of;
  const middle = share + (z * z) / (2 * of);
  const half = z * Math.sqrt((share * (1 - share)) / of + (z * z) / (4 * of * of));
  const scale = 1 + (z * z) / of;
  return [Math.max(0, (middle - half) / scale), Math.min(1, (middle + half) / scale)];
}

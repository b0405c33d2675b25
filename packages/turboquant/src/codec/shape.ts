/** How the bits of a code are shared out among coordinates and bit planes. */
import { type Codebook, createCodebook } from "./codebook.ts";

/** Coordinates one behind the other with the same codebook. */
export interface Part {
  readonly from: number;
  readonly count: number;
  readonly codebook: Codebook;
}

export interface Shape {
  readonly parts: readonly Part[];
  /** How many coordinates, from the first on, have a bit in each plane: the signs, then the bits of magnitudes, the most significant first. */
  readonly planes: readonly number[];
  /** Mean squared error of a coordinate, of 1. */
  readonly distortion: number;
}

/** `from`: the width that codes had before they were truncated to `bits`. */
export function shapeOf(dim: number, bits: number, from: number): Shape {
  const [now, before] = [widthsOf(dim, bits), widthsOf(dim, from)];
  const edges = [...new Set([0, now.more, before.more, dim])].filter((edge) => edge <= dim).sort((left, right) => left - right);
  const parts = edges.slice(1).map((edge, nth): Part => {
    const first = edges[nth] as number;
    return { from: first, count: edge - first, codebook: createCodebook(dim, widthAt(now, first), widthAt(before, first)) };
  });
  return {
    parts,
    planes: Array.from({ length: now.more > 0 ? now.least + 1 : now.least }, (_, plane) => (plane < now.least ? dim : now.more)),
    distortion: parts.reduce((sum, { count, codebook }) => sum + (count / dim) * codebook.distortion, 0),
  };
}

interface Widths {
  readonly least: number;
  /** Coordinates, from the first on, that have a bit more. */
  readonly more: number;
}

function widthsOf(dim: number, bits: number): Widths {
  const least = Math.floor(bits);
  return { least, more: Math.round((bits - least) * dim) };
}

function widthAt({ least, more }: Widths, coordinate: number): number {
  return coordinate < more ? least + 1 : least;
}

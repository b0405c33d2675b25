/** What a quantizer is asked to be. */
import { checkWhole, refuse, shown } from "../argument.ts";
import { isTurboQuantError } from "../error.ts";
import type { KernelChoice } from "../kernels/load.ts";
import type { ScaleMode } from "./encoder.ts";
import { checkVector } from "./vector.ts";

export interface QuantizerOptions {
  /** Coordinates, 2 to 8,192. */
  readonly dim: number;
  /** Per coordinate, 1 to 8, also between whole numbers; 4 unless said. */
  readonly bits?: number;
  /** Of the rotation; 0 unless said. Codes of different seeds have nothing to do with each other. */
  readonly seed?: number | bigint;
  /** `unbiased` unless said. */
  readonly scale?: ScaleMode;
  /** Of codes that were truncated: the bits they were encoded with. `bits` unless said. */
  readonly from?: number;
  /** Taken off each vector before it is encoded and never changed: where vectors share a direction, codes of what is left err less. `dim` coordinates. */
  readonly center?: ArrayLike<number>;
  /** The fastest that run here unless said. All write the same codes. */
  readonly kernels?: KernelChoice;
}

export interface QuantizerSettings {
  readonly dim: number;
  readonly bits: number;
  readonly seed: bigint;
  readonly scale: ScaleMode;
  readonly from: number;
  /** A copy: whoever gave it may go on with theirs. */
  readonly center?: Float32Array;
}

export const MIN_DIM = 2;
/** Vectors of models end at 4,096 or so; codebooks and rotations are tested up to here. */
export const MAX_DIM = 8192;
const MAX_BITS = 8;
const MAX_SEED = 2n ** 64n;
const SCALES: readonly ScaleMode[] = ["raw", "norm", "unbiased", "mse"];

/** With what is not said filled in. Throws `bad-argument`. */
export function quantizerSettings({
  dim,
  bits = 4,
  seed = 0,
  scale = "unbiased",
  from = bits,
  center,
}: Omit<QuantizerOptions, "kernels">): QuantizerSettings {
  checkWhole("dim", dim, MIN_DIM, MAX_DIM);
  checkBits(bits, 1, `It is a number from 1 to ${MAX_BITS}.`, "bits");
  checkBits(from, bits, `It is a number from bits, ${bits}, to ${MAX_BITS}.`, "from");
  const settings = { dim, bits, seed: seedOf(seed), scale, from };
  if (!SCALES.includes(scale)) refuse(`scale is ${shown(scale)}`, `It is one of ${SCALES.join(", ")}.`);
  return center === undefined ? settings : { ...settings, center: centerOf(center, dim) };
}

function checkBits(bits: number, least: number, hint: string, name: string): void {
  if (typeof bits !== "number" || !(bits >= least && bits <= MAX_BITS)) refuse(`${name} is ${shown(bits)}`, hint);
}

/** Throws `bad-argument`. */
export function seedOf(seed: number | bigint): bigint {
  const isWhole = typeof seed === "bigint" || Number.isSafeInteger(seed);
  if (!isWhole || BigInt(seed) < 0n || BigInt(seed) >= MAX_SEED)
    refuse(`seed is ${shown(seed)}`, "It is a whole number of at most 64 bits: a bigint where it passes 2^53.");
  return BigInt(seed);
}

/** Throws `bad-argument`. */
export function centerOf(given: ArrayLike<number>, dim: number): Float32Array {
  const hint = `It has ${dim} finite coordinates.`;
  try {
    checkVector(given, dim);
  } catch (error) {
    refuse(`center is no vector of this dimension${isTurboQuantError(error) ? `: ${error.message}` : ""}`, hint);
  }
  const center = Float32Array.from(given);
  if (!center.every(Number.isFinite)) refuse("center is no vector of this dimension", hint);
  return center;
}

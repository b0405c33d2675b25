/** Who is compared on long contexts, at which bits. */
import { createQuantizer } from "../../packages/turboquant/src/index.ts";
import { createInnerProductQuantizer, createPolarQuantizer } from "../../packages/turboquant/src/papers/index.ts";
import { createAbsmax, type VectorCoder } from "../absmax.ts";
import { trainProductQuantizer } from "../product-quantizer.ts";
import { type Context, HEAD } from "./context.ts";

export interface Contender {
  readonly name: string;
  /** Nominal, of a coordinate. */
  readonly bits: number;
  coders(context: Context): { readonly keys: VectorCoder; readonly values: VectorCoder };
}

/** Keys that the mean is taken of, once, before any is encoded. */
const CENTRED_BY = 64;
/** All of a short context, the beginning of a long one. */
const LEARNT_FROM = 4096;
/** More learn hardly better. */
const ROUNDS = 6;
/** Pieces of a head and bits of each: what comes to so many bits a coordinate. */
const PIECES = new Map([
  [2, { subspaces: 32, bits: 8 }],
  [3, { subspaces: 64, bits: 6 }],
  [3.5, { subspaces: 64, bits: 7 }],
  [4, { subspaces: 64, bits: 8 }],
]);

export const CONTENDERS: readonly Contender[] = [
  ...[2, 2.5, 3, 3.5, 4].map((bits) => ({
    name: "codec, centred",
    bits,
    coders: (context: Context) => ({
      keys: createQuantizer({ dim: HEAD, bits, scale: "norm", center: meanOf(context.keys.subarray(0, CENTRED_BY * HEAD)) }),
      values: createQuantizer({ dim: HEAD, bits, scale: "norm" }),
    }),
  })),
  ...[2, 2.5, 3, 3.5, 4].map((bits) => ({
    name: "codec",
    bits,
    coders: () => ofBoth(createQuantizer({ dim: HEAD, bits, scale: "norm" })),
  })),
  ...[2, 3, 4].map((bits) => ({
    name: "TurboQuant_prod",
    bits,
    // As the paper has it: the sketch for keys, the plain form for values.
    coders: () => ({
      keys: createInnerProductQuantizer({ dim: HEAD, bits }),
      values: createQuantizer({ dim: HEAD, bits, scale: "raw" }),
    }),
  })),
  { name: "PolarQuant", bits: 3.875, coders: () => ofBoth(createPolarQuantizer({ dim: HEAD })) },
  ...[2, 3, 4].map((bits) => ({ name: "absmax integers", bits, coders: () => ofBoth(createAbsmax({ dim: HEAD, bits })) })),
  ...[...PIECES].map(([bits, pieces]) => ({
    name: "product quantiser",
    bits,
    coders: ({ keys, values }: Context) => ({
      keys: trainProductQuantizer(keys.subarray(0, LEARNT_FROM * HEAD), HEAD, { ...pieces, rounds: ROUNDS }),
      values: trainProductQuantizer(values.subarray(0, LEARNT_FROM * HEAD), HEAD, { ...pieces, rounds: ROUNDS }),
    }),
  })),
];

function ofBoth(coder: VectorCoder): { readonly keys: VectorCoder; readonly values: VectorCoder } {
  return { keys: coder, values: coder };
}

function meanOf(matrix: Float32Array): Float32Array {
  const mean = new Float32Array(HEAD);
  for (const [at, value] of matrix.entries()) mean[at % HEAD] = (mean[at % HEAD] as number) + (value * HEAD) / matrix.length;
  return mean;
}

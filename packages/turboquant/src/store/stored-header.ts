/** What an index is, from what its file says and what the one who opens it says. */
import { checkQuantizer } from "../codec/quantizer.ts";
import { TurboQuantError } from "../error.ts";
import type { IndexHeader } from "../file/segment.ts";
import type { VectorIndexOptions } from "../search/vector-index.ts";

/** Those of an index; what is not said is taken from the file, and where there is none yet, as `createVectorIndex` has it. */
export type StoredIndexOptions = Partial<Omit<VectorIndexOptions, "kernels">>;

/** `found`: what the file says, where there is one. Throws `bad-argument` where the options say something else, or too little to begin a file with. */
export function storedHeader(found: IndexHeader | undefined, options: StoredIndexOptions): IndexHeader {
  return found === undefined ? newHeader(options) : checkedHeader(found, options);
}

function newHeader({ dim, bits = 4, seed = 0, metric = "cosine", center, originals = false }: StoredIndexOptions): IndexHeader {
  if (dim === undefined)
    throw new TurboQuantError(
      "bad-argument",
      "there is no file yet, and no dim to begin one with",
      "Say { dim }, or open the file that is meant.",
    );
  const checked = checkQuantizer({ dim, bits, seed, ...(center === undefined ? {} : { center }) });
  return { dim, bits, from: bits, seed: BigInt(seed), scale: "unbiased", metric, originals, ...checked };
}

function checkedHeader(found: IndexHeader, options: StoredIndexOptions): IndexHeader {
  const refuse = (what: string): never => {
    throw new TurboQuantError(
      "bad-argument",
      `the file is of another index: ${what}`,
      "Leave out what the file says already, or take another file.",
    );
  };
  const seed = options.seed === undefined ? undefined : BigInt(options.seed);
  for (const [key, said] of Object.entries({ ...options, seed }))
    if (key !== "center" && said !== undefined && key in found && found[key as keyof IndexHeader] !== said)
      refuse(`its ${key} is ${found[key as keyof IndexHeader]}, and ${said} was asked for`);
  const { center } = options;
  if (center !== undefined && !isSame(center, found.center))
    refuse(`its center ${found.center === undefined ? "is none" : differenceOf(center, found.center)}`);
  if (found.scale !== "unbiased" || found.from !== found.bits)
    refuse(`its codes have the scale ${found.scale} and ${found.bits} bits of ${found.from}, which an index does not search`);
  return found;
}

function isSame(center: ArrayLike<number>, found: Float32Array | undefined): boolean {
  return found?.length === center.length && found.every((value, at) => value === Math.fround(center[at] as number));
}

function differenceOf(center: ArrayLike<number>, found: Float32Array): string {
  if (center.length !== found.length) return `has ${found.length} coordinates, and one of ${center.length} was asked for`;
  const at = found.findIndex((value, nth) => value !== Math.fround(center[nth] as number));
  return `is ${found[at]} at coordinate ${at}, and ${center[at]} was asked for`;
}

/** What an index is, from what its file says and what the one who opens it says. */
import { TurboQuantError } from "../error.ts";
import type { IndexHeader } from "../file/segment.ts";
import { FROM_HINT, indexSettings, SCALE_HINT } from "../search/index-options.ts";
import type { VectorIndexOptions } from "../search/vector-index.ts";

/** Those of an index; what is not said is taken from the file, and where there is none yet, as `createVectorIndex` has it. */
export type StoredIndexOptions = Partial<Omit<VectorIndexOptions, "kernels">>;

/** `found`: what the file says, where there is one. Throws `bad-argument` where the options say something else, or too little to begin a file with. */
export function storedHeader(found: IndexHeader | undefined, options: StoredIndexOptions): IndexHeader {
  return found === undefined ? newHeader(options) : checkedHeader(found, options);
}

function newHeader({ dim, ...rest }: StoredIndexOptions): IndexHeader {
  if (dim === undefined)
    throw new TurboQuantError(
      "bad-argument",
      "there is no file yet, and no dim to begin one with",
      "Say { dim }, or open the file that is meant.",
    );
  return indexSettings({ dim, ...rest }).header;
}

function checkedHeader(found: IndexHeader, options: StoredIndexOptions): IndexHeader {
  const refuse = (what: string, hint = "Leave out what the file says already, or take another file."): never => {
    throw new TurboQuantError("bad-argument", `the file is of another index: ${what}`, hint);
  };
  const { dim = found.dim, ...rest } = options;
  const asked = indexSettings({ dim, ...rest }).header;
  for (const key of ["dim", "bits", "seed", "metric", "originals"] as const)
    if (options[key] !== undefined && found[key] !== asked[key]) refuse(`its ${key} is ${found[key]}, and ${asked[key]} was asked for`);
  const { center } = asked;
  if (center !== undefined && !isSame(center, found.center))
    refuse(`its center ${found.center === undefined ? "is none" : differenceOf(center, found.center)}`);
  if (found.scale !== "unbiased" || found.from !== found.bits)
    refuse(
      `its codes have the scale ${found.scale} and ${found.bits} bits of ${found.from}, which an index does not search`,
      found.scale === "unbiased" ? FROM_HINT : SCALE_HINT,
    );
  return found;
}

function isSame(center: Float32Array, found: Float32Array | undefined): boolean {
  return found?.every((value, at) => value === center[at]) ?? false;
}

function differenceOf(center: Float32Array, found: Float32Array): string {
  const at = found.findIndex((value, nth) => value !== center[nth]);
  return `is ${found[at]} at coordinate ${at}, and ${center[at]} was asked for`;
}

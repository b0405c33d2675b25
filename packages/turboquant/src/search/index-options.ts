/** What an index in memory is asked to be. */
import { checkYesOrNo, refuse, shown } from "../argument.ts";
import { quantizerSettings } from "../codec/quantizer-options.ts";
import type { IndexHeader } from "../file/segment.ts";
import { checkKernelChoice } from "../kernels/load.ts";
import { type OptionNames, optionNames } from "../options.ts";
import type { VectorIndexOptions } from "./contract.ts";

/** A header is one more way to say it. */
type Accepted = VectorIndexOptions & Partial<Pick<IndexHeader, "from" | "scale">>;

/** A look at the signs of so many takes 7 ms; through cells it takes as long (decision 19). */
const FLAT_UP_TO = 1_000_000;
/** Fewer are not worth a cell. */
const LEAST_FLAT = 1024;
export const INDEX_OPTIONS: OptionNames = optionNames<Accepted>({
  dim: true,
  bits: true,
  seed: true,
  metric: true,
  center: true,
  originals: true,
  flatUpTo: true,
  kernels: true,
  from: true,
  scale: true,
});

/** What to do about a header of codes that an index does not make. */
export const FROM_HINT =
  "An index encodes with its bits. One with as many bits as `from` takes codes that were cut to fewer, too: { ...header, bits: header.from }.";
export const SCALE_HINT = "An index searches codes of the scale unbiased: encode the vectors again.";

export interface IndexSettings {
  readonly header: IndexHeader;
  readonly flatUpTo: number;
}

/** With what is not said filled in; the names are checked apart. Throws `bad-argument`. */
export function indexSettings({
  metric = "cosine",
  originals = false,
  flatUpTo = FLAT_UP_TO,
  from,
  scale = "unbiased",
  kernels,
  ...rest
}: Accepted): IndexSettings {
  const settings = quantizerSettings(rest);
  if (from !== undefined && from !== settings.bits) refuse(`from is ${shown(from)}, and bits ${settings.bits}`, FROM_HINT);
  if (scale !== "unbiased") refuse(`scale is ${shown(scale)}`, SCALE_HINT);
  if (metric !== "cosine" && metric !== "dot") refuse(`metric is ${shown(metric)}`, "It is cosine or dot.");
  checkYesOrNo("originals", originals);
  if (kernels !== undefined) checkKernelChoice(kernels);
  if (typeof flatUpTo !== "number" || !(flatUpTo >= LEAST_FLAT))
    refuse(`flatUpTo is ${shown(flatUpTo)}`, `It is a number, at least ${LEAST_FLAT}.`);
  return { header: { ...settings, metric, originals }, flatUpTo };
}

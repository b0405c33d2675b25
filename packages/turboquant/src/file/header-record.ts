/** The first record of a file, and what a header may say. */

import { kindOf, shown } from "../argument.ts";
import type { ScaleMode } from "../codec/encoder.ts";
import { TurboQuantError } from "../error.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { badFile } from "./bad-file.ts";
import { floatBytes, floatsOf, isFinite32 } from "./float-column.ts";
import { encodeRecord, type RecordHead } from "./record.ts";
import type { IndexHeader, Metric } from "./segment.ts";

/** Changes when other codes come of the same vector, dim, bits, seed and scale. */
const CODEC = 1;
const SCALES: readonly ScaleMode[] = ["raw", "norm", "unbiased", "mse"];
const METRICS: readonly Metric[] = ["cosine", "dot"];
const MIN_DIM = 2;
const MAX_DIM = 8192;
const MIN_BITS = 1;
const MAX_BITS = 8;
export const MAX_SEED: bigint = 2n ** 64n;

const NAMES: OptionNames = optionNames<IndexHeader>({
  dim: true,
  bits: true,
  from: true,
  seed: true,
  scale: true,
  metric: true,
  center: true,
  originals: true,
});

export function encodeHeader(header: IndexHeader, identity: bigint): Uint8Array {
  checkHeader(header);
  const { dim, bits, from, seed, scale, metric, center, originals } = header;
  return encodeRecord(
    { at: 0, identity, durable: 0, directory: 0 },
    {
      kind: "header",
      fields: (view) => {
        view.setUint32(0, dim, true);
        view.setUint8(4, CODEC);
        view.setUint8(5, SCALES.indexOf(scale));
        view.setUint8(6, METRICS.indexOf(metric));
        view.setUint8(7, originals ? 1 : 0);
        view.setFloat64(8, bits, true);
        view.setFloat64(16, from, true);
        view.setBigUint64(24, seed, true);
      },
      parts: center === undefined ? [] : [floatBytes(center)],
    },
  );
}

/** Throws `bad-argument` for what no index can be. */
export function checkHeader(header: IndexHeader): void {
  checkOptions("the header of an index", header, NAMES);
  const fault = headerFault(header);
  if (fault !== undefined)
    throw new TurboQuantError("bad-argument", `the header of an index says ${fault}`, "Take that of an index: `index.header`.");
}

/** How many bytes its center has. */
export function centerBytes({ fields, parts, kind }: RecordHead): number {
  const [center, more] = parts;
  if (kind !== "header" || more !== undefined || (center !== undefined && center.length !== fields.getUint32(0, true) * 4))
    throw badFile("the file does not begin with a header");
  return center?.length ?? 0;
}

/** `center`: the bytes of the record's part. Throws `bad-file`, or `wrong-version` for codes of another codec. */
export function decodeHeader({ fields }: RecordHead, center: Uint8Array | undefined): IndexHeader {
  const codec = fields.getUint8(4);
  if (codec > CODEC)
    throw new TurboQuantError(
      "wrong-version",
      `the codes in the file are of codec ${codec}, and this knows codec ${CODEC}`,
      "Use a newer @perdure/turboquant.",
    );
  const header: IndexHeader = {
    dim: fields.getUint32(0, true),
    bits: fields.getFloat64(8, true),
    from: fields.getFloat64(16, true),
    seed: fields.getBigUint64(24, true),
    scale: SCALES[fields.getUint8(5)] as ScaleMode,
    metric: METRICS[fields.getUint8(6)] as Metric,
    ...(center === undefined ? {} : { center: floatsOf(center) }),
    originals: fields.getUint8(7) === 1,
  };
  const fault = codec !== CODEC ? `a codec of ${codec}` : fields.getUint8(7) > 1 ? "something unknown of originals" : headerFault(header);
  if (fault !== undefined) throw badFile(`the header of the file says ${fault}`);
  return header;
}

/** What in a header cannot be. */
function headerFault({ dim, bits, from, seed, scale, metric, center, originals }: IndexHeader): string | undefined {
  if (!Number.isInteger(dim) || dim < MIN_DIM || dim > MAX_DIM) return `a dim of ${shown(dim)}`;
  const width = widthFault(bits, from);
  if (width !== undefined) return width;
  if (typeof seed !== "bigint" || seed < 0n || seed >= MAX_SEED) return `a seed of ${shown(seed)}`;
  if (!SCALES.includes(scale)) return `a scale of ${shown(scale)}`;
  if (!METRICS.includes(metric)) return `a metric of ${shown(metric)}`;
  if (typeof originals !== "boolean") return `originals of ${shown(originals)}`;
  if (center !== undefined && !(kindOf(center) === "Float32Array" && center.length === dim && isFinite32(center)))
    return "a center that is no Float32Array of finite coordinates";
  return undefined;
}

/** What in a width cannot be. */
export function widthFault(bits: number, from: number): string | undefined {
  if (typeof bits !== "number" || !(bits >= MIN_BITS && bits <= MAX_BITS)) return `${shown(bits)} bits`;
  return typeof from === "number" && from >= bits && from <= MAX_BITS ? undefined : `${bits} bits of ${shown(from)}`;
}

/** What in `wanted` is another index than `found`. */
export function headerDifference(found: IndexHeader, wanted: IndexHeader): string | undefined {
  for (const key of ["dim", "bits", "from", "seed", "scale", "metric", "originals"] as const)
    if (found[key] !== wanted[key]) return `${key} is ${found[key]} and not ${wanted[key]}`;
  const [one, other] = [found.center, wanted.center];
  const same = one === undefined || other === undefined ? one === other : one.every((value, at) => value === other[at]);
  return same ? undefined : "it has another center";
}

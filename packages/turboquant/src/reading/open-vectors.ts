/** Opens a file of vectors as what its name says it is. */
import { TurboQuantError } from "../error.ts";
import type { ByteSource } from "./byte-source.ts";
import { openCsv, openTsv } from "./csv-vectors.ts";
import { openF32, openFvecs } from "./flat-vectors.ts";
import { openNpy } from "./npy-vectors.ts";
import { type ReadingOptions, VECTOR_FORMATS, type VectorFile, type VectorFormat } from "./vector-file.ts";

type Opener = (source: ByteSource, options: ReadingOptions) => Promise<VectorFile>;

const OPENERS: Readonly<Record<VectorFormat, Opener>> = {
  npy: openNpy,
  f32: openF32,
  fvecs: openFvecs,
  csv: openCsv,
  tsv: openTsv,
  txt: openCsv,
};
const TABLES: ReadonlySet<VectorFormat> = new Set(["csv", "tsv", "txt"]);
const ELSEWHERE: Readonly<Record<string, string>> = {
  npz: "Unpack it: the .npy files in it can be read.",
  parquet: "Write the column as .npy: numpy.save(path, numpy.stack(frame[column]).astype('float32')).",
  json: "Write one row per vector as .csv, or an array as .npy.",
  jsonl: "Write one row per vector as .csv, or an array as .npy.",
  tqi: "It is an index already: give the file of the vectors that it was made of.",
  pkl: "Write it as .npy: numpy.save(path, array).",
};

/** Throws `bad-input` for a file that holds no vectors that can be encoded, `bad-argument` for options that do not fit it. */
export async function openVectors(source: ByteSource, options: ReadingOptions = {}): Promise<VectorFile> {
  const format = options.format ?? formatOf(source.name);
  if (source.size === 0) throw new TurboQuantError("bad-input", "the file is empty", "Vectors are rows of numbers.");
  if (!TABLES.has(format) && (options.idColumn ?? options.vectorColumn ?? options.columns) !== undefined)
    throw new TurboQuantError("bad-argument", `a ${format} file has no columns with names`, "Leave the column out.");
  const file = await OPENERS[format](source, options);
  if (options.dim !== undefined && options.dim !== file.dim)
    throw new TurboQuantError(
      "bad-argument",
      `the vectors in the file have ${file.dim} coordinates, not ${options.dim}`,
      "Only .f32 files need to be told the dimension.",
    );
  return file;
}

function formatOf(name: string): VectorFormat {
  const ending = /\.([^./\\]+)$/.exec(name)?.[1]?.toLowerCase() ?? "";
  const format = VECTOR_FORMATS.find((each) => each === ending);
  if (format !== undefined) return format;
  const hint = Object.hasOwn(ELSEWHERE, ending) ? ELSEWHERE[ending] : undefined;
  throw new TurboQuantError(
    "bad-argument",
    ending === "" ? "the file's name does not end in a format" : `.${ending} is no format that can be read`,
    hint ?? `There are .${VECTOR_FORMATS.join(", .")}; or say which of these it is: --format csv.`,
  );
}

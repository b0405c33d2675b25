/** Numbers and nothing else: `.f32`, and `.fvecs`, which says in front of each row how long it is. Little-endian, both. */
import { TurboQuantError } from "../error.ts";
import { type ByteSource, firstBytes } from "./byte-source.ts";
import { fixedRows } from "./fixed-rows.ts";
import { checkDim, type NumberForm, numberForm } from "./number-form.ts";
import type { ReadingOptions, VectorFile } from "./vector-file.ts";

const FLOAT_BYTES = 4;
const FLOAT = numberForm("f4", true) as NumberForm;
/** What models give, most usual first: a file's length may fit one of them. */
const USUAL_DIMS = [384, 768, 1536, 1024, 512, 3072, 256, 128, 4096, 2048, 100, 200, 300, 64];

export async function openF32(source: ByteSource, { dim }: ReadingOptions): Promise<VectorFile> {
  const fitting = USUAL_DIMS.filter((each) => source.size % (each * FLOAT_BYTES) === 0);
  if (dim === undefined)
    throw new TurboQuantError(
      "bad-argument",
      "a .f32 file does not say its dimension",
      fitting.length === 0 ? "Give it: --dim 384." : `Give it: --dim. By its length it could be ${fitting.slice(0, 4).join(", ")}.`,
    );
  checkDim(dim);
  const rowBytes = dim * FLOAT_BYTES;
  if (source.size % rowBytes !== 0)
    throw new TurboQuantError(
      "bad-input",
      `${source.size} bytes are not a whole number of vectors of ${dim} times ${FLOAT_BYTES} bytes`,
      fitting.length === 0
        ? "The file is cut short, or of another dimension."
        : `The file is cut short, or its dimension is ${fitting.slice(0, 4).join(" or ")}.`,
    );
  const count = source.size / rowBytes;
  return {
    says: "raw float32",
    dim,
    count,
    rowBytes,
    hasIds: false,
    batches: () => fixedRows({ source, from: 0, count, dim, form: FLOAT }),
  };
}

export async function openFvecs(source: ByteSource): Promise<VectorFile> {
  const head = await firstBytes(source, FLOAT_BYTES);
  if (head.length < FLOAT_BYTES) throw new TurboQuantError("bad-input", "the file is cut short", "It has fewer than four bytes.");
  const dim = new DataView(head.buffer, head.byteOffset).getInt32(0, true);
  checkDim(dim);
  const rowBytes = FLOAT_BYTES + dim * FLOAT_BYTES;
  if (source.size % rowBytes !== 0)
    throw new TurboQuantError(
      "bad-input",
      `${source.size} bytes are not a whole number of rows of 4 + ${dim} times ${FLOAT_BYTES} bytes`,
      "The file is cut short, or is no .fvecs file.",
    );
  const count = source.size / rowBytes;
  const check = (view: DataView, at: number, row: number): void => {
    const found = view.getInt32(at, true);
    if (found !== dim)
      throw new TurboQuantError(
        "bad-input",
        `row ${row + 1} has ${found} coordinates, the first has ${dim}`,
        "All rows have the same number.",
      );
  };
  return {
    says: "fvecs, float32",
    dim,
    count,
    rowBytes,
    hasIds: false,
    batches: () => fixedRows({ source, from: 0, count, dim, form: FLOAT, before: { bytes: FLOAT_BYTES, check } }),
  };
}

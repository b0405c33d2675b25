/**
 * Arrays that numpy wrote (NEP 1), versions 1 to 3:
 *
 *   6 bytes    93 "NUMPY"
 *   2          version, major and minor
 *   2 or 4     length of what follows, little-endian; four bytes from version 2 on
 *   ...        a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 384), }
 *   then the numbers, row after row
 */
import { shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { type ByteSource, firstBytes } from "./byte-source.ts";
import { fixedRows } from "./fixed-rows.ts";
import { checkDim, numberForm } from "./number-form.ts";
import type { ReadingOptions, VectorFile } from "./vector-file.ts";

const MAGIC = "\u0093NUMPY";
const FIXED_BYTES = 12;
/** numpy refuses longer ones of strangers, too. */
const LONGEST_DICT = 10_000;

export async function openNpy(source: ByteSource, _options: ReadingOptions): Promise<VectorFile> {
  const { dict, from } = await readHead(source);
  const descr = /'descr'\s*:\s*('([^']*)'|\[|\()/.exec(dict);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(dict)?.[1];
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(dict)?.[1];
  if (descr === null || order === undefined || shape === undefined)
    throw new TurboQuantError("bad-input", "the header of the .npy file cannot be understood", "Write it again with numpy.save.");
  const [, , letters] = descr;
  const form = letters === undefined ? undefined : numberForm(letters.replace(/^[<>=|]/, ""), !letters.startsWith(">"));
  if (form === undefined)
    throw new TurboQuantError(
      "bad-input",
      letters === undefined ? "the array holds records, not numbers" : `the array holds values of type ${shown(letters)}`,
      "Write numbers: numpy.save(path, array.astype('float32')).",
    );
  const [count, dim] = rowsAndColumns(shape);
  checkDim(dim);
  if (order === "True" && count > 1)
    throw new TurboQuantError(
      "bad-input",
      "the array lies column by column (fortran_order), and is read row by row",
      "Turn it: numpy.save(path, numpy.ascontiguousarray(array)).",
    );
  const needed = from + count * dim * form.bytes;
  if (source.size < needed)
    throw new TurboQuantError("bad-input", `the file is cut short: ${source.size} of ${needed} bytes are there`, "Copy or write it again.");
  if (source.size > needed)
    throw new TurboQuantError(
      "bad-input",
      `${source.size - needed} bytes stand behind the array`,
      "One file holds one array; write it again with numpy.save.",
    );
  return {
    says: `npy, ${form.name}`,
    dim,
    count,
    rowBytes: dim * form.bytes,
    hasIds: false,
    batches: () => fixedRows({ source, from, count, dim, form }),
  };
}

async function readHead(source: ByteSource): Promise<{ readonly dict: string; readonly from: number }> {
  const start = await firstBytes(source, FIXED_BYTES + LONGEST_DICT);
  const letters = (from: number, to: number): string => String.fromCharCode(...start.subarray(from, to));
  if (letters(0, 6) !== MAGIC)
    throw new TurboQuantError(
      "bad-input",
      "the file does not begin as .npy files do",
      letters(0, 2) === "PK" ? "It is an archive (.npz?): unpack it." : "It is of another format: say which with --format.",
    );
  const major = start[6] ?? 0;
  if (major < 1 || major > 3)
    throw new TurboQuantError(
      "bad-input",
      `version ${major} of .npy is not known`,
      "Versions 1 to 3 are read; write it again with numpy.save.",
    );
  const lengthBytes = major === 1 ? 2 : 4;
  const view = new DataView(start.buffer, start.byteOffset, start.length);
  const short = new TurboQuantError("bad-input", "the file ends within its header", "It is cut short: copy or write it again.");
  if (start.length < 8 + lengthBytes) throw short;
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST_DICT)
    throw new TurboQuantError(
      "bad-input",
      `the header says it has ${length} bytes`,
      `No array of numbers needs more than ${LONGEST_DICT}.`,
    );
  const from = 8 + lengthBytes + length;
  if (start.length < from) throw short;
  return { dict: new TextDecoder().decode(start.subarray(8 + lengthBytes, from)), from };
}

function rowsAndColumns(shape: string): readonly [rows: number, columns: number] {
  const sizes = shape
    .split(",")
    .map((size) => size.trim().replace(/L$/, ""))
    .filter((size) => size !== "")
    .map(Number);
  const [rows, columns] = sizes;
  if (sizes.length !== 2 || rows === undefined || columns === undefined)
    throw new TurboQuantError(
      "bad-input",
      `the array has the shape (${sizes.join(", ")})`,
      "One row per vector has two numbers, as (1000, 384): numpy.save(path, array.reshape(-1, dim)).",
    );
  if (!Number.isSafeInteger(rows * columns * 8))
    throw new TurboQuantError("bad-input", `no array has the shape (${sizes.join(", ")})`, "Write it again with numpy.save.");
  if (rows === 0) throw new TurboQuantError("bad-input", "the array has no rows", "Vectors are rows of numbers.");
  return [rows, columns];
}

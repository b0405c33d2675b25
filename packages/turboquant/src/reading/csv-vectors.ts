/** Vectors out of separated values: a column for each coordinate, or an array in one cell of each row. */
import { TurboQuantError } from "../error.ts";
import { type ByteSource, firstBytes } from "./byte-source.ts";
import { arrayIn, type CsvLayout, layoutOf } from "./csv-layout.ts";
import { type CsvRecord, createCsvReader } from "./csv-record.ts";
import { badNumber, checkDim } from "./number-form.ts";
import { shown } from "./shown-text.ts";
import type { ReadingOptions, VectorBatch, VectorFile } from "./vector-file.ts";

const UTF_16_MARKS = ["255 254", "254 255"];

export async function openCsv(source: ByteSource, options: ReadingOptions): Promise<VectorFile> {
  const mark = (await firstBytes(source, 2)).join(" ");
  if (UTF_16_MARKS.includes(mark)) throw new TurboQuantError("bad-input", "the text is UTF-16", "Save it as UTF-8.");
  const [first, second] = await firstRecords(source);
  if (first === undefined) throw new TurboQuantError("bad-input", "there are only empty lines", "Vectors are rows of numbers.");
  const layout = layoutOf(first.cells, second?.cells, options);
  checkDim(layout.dim);
  return {
    says: saysOf(layout),
    dim: layout.dim,
    hasIds: layout.ids !== undefined,
    batches: () => batchesOf(source, layout),
  };
}

function saysOf({ header, ids, vector }: CsvLayout): string {
  return [
    "csv",
    header ? "line 1 is a header" : "no header",
    "column" in vector ? `arrays in column ${vector.column + 1}` : `a column for each coordinate from ${vector.from + 1} on`,
    ids === undefined ? "no ids" : `ids in column ${ids + 1}`,
  ].join(", ");
}

async function firstRecords(source: ByteSource): Promise<readonly CsvRecord[]> {
  const found: CsvRecord[] = [];
  for await (const { records } of recordsOf(source)) {
    found.push(...records.slice(0, 2));
    if (found.length >= 2) break;
  }
  return found;
}

interface Records {
  readonly records: readonly CsvRecord[];
  readonly bytesRead: number;
}

async function* recordsOf(source: ByteSource): AsyncGenerator<Records> {
  const decoder = new TextDecoder();
  const reader = createCsvReader();
  let bytesRead = 0;
  for await (const chunk of source.read(0)) {
    bytesRead += chunk.length;
    const records = reader.take(decoder.decode(chunk, { stream: true }));
    if (records.length > 0) yield { records, bytesRead };
  }
  yield { records: [...reader.take(decoder.decode()), ...reader.end()], bytesRead };
}

async function* batchesOf(source: ByteSource, layout: CsvLayout): AsyncGenerator<VectorBatch> {
  let first = 0;
  let toSkip = layout.header ? 1 : 0;
  for await (const { records, bytesRead } of recordsOf(source)) {
    const rows = records.slice(toSkip);
    toSkip = Math.max(0, toSkip - records.length);
    if (rows.length === 0) continue;
    const values = new Float32Array(rows.length * layout.dim);
    for (const [at, row] of rows.entries()) readRow(row, layout, values.subarray(at * layout.dim, (at + 1) * layout.dim));
    const { ids } = layout;
    yield {
      first,
      count: rows.length,
      values,
      bytesRead,
      ...(ids === undefined ? {} : { ids: rows.map(({ cells }) => idOf(cells[ids] ?? "")) }),
    };
    first += rows.length;
  }
}

function readRow({ line, cells }: CsvRecord, { columns, dim, vector }: CsvLayout, into: Float32Array): void {
  if (cells.length !== columns)
    throw new TurboQuantError(
      "bad-input",
      `line ${line} has ${cells.length} columns, the first row has ${columns}`,
      "All rows have the same number; a text with a separator in it stands in quotes.",
    );
  const array = "column" in vector ? arrayIn(cells[vector.column] ?? "") : undefined;
  if ("column" in vector && array?.length !== dim)
    throw new TurboQuantError(
      "bad-input",
      array === undefined
        ? `line ${line}, column ${vector.column + 1} is no array of numbers: ${shown(cells[vector.column] ?? "")}`
        : `line ${line} has an array of ${array.length} numbers, the first row one of ${dim}`,
      'Every row has as many, written like "[0.1, -0.2]".',
    );
  const from = "from" in vector ? vector.from : 0;
  for (let at = 0; at < dim; at++) {
    const cell = cells[from + at] ?? "";
    const value = array?.[at] ?? (cell.trim() === "" ? Number.NaN : Number(cell));
    into[at] = value;
    if (!Number.isFinite(into[at])) throw array === undefined ? badCell(line, from + at + 1, cell) : badNumber(line, at + 1, String(value));
  }
}

function badCell(line: number, column: number, cell: string): TurboQuantError {
  return new TurboQuantError(
    "bad-input",
    `line ${line}, column ${column} is ${cell.trim() === "" ? "empty" : shown(cell)}`,
    "Every coordinate is a finite number that fits a 32-bit float, with a point and not a comma; take the row out or mend it.",
  );
}

/** A number where it is written as one writes whole numbers. */
function idOf(cell: string): number | string {
  return /^(0|[1-9]\d{0,15})$/.test(cell) && Number.isSafeInteger(Number(cell)) ? Number(cell) : cell;
}

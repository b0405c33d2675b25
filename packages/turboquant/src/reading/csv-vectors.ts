/** Vectors out of separated values: a column for each coordinate, or an array in one cell of each row. */
import { shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { type ByteSource, firstBytes } from "./byte-source.ts";
import { arrayIn, type CsvLayout, layoutOf } from "./csv-layout.ts";
import { type CsvRecord, createCsvReader, type Separator } from "./csv-record.ts";
import { badNumber, checkDim } from "./number-form.ts";
import type { ReadingOptions, VectorBatch, VectorFile } from "./vector-file.ts";

const UTF_16_MARKS = ["255 254", "254 255"];

export function openCsv(source: ByteSource, options: ReadingOptions): Promise<VectorFile> {
  return openTable(source, options);
}

export function openTsv(source: ByteSource, options: ReadingOptions): Promise<VectorFile> {
  return openTable(source, options, "\t");
}

async function openTable(source: ByteSource, options: ReadingOptions, likely?: Separator): Promise<VectorFile> {
  const mark = (await firstBytes(source, 2)).join(" ");
  if (UTF_16_MARKS.includes(mark)) throw new TurboQuantError("bad-input", "the text is UTF-16", "Save it as UTF-8.");
  const { found, separator } = await firstRecords(source, likely);
  const [first, second] = found;
  if (first === undefined) throw new TurboQuantError("bad-input", "there are only empty lines", "Vectors are rows of numbers.");
  const layout = layoutOf(first.cells, second?.cells, options);
  checkDim(layout.dim);
  return {
    says: saysOf(layout, separator),
    dim: layout.dim,
    hasIds: layout.ids !== undefined,
    batches: () => batchesOf(source, layout, likely),
  };
}

function saysOf({ header, ids, vector }: CsvLayout, separator: string | undefined): string {
  return [
    separator === "\t" ? "tsv" : "csv",
    header ? "line 1 is a header" : "no header",
    "column" in vector ? `arrays in column ${vector.column + 1}` : coordinatesText(vector.columns),
    ids === undefined ? "no ids" : `ids in column ${ids + 1}`,
  ].join(", ");
}

/** "coordinates in columns 3 to 386" */
function coordinatesText(columns: readonly number[]): string {
  const places = columns.map((column) => column + 1);
  const [first = 0, last = 0] = [places[0], places.at(-1)];
  const isRun = places.every((place, nth) => place === first + nth);
  const shownPlaces = isRun ? `${first} to ${last}` : places.slice(0, MOST_TOLD).join(", ") + (places.length > MOST_TOLD ? ", …" : "");
  return `coordinates in columns ${shownPlaces}`;
}

const MOST_TOLD = 5;

interface Beginning {
  readonly found: readonly CsvRecord[];
  readonly separator: string | undefined;
}

async function firstRecords(source: ByteSource, likely: Separator | undefined): Promise<Beginning> {
  const found: CsvRecord[] = [];
  let separator: string | undefined;
  for await (const each of recordsOf(source, likely)) {
    found.push(...each.records.slice(0, 2));
    separator = each.separator;
    if (found.length >= 2) break;
  }
  return { found, separator };
}

interface Records {
  readonly records: readonly CsvRecord[];
  readonly bytesRead: number;
  readonly separator: string | undefined;
}

async function* recordsOf(source: ByteSource, likely: Separator | undefined): AsyncGenerator<Records> {
  const decoder = new TextDecoder();
  const reader = createCsvReader(likely);
  let bytesRead = 0;
  for await (const chunk of source.read(0)) {
    bytesRead += chunk.length;
    const records = reader.take(decoder.decode(chunk, { stream: true }));
    if (records.length > 0) yield { records, bytesRead, separator: reader.separator };
  }
  const last = [...reader.take(decoder.decode()), ...reader.end()];
  yield { records: last, bytesRead, separator: reader.separator };
}

async function* batchesOf(source: ByteSource, layout: CsvLayout, likely: Separator | undefined): AsyncGenerator<VectorBatch> {
  let first = 0;
  let toSkip = layout.header ? 1 : 0;
  for await (const { records, bytesRead } of recordsOf(source, likely)) {
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
  const places = "columns" in vector ? vector.columns : [];
  for (let at = 0; at < dim; at++) {
    const place = places[at] ?? 0;
    const cell = cells[place] ?? "";
    const value = array?.[at] ?? (cell.trim() === "" ? Number.NaN : Number(cell));
    into[at] = value;
    if (!Number.isFinite(into[at])) throw array === undefined ? badCell(line, place + 1, cell) : badNumber(line, at + 1, String(value));
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

/** Which columns of a file of separated values hold the vector, and which the name of a row; told from its first records and from what somebody wished. */
import { refuse, shown } from "../argument.ts";
import { TurboQuantError } from "../error.ts";
import { callsByName, columnOf, columnsOf } from "./csv-columns.ts";
import type { ReadingOptions } from "./vector-file.ts";

export interface CsvLayout {
  readonly header: boolean;
  readonly columns: number;
  readonly dim: number;
  /** One column with an array in each cell, or one column for each coordinate. */
  readonly vector: { readonly column: number } | { readonly columns: readonly number[] };
  readonly ids: number | undefined;
}

type Row = readonly string[];

/** In a header: what stands below names its row. The empty one is what pandas writes above its index. */
const ID_NAMES = new Set(["id", "_id", "ids", "key", "name", "index", "uid", "uuid", ""]);

/** `second` is absent where there is one record. Throws `bad-input`, and `bad-argument` for wishes that do not fit. */
export function layoutOf(first: Row, second: Row | undefined, wishes: ReadingOptions): CsvLayout {
  const header = isHeader(first, wishes);
  const row = header ? second : first;
  if (row === undefined) throw new TurboQuantError("bad-input", "below the header stands nothing", "Vectors are rows of numbers.");
  const names = header ? first.map((name) => name.trim()) : undefined;
  const ids = wishes.idColumn === undefined ? undefined : columnOf(wishes.idColumn, names, row.length);
  const about = { header, columns: row.length };
  const column = arrayColumn(row, ids, names, wishes);
  if (column !== undefined) {
    const array = arrayIn(row[column] ?? "");
    if (array === undefined)
      throw new TurboQuantError(
        "bad-input",
        `column ${column + 1} holds no array of numbers`,
        'Such a cell looks like "[0.1, -0.2]", with commas.',
      );
    return { ...about, dim: array.length, vector: { column }, ids: ids ?? idsBeside([column], names) };
  }
  const wished = wishes.columns === undefined ? undefined : columnsOf(wishes.columns, names, row.length);
  if (ids !== undefined && wished?.includes(ids) === true)
    refuse(`column ${ids + 1} is to be the ids, and a coordinate too`, "Leave it out of --columns.");
  const found = ids ?? (wished === undefined ? idsInFront(row, names) : idsBeside(wished, names));
  const columns = wished ?? [...row.keys()].filter((at) => at !== found);
  const stray = columns.find((at) => !isNumber(row[at] ?? ""));
  if (stray !== undefined) {
    const cell = row[stray] ?? "";
    const isHole = cell.trim() === "";
    throw new TurboQuantError(
      "bad-input",
      `in the first row column ${stray + 1} is ${isHole ? "empty" : `no number: ${shown(cell)}`}`,
      wished === undefined ? `${isHole ? HOLE_HINT : ""}${hintFor(row)}` : "Columns of a vector hold numbers.",
    );
  }
  return { ...about, dim: columns.length, vector: { columns }, ids: found };
}

export function isNumber(cell: string): boolean {
  return /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(cell);
}

export function arrayIn(cell: string): readonly number[] | undefined {
  try {
    const found: unknown = JSON.parse(cell);
    return Array.isArray(found) && found.every((value) => typeof value === "number") ? found : undefined;
  } catch {
    return undefined;
  }
}

function isArray(cell: string): boolean {
  return cell.trimStart().startsWith("[");
}

/** Behind names of rows, fewer numbers that count up may well be a vector. */
const LEAST_COUNTED = 3;

/** Names above, no numbers; or the numbers 0, 1, 2 ... that pandas writes above columns without a name. */
function isHeader(first: Row, { idColumn, vectorColumn, columns }: ReadingOptions): boolean {
  if ([idColumn, vectorColumn, columns].some((wish) => wish !== undefined && callsByName(wish, first))) return true;
  if (first.some(isArray)) return false;
  const from = first.findIndex(isNumber);
  const counted = from < 0 ? [] : first.slice(from);
  const isBare = from === 0 || (from === 1 && first[0]?.trim() === "");
  if (counted.length >= (isBare ? 2 : LEAST_COUNTED) && counted.every((cell, at) => cell.trim() === String(at))) return true;
  return !first.slice(1).some(isNumber) && !(first.length === 1 && isNumber(first[0] ?? ""));
}

function arrayColumn(
  row: Row,
  ids: number | undefined,
  names: Row | undefined,
  { vectorColumn, columns }: ReadingOptions,
): number | undefined {
  if (vectorColumn !== undefined && columns !== undefined)
    refuse(
      "a vector is to be in one column and in several",
      "Say --vector-column for arrays in cells, or --columns for a coordinate in each.",
    );
  if (vectorColumn !== undefined) return columnOf(vectorColumn, names, row.length);
  if (columns !== undefined) return undefined;
  const arrays = row.flatMap((cell, at) => (isArray(cell) && at !== ids ? [at] : []));
  if (arrays.length > 1) refuse(`columns ${arrays.map((at) => at + 1).join(" and ")} hold arrays`, "Say which is meant: --vector-column.");
  return arrays[0];
}

function idsInFront([first = ""]: Row, names: Row | undefined): number | undefined {
  const isNamed = names !== undefined && ID_NAMES.has((names[0] ?? "").toLowerCase());
  return isNumber(first) && !isNamed ? undefined : 0;
}

function idsBeside(vector: readonly number[], names: Row | undefined): number | undefined {
  if (names === undefined) return vector.includes(0) ? undefined : 0;
  const found = names.findIndex((name, at) => !vector.includes(at) && ID_NAMES.has(name.toLowerCase()));
  return found < 0 ? undefined : found;
}

/** Of a vector without a coordinate, the columns beside the hole are no vector. */
const HOLE_HINT = "Where a coordinate is missing, mend the row or take it out. ";

/** Names the longest run of numbers, which is the vector more often than not. */
function hintFor(row: Row): string {
  let [from, to] = [0, 0];
  for (let start = 0, at = 0; at < row.length; at++) {
    if (!isNumber(row[at] ?? "")) start = at + 1;
    else if (at + 1 - start > to - from) [from, to] = [start, at + 1];
  }
  const columns = to - from > 1 ? `${from + 1}-${to}` : "3-386";
  return `Say which columns are the vector, as --columns ${columns}; or write each into one cell: [0.1, -0.2].`;
}

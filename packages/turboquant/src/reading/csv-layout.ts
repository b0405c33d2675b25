/** Which columns of a file of separated values hold the vector, and which the name of a row; told from its first records and from what somebody wished. */
import { TurboQuantError } from "../error.ts";
import { shown } from "./shown-text.ts";
import type { ReadingOptions } from "./vector-file.ts";

export interface CsvLayout {
  readonly header: boolean;
  readonly columns: number;
  readonly dim: number;
  /** One column with an array in each cell, or one column for each coordinate. */
  readonly vector: { readonly column: number } | { readonly from: number };
  readonly ids: number | undefined;
}

type Row = readonly string[];

/** In a header: what stands below names its row. The empty one is what pandas writes above its index. */
const ID_NAMES = new Set(["id", "_id", "ids", "key", "name", "index", "uid", "uuid", ""]);

/** `second` is absent where there is one record. Throws `bad-input`. */
export function layoutOf(first: Row, second: Row | undefined, wishes: ReadingOptions): CsvLayout {
  const header = isHeader(first, wishes);
  const row = header ? second : first;
  if (row === undefined) throw new TurboQuantError("bad-input", "below the header stands nothing", "Vectors are rows of numbers.");
  const names = header ? first.map((name) => name.trim()) : undefined;
  const wishedIds = columnOf(wishes.idColumn, names, row.length);
  const arrays = row.flatMap((cell, at) => (isArray(cell) && at !== wishedIds ? [at] : []));
  const wishedVector = columnOf(wishes.vectorColumn, names, row.length);
  const column = wishedVector ?? arrays[0];
  if (column !== undefined) {
    if (wishedVector === undefined && arrays.length > 1)
      throw new TurboQuantError(
        "bad-argument",
        `columns ${arrays.map((at) => at + 1).join(" and ")} hold arrays`,
        "Say which is meant: --vector-column.",
      );
    const array = arrayIn(row[column] ?? "");
    if (array === undefined)
      throw new TurboQuantError(
        "bad-input",
        `column ${column + 1} holds no array of numbers`,
        'Such a cell looks like "[0.1, -0.2]", with commas.',
      );
    return { header, columns: row.length, dim: array.length, vector: { column }, ids: wishedIds ?? idsBeside(column, names) };
  }
  const ids =
    wishedIds ?? (isNumber(row[0] ?? "") && !(names !== undefined && ID_NAMES.has((names[0] ?? "").toLowerCase())) ? undefined : 0);
  if (ids !== undefined && ids !== 0)
    throw new TurboQuantError("bad-argument", "the column of ids is not the first", "Among columns of numbers the ids stand first.");
  const from = ids === undefined ? 0 : 1;
  const stray = row.findIndex((cell, at) => at >= from && !isNumber(cell));
  if (stray >= 0)
    throw new TurboQuantError(
      "bad-input",
      `in the first row column ${stray + 1} is no number: ${shown(row[stray] ?? "")}`,
      "Leave numbers and at most one id in front of them, or write each vector into one cell: [0.1, -0.2].",
    );
  return { header, columns: row.length, dim: row.length - from, vector: { from }, ids };
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

/** Names above, no numbers; or the numbers 0, 1, 2 ... that pandas writes above columns without a name. */
function isHeader(first: Row, { idColumn, vectorColumn }: ReadingOptions): boolean {
  if ([idColumn, vectorColumn].some((wish) => wish !== undefined && first.some((cell) => cell.trim() === wish))) return true;
  if (first.some(isArray)) return false;
  const names = first[0]?.trim() === "" ? first.slice(1) : first;
  if (names.length > 1 && names.every((cell, at) => cell.trim() === String(at))) return true;
  return !first.slice(1).some(isNumber) && !(first.length === 1 && isNumber(first[0] ?? ""));
}

function columnOf(wish: string | undefined, names: Row | undefined, columns: number): number | undefined {
  if (wish === undefined) return undefined;
  const named = names?.indexOf(wish) ?? -1;
  const place = named >= 0 ? named : /^\d+$/.test(wish) ? Number(wish) - 1 : -1;
  if (place >= 0 && place < columns) return place;
  const there =
    names === undefined
      ? `There is no header; say a place from 1 to ${columns}.`
      : `There are: ${names.slice(0, 8).map(shown).join(", ")}${names.length > 8 ? ", …" : ""}.`;
  throw new TurboQuantError("bad-argument", `there is no column ${shown(wish)}`, there);
}

function idsBeside(vector: number, names: Row | undefined): number | undefined {
  if (names === undefined) return vector === 0 ? undefined : 0;
  const found = names.findIndex((name, at) => at !== vector && ID_NAMES.has(name.toLowerCase()));
  return found < 0 ? undefined : found;
}

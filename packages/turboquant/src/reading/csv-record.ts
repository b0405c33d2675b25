/**
 * Records of a file of separated values (RFC 4180): cells in double quotes may hold separators, ends of lines and doubled quotes. Written here because
 * it is small, reads in pieces, knows the line of every record and bounds one: with a quote left open the rest of a file would be one cell.
 */
import { TurboQuantError } from "../error.ts";

export interface CsvRecord {
  /** Of its beginning, from 1 on. */
  readonly line: number;
  readonly cells: readonly string[];
}

export interface CsvReader {
  /** What stands between cells, when a record was read. */
  readonly separator: string | undefined;
  /** The records that end in `text`. Throws `bad-input`, but not before the records in front of what is wrong were given. */
  take(text: string): readonly CsvRecord[];
  /** What is left when nothing comes any more. */
  end(): readonly CsvRecord[];
}

/** Letters: the widest vectors, each number as long as numbers are, and room for a text beside it. */
export const LONGEST_RECORD = 1 << 22;
/** Most usual first. A space separates only where nothing else does. */
const SEPARATORS = [",", "\t", ";", " "] as const;
export type Separator = (typeof SEPARATORS)[number];

/** `likely`: what stands between cells if it stands in the first record at all, however often something else does, in a list within a cell say. */
export function createCsvReader(likely?: Separator): CsvReader {
  let separator: string | undefined;
  let line = 1;
  /** A record that has begun, the lines it has so far, and whether it stands within quotes. */
  let begun = "";
  let begunLines = 0;
  let open = false;
  /** What came behind the last end of a line. */
  let rest = "";

  const addLine = (text: string, records: CsvRecord[]): void => {
    if (countQuotes(text) % 2 === 1) open = !open;
    begun = begunLines === 0 ? text : `${begun}\n${text}`;
    begunLines++;
    if (begun.length > LONGEST_RECORD) throw tooLong(line, open);
    if (open) return;
    const record = begun.endsWith("\r") ? begun.slice(0, -1) : begun;
    if (record.trim() !== "") {
      separator ??= separatorOf(record, likely);
      records.push({ line, cells: cellsOf(record, separator, line) });
    }
    line += begunLines;
    begun = "";
    begunLines = 0;
  };

  let failed: unknown;
  const addLines = (text: string, records: CsvRecord[]): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const each of lines) addLine(each, records);
    if (begun.length + rest.length > LONGEST_RECORD) throw tooLong(line, open);
  };

  return {
    get separator() {
      return separator;
    },
    take: (text) => {
      if (failed !== undefined) throw failed;
      const records: CsvRecord[] = [];
      try {
        addLines(text, records);
      } catch (error) {
        if (records.length === 0) throw error;
        failed = error;
      }
      return records;
    },
    end: () => {
      if (failed !== undefined) throw failed;
      const records: CsvRecord[] = [];
      if (rest !== "") addLine(rest, records);
      rest = "";
      if (open)
        throw new TurboQuantError(
          "bad-input",
          `the quote that opens in the record at line ${line} is never closed`,
          "The file is cut short, or a quote in a text is not doubled.",
        );
      return records;
    },
  };
}

function countQuotes(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++;
  return count;
}

function tooLong(line: number, open: boolean): TurboQuantError {
  return new TurboQuantError(
    "bad-input",
    `the record at line ${line} has more than ${LONGEST_RECORD} letters`,
    open ? "Is a quote left open there?" : "Each record ends with its line. Is this a file of separated values?",
  );
}

/** Whichever stands most often outside of quotes. */
function separatorOf(record: string, likely: Separator | undefined): string {
  const bare = record.replace(/"[^"]*"/g, "").trim();
  if (likely !== undefined && bare.includes(likely)) return likely;
  const counts = SEPARATORS.map((each) => bare.split(each).length - 1);
  const most = Math.max(...counts.slice(0, -1));
  if (most > 0) return SEPARATORS[counts.indexOf(most)] as string;
  return (counts.at(-1) ?? 0) > 0 ? " " : ",";
}

function cellsOf(record: string, separator: string, line: number): readonly string[] {
  const text = separator === " " ? record.trim().replace(/ +/g, " ") : record;
  if (!text.includes('"')) return text.split(separator);
  const cells: string[] = [];
  for (let at = 0; ; ) {
    const { cell, end } = text[at] === '"' ? quotedCell(text, at) : plainCell(text, at, separator);
    cells.push(cell);
    if (end >= text.length) return cells;
    if (text[end] !== separator)
      throw new TurboQuantError(
        "bad-input",
        `behind the quoted cell ${cells.length} of line ${line} stands something else than a separator`,
        'A quote within a quoted cell is written twice: "".',
      );
    at = end + 1;
    if (at === text.length) return [...cells, ""];
  }
}

interface Cell {
  readonly cell: string;
  /** Of the separator behind it. */
  readonly end: number;
}

function plainCell(text: string, from: number, separator: string): Cell {
  const found = text.indexOf(separator, from);
  const end = found < 0 ? text.length : found;
  return { cell: text.slice(from, end), end };
}

/** The quotes of a record are even in number, so that each that opens closes. */
function quotedCell(text: string, from: number): Cell {
  let end = text.indexOf('"', from + 1);
  while (end >= 0 && text[end + 1] === '"') end = text.indexOf('"', end + 2);
  if (end < 0) return { cell: text.slice(from + 1), end: text.length };
  return { cell: text.slice(from + 1, end).replaceAll('""', '"'), end: end + 1 };
}

/**
 * The tables of the papers that @perdure/turboquant is made from, out of its own code: squared error and inner products by bits, PolarQuant at 3.875, and
 * attention over long contexts that went through codes. Nothing here is timed: the figures are the same on every machine.
 */

import { createQuantizer } from "../packages/turboquant/src/index.ts";
import { attendExactly, attendThrough, OVERLAP_OF } from "./turboquant-papers/attention.ts";
import { CONTENDERS } from "./turboquant-papers/coders.ts";
import { type Context, createContext, HEAD } from "./turboquant-papers/context.ts";
import { aboutFourBits, PRINTED, plain, published, publishedTheory, squaredError } from "./turboquant-papers/distortion.ts";

export interface TurboquantPapersOptions {
  /** Without the longest context and the largest dimension: in seconds. */
  readonly quick: boolean;
}

interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

type Say = (line: string) => void;

const WIDTHS = [1, 2, 3, 4];
const LENGTHS = { short: { tokens: 4096, queries: 32, needles: 100 }, long: { tokens: 100_000, queries: 16, needles: 50 } } as const;
const SEED = 3;

export async function benchTurboquantPapers({ quick }: TurboquantPapersOptions, say: Say): Promise<{ readonly tables: readonly Table[] }> {
  const dims = quick ? [128] : [128, 1536];
  const tables: Table[] = [];
  const tell = (table: Table): void => {
    for (const line of laidOut(table)) say(line);
    tables.push(table);
  };
  for (const dim of dims) {
    tell(squaredErrors(dim));
    tell(innerProductErrors(dim));
  }
  tell(polarErrors(HEAD));
  for (const { tokens, queries, needles } of quick ? [LENGTHS.short] : [LENGTHS.short, LENGTHS.long])
    tell(attention(createContext(tokens, queries, needles, SEED)));
  return { tables };
}

function squaredErrors(dim: number): Table {
  return {
    title: `squared error of unit vectors of ${dim} coordinates (algorithm 1; scale raw)`,
    columns: ["bits", "measured", "theory", "printed", "no code below", "bound"],
    rows: WIDTHS.map((bits) => {
      const quantizer = createQuantizer({ dim, bits, scale: "raw" });
      return [
        bits,
        squaredError(dim, quantizer),
        quantizer.distortion,
        PRINTED.squared[bits - 1] as number,
        4 ** -bits,
        ((Math.sqrt(3) * Math.PI) / 2) * 4 ** -bits,
      ];
    }),
  };
}

function innerProductErrors(dim: number): Table {
  return {
    title: `squared error of inner products of unit vectors of ${dim} coordinates, times ${dim} (algorithm 2), and slope of estimates`,
    columns: [
      "bits",
      "measured",
      "theory",
      "printed",
      "slope",
      "no code below",
      "bound",
      "orthogonal sketch",
      "slope",
      "codec, unbiased",
      "slope",
    ],
    rows: WIDTHS.map((bits) => {
      const [gaussian, orthogonal, codec] = [published(dim, bits, "gaussian"), published(dim, bits, "orthogonal"), plain(dim, bits)];
      return [
        bits,
        gaussian.error,
        publishedTheory(dim, bits),
        PRINTED.innerProduct[bits - 1] as number,
        gaussian.slope,
        4 ** -bits,
        Math.sqrt(3) * Math.PI ** 2 * 4 ** -bits,
        orthogonal.error,
        orthogonal.slope,
        codec.error,
        codec.slope,
      ];
    }),
  };
}

function polarErrors(dim: number): Table {
  return {
    title: `squared error of unit vectors of ${dim} coordinates at about four bits`,
    columns: ["", "bits a coordinate, all told", "squared error"],
    rows: aboutFourBits(dim).map(({ name, coder }) => [name, (8 * coder.codeBytes) / dim, squaredError(dim, coder)]),
  };
}

function attention(context: Context): Table {
  const exact = attendExactly(context);
  return {
    title: `attention over ${context.tokens.toLocaleString("en-US")} keys and values of ${HEAD} coordinates (as they are, ${share(exact.needles)} of needles found)`,
    columns: ["", "bits", "bytes of a key", "error by keys", "error by both", `of the top ${OVERLAP_OF}`, "needles"],
    rows: CONTENDERS.map(({ name, bits, coders }) => {
      const made = coders(context);
      const found = attendThrough(context, exact, made);
      return [name, bits, made.keys.codeBytes, found.errorByKeys, found.error, share(found.overlap), share(found.needles)];
    }),
  };
}

function share(of: number): string {
  return `${(100 * of).toFixed(1)} %`;
}

function laidOut({ title, columns, rows }: Table): readonly string[] {
  const cells = [columns, ...rows.map((row) => row.map((cell) => (typeof cell === "string" ? cell : short(cell))))];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[at] as number))).join("   ");
  return [title, "", ...cells.map(line), ""];
}

/** Three digits, whole numbers and halves as they are. */
function short(value: number): string {
  return Number.isInteger(value * 1000)
    ? String(value)
    : value >= 0.9995 && value < 10
      ? value.toFixed(3)
      : String(Number(value.toPrecision(3)));
}

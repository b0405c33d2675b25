/** `turboquant inspect <file.tqi>`: what the file of an index holds, and whether every checksum in it holds. */
import { realpath } from "node:fs/promises";
import type { IndexReader } from "../../file/index-reader.ts";
import type { Tail } from "../../file/tail.ts";
import { readIndexAt } from "../../node/disk-index.ts";
import { type KeptTail, keptTails } from "../../node/kept-tails.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { startProgress } from "../progress.ts";
import { countOf, countText, sizeText } from "../quantity.ts";
import { factLines } from "../table.ts";

/** What is in it, counted while all of it is read. */
interface Holdings {
  readonly vectors: number;
  /** Of each width, the widest first. */
  readonly widths: readonly { readonly bits: number; readonly vectors: number }[];
  readonly namedByText: number;
}

const WORST_SHOWN = 20;

/** What became of the end of the file. */
interface Ends {
  readonly tail: Tail | undefined;
  readonly kept: readonly KeptTail[];
}

export async function inspectIndex(path: string, { terminal, signal }: Invocation): Promise<number> {
  await using reader = await readIndexAt(path, { damaged: "skip" });
  const kept = await keptTails(await realpath(path));
  const progress = startProgress(terminal, "checking", "vectors");
  const holdings = await count(reader, progress.at, signal).finally(() => progress.end());
  const { header, stats, damage, tail } = reader;
  const { center, ...settings } = header;
  terminal.object({
    type: "index",
    file: path,
    ...settings,
    seed: String(header.seed),
    center: center !== undefined,
    ...stats,
    ...holdings,
    ok: damage.length === 0 && tail === undefined,
    damage,
    ...(tail === undefined ? {} : { tail }),
    ...(kept.length === 0 ? {} : { keptTails: kept }),
  });
  for (const line of [
    terminal.strong(`${path}   ${countOf(holdings.vectors, "vector")} of ${header.dim}, ${header.metric}, ${sizeText(stats.bytes)}`),
    "",
    ...factLines([...factsOf(reader, holdings, damage.length > 0), ...endFacts({ tail, kept })]),
    "",
    damage.length === 0 && tail === undefined ? "Every checksum holds." : terminal.strong(faultOf(damage.length)),
    ...damage.slice(0, WORST_SHOWN).map(({ at, bytes, why }) => `  ${countOf(bytes, "byte")} at ${countText(at)}: ${why}`),
    ...(damage.length > WORST_SHOWN ? [`  and ${countText(damage.length - WORST_SHOWN)} more`] : []),
  ])
    terminal.line(line);
  if (damage.length > 0) return EXIT.failed;
  return tail === undefined ? EXIT.done : EXIT.cutShort;
}

function faultOf(damaged: number): string {
  if (damaged === 0) return "Every checksum holds, but the end of the file is not whole.";
  return `${countOf(damaged, "place")} in the file cannot be read as written:`;
}

async function count(reader: IndexReader, tell: (share: number, done: number) => void, signal: AbortSignal): Promise<Holdings> {
  const byWidth = new Map<number, number>();
  let [vectors, namedByText, segments] = [0, 0, 0];
  for await (const { count: found, bits, ids } of reader.columns()) {
    signal.throwIfAborted();
    vectors += found;
    byWidth.set(bits, (byWidth.get(bits) ?? 0) + found);
    namedByText += ids.filter((id) => typeof id === "string").length;
    tell(++segments / Math.max(1, reader.segments.length), vectors);
  }
  const widths = [...byWidth].map(([bits, of]) => ({ bits, vectors: of })).toSorted((a, b) => b.bits - a.bits);
  return { vectors, widths, namedByText };
}

function factsOf(
  { header, stats }: IndexReader,
  { vectors, widths, namedByText }: Holdings,
  damaged: boolean,
): readonly (readonly [string, string])[] {
  const perVector = vectors === 0 ? "" : `, ${(stats.bytes / vectors).toFixed(1)} bytes a vector in the file`;
  const removed = stats.rows - vectors;
  return [
    ["bits", widths.map(({ bits, vectors: of }) => `${bits} (${countOf(of, "vector")})`).join(", ") || `${header.bits}`],
    ["encoded with", `seed ${header.seed}, scale ${header.scale}, ${header.center === undefined ? "no centre" : "a centre"}`],
    ["originals", header.originals ? "kept" : "not kept"],
    ["ids", namedByText === 0 ? "numbers" : namedByText === vectors ? "texts" : `${countText(namedByText)} texts, the others numbers`],
    ["segments", `${countText(stats.segments)}${perVector}`],
    // Rows that cannot be read are not removed ones, and nobody is told to give up their bytes.
    ...(damaged ? [["not read", `${countOf(removed, "row")}, damaged ones and removed ones`] as const] : spaceOf(stats.deadBytes, removed)),
  ];
}

function endFacts({ tail, kept }: Ends): readonly (readonly [string, string])[] {
  const of = tail === undefined || tail.vectors === 0 ? "" : `, of ${countOf(tail.vectors, "vector")}`;
  const facts: (readonly [string, string])[] = kept.map(({ path, bytes, at }) => [
    "kept",
    `${countOf(bytes, "byte")} that were cut off at ${countText(at)}: ${path}`,
  ]);
  if (tail !== undefined)
    facts.unshift(
      ["cut short", `${countOf(tail.bytes, "byte")}${of} at the end, left by a crash or a copy that broke off, or just being written`],
      ["", "the next writer puts them beside the file, where anything is in them, and cuts them: if this is a copy, copy again"],
    );
  return facts;
}

function spaceOf(deadBytes: number, removed: number): readonly (readonly [string, string])[] {
  return [
    ["removed", removed === 0 ? "none" : `${countOf(removed, "row")} of vectors that are gone or were replaced`],
    [
      "dead bytes",
      deadBytes === 0 && removed === 0
        ? "none"
        : `${sizeText(deadBytes)}${removed === 0 ? "" : ", and those of removed rows"}: compacting gives them back`,
    ],
  ];
}

/**
 * Writes what searching among vectors takes, ours and others', into bench/README.md: of each set the newest result of
 * `npm run bench -- turboquant` in bench/results that has ours and all peers.
 *
 *   <!-- turboquant figures -->
 *   <!-- end of turboquant figures -->
 *
 * Run after a new result was kept: `node scripts/turboquant-figures.ts`. A test fails when the README is behind.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { RECALLS } from "../bench/turboquant/comparison.ts";
import type { SetFigures, SystemFigures, WayFigures } from "../bench/turboquant/contest.ts";
import type { TurboquantResult } from "../bench/turboquant.ts";

const ROOT = new URL("../", import.meta.url);
const RESULTS = new URL("bench/results/", ROOT);
const README = new URL("bench/README.md", ROOT);
const BLOCK = /<!-- turboquant figures -->\n[\s\S]*?<!-- end of turboquant figures -->/;
/** A result without one of these is of a part of the peers. */
const WHOLE = ["usearch-exact-f32", "usearch-hnsw-i8", "sqlite-vec-bit"];
/** What an index is asked for that is told nothing. */
const USUAL = 0.95;
/** In this order. */
const SETS = ["real", "syn-384", "hard-384", "syn-1536-20k", "syn-1536"];

const HOW_TO_READ =
  "Times are processor milliseconds of one query at that recall at 10; in brackets by the fastest of ours (bold) at the same recall, so that more than 1 is slower than ours. –: no setting reaches it. Vectors inserted per second of one core.";

export interface KeptResult extends TurboquantResult {
  readonly conditions: {
    readonly commit: string;
    readonly changed: boolean;
    readonly node: string;
    readonly processor: string;
    readonly cores: number;
    readonly load: number;
  };
}

export interface Shown {
  readonly file: string;
  readonly result: KeptResult;
  readonly set: SetFigures;
}

/** Of each set the newest that belongs to a commit. */
export function newestResults(): readonly Shown[] {
  const files = readdirSync(RESULTS).filter((name) => name.endsWith("-turboquant.json"));
  const kept = files
    .sort()
    .reverse()
    .map((file) => ({ file, result: JSON.parse(readFileSync(new URL(file, RESULTS), "utf8")) as KeptResult }));
  return SETS.flatMap((name) => {
    for (const { file, result } of kept) {
      const set = result.sets.find((each) => each.set === name);
      if (set !== undefined && !result.conditions.changed && isWhole(set, result.ours)) return [{ file, result, set }];
    }
    return [];
  });
}

function isWhole({ systems }: SetFigures, ours: readonly string[]): boolean {
  const done = systems.filter(({ failed }) => failed === undefined).map(({ system }) => system);
  return WHOLE.every((name) => done.includes(name)) && done.some((name) => ours.includes(name));
}

/** The README with its figures as the results have them. */
export function renderFigures(readme: string, shown: readonly Shown[]): string {
  const text = [HOW_TO_READ, "", ...shown.flatMap(linesOf), ...recallLines(shown)].join("\n");
  return readme.replace(BLOCK, () => `<!-- turboquant figures -->\n${text}\n<!-- end of turboquant figures -->`);
}

function linesOf({ file, result, set }: Shown): readonly string[] {
  const { conditions, comparison, ours } = result;
  const cell = (system: string, recall: number): string => {
    const found = comparison.find((each) => each.set === set.set && each.system === system)?.at.find((each) => each.recall === recall);
    if (found === undefined) return "–";
    const by = found.byOurs === undefined || ours.includes(system) ? "" : ` (${short(found.byOurs)} x)`;
    return `${found.atMost ? "≤ " : ""}${short(found.ms)}${by}`;
  };
  const rows = set.systems
    .filter(({ failed }) => failed === undefined)
    .map(
      (each) =>
        `| ${ours.includes(each.system) ? `**${each.system}**` : each.system} | ${[
          whole(each.vectorsPerCoreSecond),
          bytesOf(each),
          Math.max(...each.ways.map(({ recallAt10 }) => recallAt10)).toFixed(3),
          ...RECALLS.map((recall) => cell(each.system, recall)),
        ].join(" | ")} |`,
    );
  return [
    `\`${set.set}\`: ${set.what}. ${conditions.processor}, one thread, Node ${conditions.node.replace("v", "")}, load ${short(conditions.load)} at the start; [results/${file}](results/${file}).`,
    "",
    `| | vectors/s inserted | bytes each | most recall | ${RECALLS.map((recall) => `cpu ms at ${recall}`).join(" | ")} |`,
    `|---|---|---|---|${RECALLS.map(() => "---").join("|")}|`,
    ...rows,
    "",
  ];
}

/** What the system says itself; else its files, where it lives in them, or what its process grew by. */
function bytesOf({ bytesPerVector, system }: SystemFigures): string {
  if (bytesPerVector === undefined) return "–";
  const { resident, disk, told } = bytesPerVector;
  if (told !== undefined) return whole(told);
  return disk !== undefined && /sqlite|lancedb/.test(system) ? `${whole(disk)} on disk` : `${whole(disk ?? resident)}`;
}

/** Recall that was asked for, and what came of it. */
function recallLines(shown: readonly Shown[]): readonly string[] {
  const asked = shown.flatMap(({ set, result }) =>
    set.systems
      .filter(({ system }) => result.ours.includes(system))
      .flatMap(({ system, ways }) => {
        const found = RECALLS.map((recall) => ways.find((way) => way.asked === recall));
        return found.some((way) => way !== undefined)
          ? [`| \`${set.set}\` | ${system} | ${timesOf(ways)} | ${found.map(recallOf).join(" | ")} |`]
          : [];
      }),
  );
  if (asked.length === 0) return [];
  return [
    "Recall at 10 that ours was asked for, what came of it, and in brackets what it said itself to expect (codes alone do not hold more than they hold):",
    "",
    `| set | | ms of a query asked for ${USUAL}: median / best | ${RECALLS.map((recall) => `asked ${recall}`).join(" | ")} |`,
    `|---|---|---|${RECALLS.map(() => "---").join("|")}|`,
    ...asked,
    "",
    addedLine(shown),
  ];
}

function recallOf(way: WayFigures | undefined): string {
  if (way === undefined) return "–";
  return `${way.recallAt10.toFixed(3)}${way.expected === undefined ? "" : ` (${way.expected.toFixed(3)})`}`;
}

function timesOf(ways: readonly WayFigures[]): string {
  const usual = ways.find(({ asked }) => asked === USUAL);
  return usual === undefined ? "–" : `${short(usual.ms.median)} / ${short(usual.ms.best)}`;
}

/** Who has what was added, in the search right after it. */
function addedLine(shown: readonly Shown[]): string {
  const all = shown.flatMap(({ set }) => set.systems.flatMap(({ system, added }) => (added === undefined ? [] : [{ system, added }])));
  const late = [...new Set(all.filter(({ added }) => !added.visible).map(({ system }) => system))];
  const who = [...new Set(all.map(({ system }) => system))].filter((system) => !late.includes(system));
  return `One more vector, added to what was searched, is the first that the search right after it finds, on every set: ${who.join(", ")}.${late.length === 0 ? "" : ` Not always: ${late.join(", ")}.`}`;
}

function whole(value: number | undefined): string {
  return value === undefined ? "–" : Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 0 });
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toFixed(3);
}

export function readBenchReadme(): string {
  return readFileSync(README, "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const shown = newestResults();
  if (shown.length === 0) throw new Error("no result in bench/results has a set with ours and all peers: npm run bench -- turboquant");
  writeFileSync(README, renderFigures(readBenchReadme(), shown));
}

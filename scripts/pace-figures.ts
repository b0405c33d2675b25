/**
 * Writes what `@perdure/pace` gets through beside others into packages/pace/README.md: the newest result of `npm run bench -- pace` in bench/results that has all
 * scenarios, all peers and thirty seeds.
 *
 *   <!-- pace figures -->
 *   <!-- end of pace figures -->
 *
 * Run after a new result was kept: `node scripts/pace-figures.ts`. A test fails when the README is behind.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Row, ScenarioFigures } from "../bench/pace/contest.ts";
import type { Summary } from "../bench/pace/figures.ts";
import { PACE_PEERS, type PaceResult } from "../bench/pace.ts";

const ROOT = new URL("../", import.meta.url);
const RESULTS = new URL("bench/results/", ROOT);
const README = new URL("packages/pace/README.md", ROOT);
const BLOCK = /<!-- pace figures -->\n[\s\S]*?<!-- end of pace figures -->/;
const OURS = "pace";
const WHOLE_SEEDS = 30;
/** A result with fewer is of a part of them. */
const WHOLE_SCENARIOS = 20;

export interface KeptPace extends PaceResult {
  readonly conditions: { readonly at: string; readonly changed: boolean; readonly node: string; readonly processor: string };
}

/** The newest that is whole and belongs to a commit. */
export function newestPace(): { readonly file: string; readonly result: KeptPace } | undefined {
  const files = readdirSync(RESULTS).filter((name) => name.endsWith("-pace.json"));
  for (const file of files.sort().reverse()) {
    const result = JSON.parse(readFileSync(new URL(file, RESULTS), "utf8")) as KeptPace;
    if (!result.conditions.changed && isWhole(result)) return { file, result };
  }
  return undefined;
}

function isWhole({ scenarios, versions }: KeptPace): boolean {
  return (
    scenarios.length >= WHOLE_SCENARIOS &&
    scenarios.every(({ seeds }) => seeds >= WHOLE_SEEDS) &&
    Object.values(versions).every((version) => version !== "not installed") &&
    PACE_PEERS.every((peer) => scenarios.some(({ rows }) => rows.some(({ contestant }) => contestant === peer)))
  );
}

/** The README with its figures as the result has them; as it was where there is none. */
export function renderPace(readme: string, newest: ReturnType<typeof newestPace>): string {
  if (newest === undefined) return readme;
  const { file, result } = newest;
  const text = [
    ...tableLines(result),
    "",
    ...paragraphs(result),
    "",
    `${howMeasured(result)} [${file}](../../bench/results/${file}).`,
  ].join("\n");
  return readme.replace(BLOCK, () => `<!-- pace figures -->\n${text}\n<!-- end of pace figures -->`);
}

function tableLines({ scenarios }: KeptPace): readonly string[] {
  return [
    `| scenario, processes | pace: median (worst) [429s each] | ${PACE_PEERS.join(" | ")} |`,
    `|---|---|${PACE_PEERS.map(() => "---").join("|")}|`,
    ...scenarios.map((one) => `| ${one.scenario} | ${oursIn(one)} | ${PACE_PEERS.map((peer) => peerIn(one, peer)).join(" | ")} |`),
  ];
}

function rowOf({ rows }: ScenarioFigures, name: string): Row | undefined {
  return rows.find(({ contestant }) => contestant === name);
}

function oursIn(scenario: ScenarioFigures): string {
  const row = rowOf(scenario, OURS);
  if (row === undefined) return "–";
  return `**${row.score.median.toFixed(3)}** (${row.score.worst.toFixed(3)}) [${(row.figures.refusalsPerSuccess?.median ?? 0).toFixed(2)}]`;
}

/** Whoever is ahead of ours is marked. */
function peerIn(scenario: ScenarioFigures, peer: string): string {
  const row = rowOf(scenario, peer);
  if (row === undefined) return "–";
  const figure = row.score.median.toFixed(3);
  return scenario.behind.includes(peer) ? `**${figure}, ahead**` : figure;
}

function paragraphs({ scenarios, recovery, overhead, twins }: KeptPace): readonly string[] {
  const of = (name: string): Row | undefined =>
    scenarios.flatMap((one) => (one.scenario.startsWith(name) ? (rowOf(one, OURS) ?? []) : []))[0];
  const lines: string[] = [];
  for (const level of ["told", "opaque"]) {
    const interactive = of(`cut, ${level}`)?.interactive;
    if (interactive !== undefined)
      lines.push(
        `- A cut by 80 in 100 for ten minutes, ${level}: 99 of 100 that a person waits for are answered within ${seconds(interactive.troubledP99Ms)}, in calm within ${seconds(interactive.calmP99Ms)}.`,
      );
    const heartbeats = of(`flood, ${level}`)?.figures.heartbeats;
    if (heartbeats !== undefined)
      lines.push(
        `- One operation asks for everything, ${level}: ${percent(heartbeats.median)} of heartbeats are on time (worst ${percent(heartbeats.worst)}).`,
      );
  }
  const [seeds, back] = [recovery.reduce((sum, one) => sum + one.seeds, 0), recovery.reduce((sum, one) => sum + one.recovered, 0)];
  if (seeds > 0)
    lines.push(`- A minute after a collapse to a tenth is over, ${back} of ${seeds} runs are at 95 in 100 of the optimum or above.`);
  const { "pace.fetch": whole, "the gate": gate } = overhead?.addedUs ?? {};
  if (overhead !== undefined)
    lines.push(
      `- A call takes ${whole} µs of processor, of which the gate ${gate}; after ${overhead.memory[1]?.calls.toLocaleString("en-US")} calls a gate holds ${overhead.memory[1]?.heapMb} MB, after ${overhead.memory.at(-1)?.calls.toLocaleString("en-US")} it holds ${overhead.memory.at(-1)?.heapMb} MB.`,
    );
  for (const [name, figures] of Object.entries(twins)) {
    const ours = figures.find(({ contestant }) => contestant === OURS);
    if (ours !== undefined)
      lines.push(
        `- "${name}" over HTTP, in the machine's time: ${ours.goodput.toFixed(3)}, where virtual time says ${ours.simulated.least.toFixed(3)} to ${ours.simulated.most.toFixed(3)}.`,
      );
  }
  return lines;
}

function howMeasured({ scenarios, versions, conditions }: KeptPace): string {
  const peers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `Goodput x (1 - lost), medians of ${scenarios[0]?.seeds} seeds; ${peers.join(", ")}; Node ${conditions.node.replace("v", "")}. What is played, and with which settings: [bench/README.md](../../bench/README.md);`;
}

function seconds({ median, worst }: Summary): string {
  return `${(median / 1000).toFixed(2)} s (worst seed ${(worst / 1000).toFixed(2)} s)`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))} %`;
}

export function readPaceReadme(): string {
  return readFileSync(README, "utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const newest = newestPace();
  if (newest === undefined)
    throw new Error("no result in bench/results has all scenarios with all peers and thirty seeds: npm run bench -- pace");
  const readme = readPaceReadme();
  if (!BLOCK.test(readme)) throw new Error("packages/pace/README.md has no <!-- pace figures --> to write them between");
  writeFileSync(README, renderPace(readme, newest));
}

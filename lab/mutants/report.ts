/** What a campaign came to, as lines: a table by file, what it says about all mutants, and everything that was not noticed. */
import { readFileSync } from "node:fs";
import { PRODUCT_FOLDER } from "../planting.ts";
import type { Finding } from "./campaign.ts";
import type { Mutant } from "./generate.ts";
import { lineOf, REASONS, readSurvivors, survivorOf } from "./reasons.ts";
import { wilson } from "./sample.ts";

export interface Report {
  /** Mutants of the sample, in its order, with their findings. */
  readonly findings: readonly Finding[];
  readonly mutants: readonly Mutant[];
  /** Survivors of the lab that the tests of their room notice; absent when they were not asked. */
  readonly units?: ReadonlyMap<string, boolean> | undefined;
}

export interface Tally {
  readonly sampled: number;
  readonly reached: number;
  readonly killed: number;
  readonly open: number;
}

export function tally(findings: readonly Finding[]): Tally {
  const count = (outcome: Finding["outcome"]): number => findings.filter((each) => each.outcome === outcome).length;
  return {
    sampled: findings.length,
    reached: findings.length - count("not reached"),
    killed: count("killed"),
    open: count("open"),
  };
}

export function reportLines({ findings, mutants, units }: Report): readonly string[] {
  const byId = new Map(mutants.map((mutant) => [mutant.id, mutant]));
  const byFile = Map.groupBy(findings, ({ id }) => byId.get(id)?.file ?? "");
  const lines = [row("file", "sampled", "reached", "killed", "share"), ""];
  for (const [file, those] of [...byFile].sort(([a], [b]) => (a < b ? -1 : 1))) lines.push(tallyRow(file, tally(those)));
  const all = tally(findings);
  lines.push("", tallyRow("all", all), "", shareLine("of the whole sample", all.killed, all.sampled));
  if (all.open > 0) lines.push(`${all.open} were not given all their seeds; they count as not noticed`);
  if (units !== undefined) {
    const noticed = [...units.values()].filter(Boolean).length;
    lines.push(`of ${units.size} that the lab does not notice the tests of their folder notice ${noticed}`);
    lines.push(shareLine("of the whole sample, by the lab or by tests", all.killed + noticed, all.sampled));
  }
  const left = findings.filter(({ outcome }) => outcome === "survived" || outcome === "open");
  return [...lines, "", ...byLines(findings), "", ...survivorLines(left, byId, units)];
}

function byLines(findings: readonly Finding[]): readonly string[] {
  const killed = findings.filter(({ outcome }) => outcome === "killed");
  const by = [...Map.groupBy(killed, (each) => each.by ?? "")].sort(([, a], [, b]) => b.length - a.length);
  return [`noticed by: ${by.map(([name, those]) => `${name} ${those.length}`).join(", ")}`];
}

/** What a mutant that was not noticed left behind. */
export function tracesOf({ ran, different }: Finding): string {
  return different === undefined ? `no room notices it within ${ran} seeds` : `${different} of ${ran} histories differ`;
}

function survivorLines(left: readonly Finding[], byId: ReadonlyMap<string, Mutant>, units: Report["units"]): readonly string[] {
  const reasons = readSurvivors();
  const sources = new Map<string, string>();
  const lines = [`not noticed: ${left.length}`];
  for (const finding of left) {
    const { id, outcome } = finding;
    const mutant = byId.get(id);
    if (mutant === undefined) continue;
    const source = sources.get(mutant.file) ?? readFileSync(new URL(mutant.file, PRODUCT_FOLDER), "utf8");
    sources.set(mutant.file, source);
    const known = survivorOf(mutant, source, reasons);
    const unit = units?.get(id);
    lines.push(
      `${id}${outcome === "open" ? " (open)" : ""}: ${oneLine(mutant.was)} -> ${oneLine(mutant.put)}`,
      `    ${lineOf(mutant, source)}`,
      `    ${tracesOf(finding)}${unit === undefined ? "" : unit ? "; the tests notice" : "; the tests do not notice either"}`,
    );
    if (known !== undefined) lines.push(`    ${known.reason} (${REASONS[known.reason]}): ${known.why}`);
  }
  return lines;
}

const MOST_SHOWN = 60;

function oneLine(code: string): string {
  const line = code.replaceAll(/\s+/g, " ");
  return line.length > MOST_SHOWN ? `${line.slice(0, MOST_SHOWN)}…` : line === "" ? "nothing" : line;
}

function tallyRow(name: string, { sampled, reached, killed }: Tally): string {
  return row(name, String(sampled), String(reached), String(killed), sampled === 0 ? "-" : `${((100 * killed) / sampled).toFixed(0)} %`);
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(40) + cells.map((cell) => cell.padStart(9)).join("");
}

function shareLine(name: string, hits: number, of: number): string {
  const [low, high] = wilson(hits, of);
  const percent = (share: number): string => (100 * share).toFixed(1);
  return `${name}: ${hits} of ${of} noticed, ${percent(of === 0 ? 0 : hits / of)} % (95 %: ${percent(low)} to ${percent(high)} %)`;
}

import type { Row, ScenarioFigures } from "./contest.ts";
import { OURS } from "./contestants.ts";
import type { FigureName, Summary } from "./figures.ts";

const COLUMNS: readonly (readonly [string, (row: Row) => string])[] = [
  ["goodput", ({ figures }) => pair(figures.goodput)],
  ["429s each", ({ figures }) => pair(figures.refusalsPerSuccess)],
  ["lost", ({ figures }) => pair(figures.lost)],
  ["score", ({ score }) => pair(score)],
  ["fairness", ({ figures }) => pair(figures.fairness)],
  ["retries/s", ({ figures }) => pair(figures.mostRetriesPerSecond)],
  ["wave", ({ figures }) => pair(figures.retryWave)],
  ["p50 s", ({ figures }) => inSeconds(figures.p50Ms)],
  ["p99 s", ({ figures }) => inSeconds(figures.p99Ms)],
];

/** Only where they say something. */
const MORE: readonly (readonly [FigureName, string])[] = [
  ["overloadsPerSuccess", "503s each"],
  ["turnedAway", "turned away"],
  ["late", "late"],
  ["recovered", "second minute after"],
  ["heartbeats", "heartbeats on time"],
  ["foreign", "the other party got"],
];

/** Median of all seeds, and the worst of them. */
export function scenarioLines({ scenario, what, instances, seeds, rows, behind }: ScenarioFigures): readonly string[] {
  const lines = [`${scenario} ${instances === 1 ? "process" : "processes"}: ${what} (${seeds} seeds: median/worst)`];
  lines.push(`  ${"".padEnd(19)}${COLUMNS.map(([name]) => name.padStart(13)).join("")}`);
  for (const row of rows) {
    const more = MORE.flatMap(([name, said]) => {
      const found = row.figures[name];
      return found === undefined || (found.median === 0 && found.worst === 0) ? [] : [`${said} ${pair(found)}`];
    });
    const { interactive } = row;
    if (interactive !== undefined)
      more.push(`interactive p99 calm ${inSeconds(interactive.calmP99Ms)} s, cut ${inSeconds(interactive.troubledP99Ms)} s`);
    lines.push(`  ${row.contestant.padEnd(19)}${COLUMNS.map(([, cell]) => cell(row).padStart(13)).join("")}  ${more.join("; ")}`);
  }
  const own = rows.find(({ contestant }) => contestant === OURS);
  if (own !== undefined)
    for (const name of behind) {
      const other = rows.find(({ contestant }) => contestant === name);
      lines.push(`  ${OURS} is BEHIND ${name}: ${own.score.median} to ${other?.score.median}, in ${other?.aheadOfOurs} of ${seeds} seeds`);
    }
  return lines;
}

function pair(found: Summary | undefined): string {
  return found === undefined ? "–" : `${short(found.median)}/${short(found.worst)}`;
}

function inSeconds(found: Summary | undefined): string {
  return found === undefined ? "–" : `${short(found.median / 1000)}/${short(found.worst / 1000)}`;
}

function short(value: number): string {
  if (value === 0 || Number.isInteger(value)) return String(value);
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

/**
 * The detector of limits nobody told, on lines in numbers alone and virtual time: how long it takes, whether it tells a maximum age
 * from an idle limit, and what it says where there is no limit. The same draws at every run.
 */
import { createDraws } from "../packages/perdure/src/host/simulated/draws.ts";
import { culpritsOf, type LimitCandidate } from "../packages/perdure/src/protocol/link/limit-culprits.ts";
import { type LineWorld, liveThrough } from "../packages/perdure/src/protocol/link/test-lines.ts";
import { createSettings, listSettings } from "../packages/perdure/src/settings/register.ts";
import type { Measurement } from "./measure.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const LINES = 3;
const WORLDS = 400;
const WORLDS_OF_KIND = 100;
const SILENT_HOURS = 300_000;
const HOURS_AT_ONCE = 500;
const PLANTED: LimitCandidate = { name: "planted: a proxy's maximum age", valueMs: 47 * MINUTE, origin: "file" };

type Row = Omit<Measurement, "rounds">;
type Case = Omit<LineWorld, "random" | "lines" | "hours"> & { readonly hours?: number };

function chances(name: string): () => number {
  const draws = createDraws(name);
  return () => draws.below(2 ** 30) / 2 ** 30;
}

/** What was found first in each of so many worlds; undefined where nothing was. */
function firstFound(name: string, worlds: number, of: Case): readonly (ReturnType<typeof liveThrough>[number] | undefined)[] {
  return Array.from({ length: worlds }, (_, world) =>
    liveThrough({ lines: LINES, hours: 96, untilFound: true, ...of, random: chances(`${name} ${world}`) }).find(
      ({ change }) => change === "found",
    ),
  );
}

export async function benchLifetimes(): Promise<readonly Measurement[]> {
  const rows = [...timeToFind(), ...rangeOfAges(), ...kinds(), ...alarms()];
  return rows.map((row) => ({ ...row, rounds: [row.value] }));
}

function timeToFind(): readonly Row[] {
  const candidates = [
    PLANTED,
    ...listSettings(createSettings()).flatMap(({ name, unit, value, origin }) => (unit === "ms" ? [{ name, valueMs: value, origin }] : [])),
  ];
  const rows: Row[] = [];
  for (const resets of [true, false])
    for (const lossEveryMs of [undefined, 6 * HOUR, 30 * MINUTE]) {
      const losses = lossEveryMs === undefined ? "no other losses" : `random losses every ${lossEveryMs / MINUTE} min`;
      const name = `47 min on ${LINES} connections, ${resets ? "told by a reset" : "silent"}, ${losses}`;
      const found = firstFound(name, WORLDS, { limit: { kind: "age", valueMs: 47 * MINUTE }, resets, lossEveryMs });
      const hours = found.map((one) => one?.hours ?? Number.POSITIVE_INFINITY).sort((one, other) => one - other);
      const right = found.filter((one) => one !== undefined && culpritsOf(one.finding, candidates)[0] === PLANTED).length;
      rows.push(
        { what: `${name}: found, median`, unit: "hours", value: at(hours, 0.5) },
        { what: `${name}: found, p95`, unit: "hours", value: at(hours, 0.95) },
        { what: `${name}: named the planted setting first`, unit: "percent", value: percent(right, WORLDS) },
      );
    }
  return rows;
}

function rangeOfAges(): readonly Row[] {
  return [1, 5, 20, 60, 120, 360].map((minutes) => {
    const name = `maximum age of ${minutes} min, told by a reset, random losses every 6 h`;
    const found = firstFound(name, WORLDS_OF_KIND, { limit: { kind: "age", valueMs: minutes * MINUTE }, lossEveryMs: 6 * HOUR });
    const hours = found.map((one) => one?.hours ?? Number.POSITIVE_INFINITY).sort((one, other) => one - other);
    return { what: `${name}: found, p95`, unit: "hours", value: at(hours, 0.95) };
  });
}

/** Of what was found, how much was found as what it is. */
function kinds(): readonly Row[] {
  const pings = { pingEveryMs: 10 * MINUTE, mailEveryMs: 4 * MINUTE };
  const cases: readonly (readonly [string, Case])[] = [
    ...[1, 5, 47, 120, 360].flatMap((minutes) =>
      [true, false].map((resets) => [`age ${minutes} ${resets}`, { limit: { kind: "age", valueMs: minutes * MINUTE }, resets }] as const),
    ),
    ...[30, 60, 350].flatMap((seconds) =>
      [true, false].map(
        (resets) => [`idle ${seconds} ${resets}`, { limit: { kind: "idle", valueMs: seconds * SECOND }, resets, ...pings }] as const,
      ),
    ),
  ];
  let [right, all, missed] = [0, 0, 0];
  for (const [name, of] of cases)
    for (const one of firstFound(name, WORLDS_OF_KIND, { lossEveryMs: 6 * HOUR, ...of })) {
      if (one === undefined) missed++;
      else all++;
      if (one?.finding.kind === of.limit?.kind) right++;
    }
  return [
    { what: "maximum age and idle limit told apart, of all that was found", unit: "percent", value: percent(right, all) },
    { what: "worlds with a limit in which none was found within 96 h", unit: "worlds", value: missed },
  ];
}

function alarms(): readonly Row[] {
  let [hours, told] = [0, 0];
  for (let world = 0; hours < SILENT_HOURS; world++, hours += HOURS_AT_ONCE) {
    const lossEveryMs = ([15, 30, 120, 360][world % 4] as number) * MINUTE;
    const said = liveThrough({
      lines: LINES,
      hours: HOURS_AT_ONCE / LINES,
      lossEveryMs,
      resets: world % 8 < 4,
      random: chances(`alarms ${world}`),
    });
    told += said.filter(({ change }) => change === "found").length;
  }
  return [{ what: `false alarms in ${SILENT_HOURS} connection-hours of random losses, every 15 min to 6 h`, unit: "alarms", value: told }];
}

function at(sorted: readonly number[], share: number): number {
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number) * 100) / 100;
}

function percent(part: number, whole: number): number {
  return Math.round((part / whole) * 10_000) / 100;
}

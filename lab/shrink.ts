/**
 * The least of a scenario that still breaks the same invariant: fewer minutes, people, faults and letters, then shorter and smaller ones.
 * What was drawn from the seed is written down first, so that it can be left out piece by piece.
 */
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { fewest } from "./fewer.ts";
import type { Swept } from "./pool.ts";
import { type Letter, SCENARIO_FORMAT, type Scenario } from "./scenario.ts";
import { drawCensus } from "./town.ts";
import type { Fault } from "./weather.ts";

export interface ShrinkOptions {
  /** Runs one scenario, recording its letters when asked to; rejects when `signal` aborts. */
  readonly run: (scenario: Scenario, letters: boolean, signal: AbortSignal) => Promise<Swept>;
  /** How many runs at once. */
  readonly threads: number;
  /** When it aborts, what is left so far is the result. */
  readonly signal: AbortSignal;
  readonly told: (line: string) => void;
}

export interface Shrunk {
  /** Everything drawn is written down, and what must break is in `expect`. */
  readonly scenario: Scenario;
  readonly broken: NonNullable<Swept["result"]["broken"]>;
  /** Of it, when the town was open, virtual milliseconds. */
  readonly beginMs: number;
  readonly runs: number;
  /** Every step was tried to its end; otherwise time ran out. */
  readonly complete: boolean;
}

const MINUTE_MS = 60_000;
/** Times are rounded to this, where a scenario still breaks so. */
const ROUND_MS = 100;

/** Throws `bad-argument` when nothing breaks to begin with, and `timed-out` when `signal` aborts before there is anything to give. */
export async function shrink(given: Scenario, { run, threads, signal, told }: ShrinkOptions): Promise<Shrunk> {
  const first = await run(given, true, signal).catch((error: unknown) => {
    throw signal.aborted ? tooShort(error) : error;
  });
  const { broken, drawn, faults } = first.result;
  if (broken === undefined)
    throw new PerdureError("bad-argument", "nothing breaks in this run, so nothing can be shrunk", {
      hint: "Look for a seed that breaks: npm run lab -- --seeds 200.",
    });
  const { invariant } = broken;
  const letters = first.recording?.letters ?? [];
  const { kinds: _, expect: __, calmMs: ___, ...rest } = given;
  let best: Scenario = { ...rest, ...drawn, faults };
  let found = first;
  let runs = 1;
  /** Those that do not break the same. */
  const tried = new Set<string>();

  /** Takes the first of these that breaks the same, several tried at once. */
  const attempt = async (candidates: readonly Scenario[]): Promise<number | undefined> => {
    const losers = new AbortController();
    const either = AbortSignal.any([signal, losers.signal]);
    const tries = new Map<number, Promise<Swept | undefined>>();
    const start = (index: number): void => {
      const candidate = candidates[index];
      if (candidate === undefined || either.aborted) return;
      if (tried.has(JSON.stringify(candidate))) return;
      runs++;
      const running = run(candidate, false, either).catch((error: unknown) => {
        if (either.aborted) return undefined;
        throw error;
      });
      running.catch(() => {});
      tries.set(index, running);
    };
    for (let index = 0; index < Math.min(threads, candidates.length); index++) start(index);
    try {
      for (const [index, candidate] of candidates.entries()) {
        const swept = await tries.get(index);
        start(index + threads);
        if (swept === undefined) continue;
        if (swept.result.broken?.invariant !== invariant) {
          tried.add(JSON.stringify(candidate));
          continue;
        }
        best = candidate;
        found = swept;
        return index;
      }
      return undefined;
    } finally {
      losers.abort();
      await Promise.allSettled(tries.values());
    }
  };
  /** Tries other scenarios made from the best one so far. */
  const change = async (...changes: readonly ((from: Scenario) => Scenario)[]): Promise<boolean> => {
    const others = changes.map((make) => settled(make(best))).filter((other) => JSON.stringify(other) !== JSON.stringify(best));
    return (await attempt(others)) !== undefined;
  };

  const written = settled(best);
  if ((await attempt([written])) === undefined) {
    // Whether it breaks nothing is known only of a run that came to its end.
    if (!tried.has(JSON.stringify(written))) throw tooShort(signal.reason);
    throw new PerdureError("internal", "the same run, with what its seed drew written down, breaks nothing", {
      hint: "Something in it is drawn that a scenario does not say; the seed itself still shows it.",
    });
  }

  const shorten = async (): Promise<void> => {
    const { broken: end, beginMs } = found.result;
    const brokeAt = Math.max(0, (end?.atMs ?? 0) - beginMs) / MINUTE_MS;
    const lengths = [0.1, 0.25, 0.5, 0.75].map((share) => best.minutes * share);
    const shorter = [...lengths, brokeAt].filter((minutes) => minutes < best.minutes * 0.95).sort((a, b) => a - b);
    if (await change(...shorter.map((minutes) => (from: Scenario) => ({ ...from, minutes: round(minutes, 0.01) })))) await shorten();
  };
  const fewerPeople = async (): Promise<void> => {
    const { relays = 1, agents = 2 } = best;
    const changes: ((from: Scenario) => Scenario)[] = [];
    if (best.disaster !== "none") changes.push((from) => ({ ...from, disaster: "none" }));
    if (best.hostile !== "nobody") changes.push((from) => ({ ...from, hostile: "nobody" }));
    if (relays > 1)
      changes.push(
        (from) => ({ ...from, relays: 1 }),
        (from) => ({ ...from, relays: relays - 1 }),
      );
    if (agents > 2)
      changes.push(
        (from) => ({ ...from, agents: 2 }),
        (from) => ({ ...from, agents: agents - 1 }),
      );
    if (changes.length > 0 && (await change(...changes))) await fewerPeople();
  };
  const fewerFaults = async (): Promise<void> => {
    await fewest(best.faults ?? [], (lists) => attempt(lists.map((list) => settled({ ...best, faults: list }))));
  };
  const fewerLetters = async (): Promise<void> => {
    if (best.traffic === undefined && !(await change((from) => ({ ...from, traffic: letters })))) return;
    await fewest(best.traffic ?? [], (lists) => attempt(lists.map((list) => settled({ ...best, traffic: list }))));
  };
  const earlier = async (): Promise<void> => {
    const { faults = [], traffic } = best;
    if (traffic === undefined) return;
    const firstMs = Math.min(...faults.map(({ atMs }) => atMs), ...traffic.map(({ atMs }) => atMs));
    const sooner = [1, 0.5].map((share) => Math.floor((firstMs * share) / ROUND_MS) * ROUND_MS).filter((byMs) => byMs > 0);
    await change(...sooner.map((byMs) => (from: Scenario) => shifted(from, byMs)));
  };
  const smaller = async (): Promise<void> => {
    for (const index of (best.faults ?? []).keys()) {
      for (const make of SMALLER_FAULTS) await change((from) => ({ ...from, faults: replaced(from.faults, index, make) }));
    }
    for (const index of (best.traffic ?? []).keys()) {
      for (const make of SMALLER_LETTERS) await change((from) => ({ ...from, traffic: replaced(from.traffic, index, make) }));
    }
  };

  const steps: readonly (readonly [string, () => Promise<void>])[] = [
    ["minutes", shorten],
    ["people", fewerPeople],
    ["faults", fewerFaults],
    ["letters", fewerLetters],
    ["beginning", earlier],
    ["times and sizes", smaller],
  ];
  for (let round = 0, before = ""; before !== JSON.stringify(best) && !signal.aborted; round++) {
    before = JSON.stringify(best);
    for (const [what, step] of steps) {
      if (signal.aborted) break;
      const sizeBefore = describeSize(best);
      await step();
      if (round === 0 || describeSize(best) !== sizeBefore) told(`${what}: ${describeSize(best)}; ${runs} runs`);
    }
  }
  const last = found.result;
  const end = last.broken ?? broken;
  return {
    scenario: { ...best, format: SCENARIO_FORMAT, note: `${end.what}`, expect: { invariant, historyHash: last.historyHash } },
    broken: end,
    beginMs: last.beginMs,
    runs,
    complete: !signal.aborted,
  };
}

function tooShort(cause: unknown): PerdureError {
  return new PerdureError("timed-out", "the time to shrink was over before the run itself was", {
    hint: "Give more with --budget-seconds; 300 are given where nothing is said.",
    cause,
  });
}

const SMALLER_FAULTS: readonly ((fault: Fault) => Fault)[] = [
  (fault) => ({ ...fault, durationMs: 0 }),
  (fault) => ({ ...fault, durationMs: Math.min(fault.durationMs, 1000) }),
  (fault) => ({ ...fault, amount: 0 }),
  (fault) => ({ ...fault, amount: round(fault.amount, 0.1) }),
  (fault) => ({ ...fault, atMs: round(fault.atMs, ROUND_MS) }),
];
const SMALLER_LETTERS: readonly ((letter: Letter) => Letter)[] = [
  ({ atMs, from, to }) => ({ atMs, from, to, sizeBytes: 100 }),
  (letter) => ({ ...letter, atMs: round(letter.atMs, ROUND_MS) }),
];

/** Without what happens to people who are not there, and after the end. */
function settled(scenario: Scenario): Scenario {
  const { relays = 1, agents = 2, minutes, faults, traffic } = scenario;
  const census = drawCensus(relays, agents, true);
  const isHere = (name: string): boolean => name === "" || census.agents.includes(name) || census.relays.includes(name);
  const untilMs = minutes * MINUTE_MS;
  return {
    ...scenario,
    ...(faults && { faults: faults.filter(({ atMs, host, other }) => atMs <= untilMs && isHere(host) && isHere(other)) }),
    ...(traffic && { traffic: traffic.filter(({ atMs, from, to }) => atMs <= untilMs && isHere(from) && isHere(to)) }),
  };
}

/** Everything that much sooner, and the end too. */
function shifted({ faults = [], traffic = [], ...rest }: Scenario, byMs: number): Scenario {
  const sooner = <Item extends { readonly atMs: number }>(item: Item): Item => ({ ...item, atMs: Number((item.atMs - byMs).toFixed(3)) });
  return { ...rest, minutes: round(rest.minutes - byMs / MINUTE_MS, 0.01), faults: faults.map(sooner), traffic: traffic.map(sooner) };
}

function replaced<Item>(items: readonly Item[] = [], at: number, make: (item: Item) => Item): readonly Item[] {
  return items.map((item, index) => (index === at ? make(item) : item));
}

function round(value: number, to: number): number {
  return Number((Math.ceil(value / to - 1e-9) * to).toFixed(3));
}

export function describeSize({ minutes, relays, agents, hostile, disaster, faults = [], traffic }: Scenario): string {
  const others = [hostile === "nobody" ? undefined : hostile, disaster === "none" ? undefined : disaster].filter(
    (each) => each !== undefined,
  );
  return (
    `${minutes} min, ${countText(relays ?? 1, "relay")}, ${countText(agents ?? 2, "agent")}${others.map((each) => `, ${each}`).join("")}, ` +
    `${countText(faults.length, "fault")}, ${traffic === undefined ? "letters of their own" : countText(traffic.length, "letter")}`
  );
}

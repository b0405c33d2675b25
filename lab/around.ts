/**
 * Around a scenario: the same again, with everything a little earlier or later, longer or shorter. What a bundle tells is not exact
 * enough for the one history that broke, and what broke is seldom alone.
 */
import { availableParallelism } from "node:os";
import { createDraws } from "../packages/perdure/src/host/simulated/index.ts";
import { findMistake } from "./mistakes/index.ts";
import { createPool, type Swept } from "./pool.ts";
import type { Scenario } from "./scenario.ts";
import type { Fault, FaultKind } from "./weather.ts";

/** How far moments move, either way, in one half of the variants and in the other. */
const NEAR_MS = 50;
const FAR_MS = 1500;

/** What looks alike from outside: a process that was killed, or lost its power in the middle of something. */
const ALIKE: Readonly<Partial<Record<FaultKind, readonly FaultKind[]>>> = {
  "relay-kill": ["relay-kill", "relay-power", "brownout"],
  "agent-kill": ["agent-kill", "agent-power", "brownout"],
  cut: ["cut", "stall"],
};

/** Variant `number` of a scenario, from 1; the same one each time. Variant 0 is the scenario itself. */
export function around(scenario: Scenario, number: number): Scenario {
  if (number === 0) return scenario;
  const draws = createDraws(`around ${scenario.seed} ${number}`);
  const most = number % 2 === 1 ? NEAR_MS : FAR_MS;
  const moved = (atMs: number): number => Math.max(0, Math.round(atMs + (draws.below(2001) / 1000 - 1) * most));
  const change = (fault: Fault): Fault => {
    const kinds = ALIKE[fault.kind] ?? [fault.kind];
    const stretch = 0.5 + draws.below(1001) / 667;
    return {
      ...fault,
      kind: kinds[draws.below(kinds.length)] ?? fault.kind,
      atMs: moved(fault.atMs),
      durationMs: Math.round(fault.durationMs * stretch),
      amount: draws.chance(0.5) ? fault.amount : draws.below(1001) / 1000,
    };
  };
  const { faults, traffic, expect: _, ...rest } = scenario;
  return {
    ...rest,
    seed: scenario.seed + number,
    ...(faults === undefined ? {} : { faults: faults.map(change).toSorted((one, other) => one.atMs - other.atMs) }),
    ...(traffic === undefined
      ? {}
      : { traffic: traffic.map((letter) => ({ ...letter, atMs: moved(letter.atMs) })).toSorted((one, other) => one.atMs - other.atMs) }),
  };
}

export interface Around {
  readonly tried: number;
  /** The first that broke something, in the order of their numbers. */
  readonly found: { readonly number: number; readonly scenario: Scenario; readonly result: Swept["result"] } | undefined;
}

/** Runs the scenario and its first `count` variants, until one breaks the invariant asked for, or any when none is. */
export async function lookAround(
  scenario: Scenario,
  count: number,
  options: { readonly invariant?: string | undefined; readonly threads?: number; readonly tried?: (number: number) => void } = {},
): Promise<Around> {
  const { invariant, threads = availableParallelism(), tried = () => {} } = options;
  const planted = scenario.plant === undefined ? undefined : findMistake(scenario.plant);
  await using pool = createPool({ planted, threads });
  for (let from = 0; from <= count; from += threads) {
    const numbers = Array.from({ length: Math.min(threads, count + 1 - from) }, (_, index) => from + index);
    const ran = await Promise.all(
      numbers.map(async (number) => {
        const variant = around(scenario, number);
        const { format: _, seed, expect: __, ...run } = variant;
        const { result } = await pool.run({ seed, options: run, twice: false });
        tried(number);
        return { number, scenario: variant, result };
      }),
    );
    const found = ran.find(({ result: { broken } }) => broken !== undefined && (invariant === undefined || broken.invariant === invariant));
    if (found !== undefined) return { tried: from + ran.length, found };
  }
  return { tried: count + 1, found: undefined };
}

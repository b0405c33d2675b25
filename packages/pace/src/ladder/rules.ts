/**
 * Rules against cascades: while one thing is short, what would be done because of it may not use up another.
 *
 *   { when: { unit: "context-tokens", at: "saving" }, hold: { operation: "memory-search", perMinute: 6 } }
 *
 * Operations carry tags. While a gauge that is meant is at the step or above, an operation with the tag has a budget, is done with less, or is not done. A budget
 * holds over any minute, not only over those that a clock begins: what was let in before the rule held is counted too. It is counted when it is let in, by what it
 * will take as far as can be told: those who then wait for the same pause to end may leave together.
 */
import { bad, checkNames, checkNumber, checkOneOf, checkText, shown } from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import { UNITS } from "../policy.ts";
import type { Cost, Unit } from "../quota/reading.ts";

import type { Ladder } from "./ladder.ts";
import { higherOf, isAtLeast, STEPS, type Step } from "./step.ts";
import { gaugeKey } from "./use.ts";

export interface Rule {
  readonly when: {
    readonly unit: Unit;
    readonly at: Step;
    /** Any, unless said. */
    readonly partition?: string;
    readonly name?: string;
  };
  readonly hold: /** At most so many units in any minute; `requests` unless said. */
    | { readonly operation: string; readonly perMinute: number; readonly unit?: Unit }
    /** It is treated as if what it takes of were at this step. */
    | { readonly operation: string; readonly lessen: Step }
    | { readonly operation: string; readonly refuse: true };
}

export interface Tagged {
  readonly tags: readonly string[];
  /** One request, unless it says another number of them. */
  readonly cost?: Cost;
}

export interface Rules {
  /** At which step it is to be done, and because of what; nothing where no rule says so. Throws `PaceError` with the code `shed`. */
  admit(operation: Tagged): { readonly step: Step; readonly gauge: string } | undefined;
}

const MINUTE_MS = 60_000;
/** A budget is counted in slots of a second, each of which counts until all of it is a minute ago: a little too long rather than too short. */
const SLOT_MS = 1000;

interface Slot {
  readonly atMs: number;
  units: number;
}

interface Spent {
  /** bound: one for each second of a minute. */
  slots: Slot[];
}

/** Throws `bad-argument`. */
export function createRules(
  rules: readonly Rule[],
  { clock, ladder }: { readonly clock: Clock; readonly ladder: Pick<Ladder, "highest"> },
): Rules {
  for (const rule of rules) check(rule);
  const spent: readonly Spent[] = rules.map(() => ({ slots: [] }));

  const inForce = ({ when }: Rule): string | undefined => {
    const standing = ladder.highest(
      ({ unit, partition, name }) =>
        unit === when.unit &&
        (when.partition === undefined || when.partition === partition) &&
        (when.name === undefined || when.name === name),
    );
    return standing !== undefined && isAtLeast(standing.step, when.at) ? gaugeKey(standing.gauge) : undefined;
  };

  const recent = (nth: number, now: number): readonly Slot[] => {
    const one = spent[nth] as Spent;
    one.slots = one.slots.filter(({ atMs }) => now < atMs + SLOT_MS + MINUTE_MS);
    return one.slots;
  };

  const spend = (nth: number, now: number, units: number): void => {
    if (units <= 0) return;
    const one = spent[nth] as Spent;
    const last = one.slots.at(-1);
    if (last !== undefined && now < last.atMs + SLOT_MS) last.units += units;
    else one.slots.push({ atMs: now, units });
  };

  return {
    admit: ({ tags, cost: said }) => {
      const cost: Cost = { requests: 1, ...said };
      const now = clock.now();
      const meant = rules.flatMap((rule, nth) => (tags.includes(rule.hold.operation) ? [{ rule, nth, gauge: inForce(rule) }] : []));
      let found: { readonly step: Step; readonly gauge: string } | undefined;
      for (const { rule, nth, gauge } of meant) {
        const { hold, when } = rule;
        if (gauge === undefined) continue;
        if ("refuse" in hold) throw shed(hold.operation, gauge, when.at, "is not done");
        if ("lessen" in hold) found = { step: higherOf(hold.lessen, found?.step ?? "calm"), gauge };
        else {
          const slots = recent(nth, now);
          const units = cost[hold.unit ?? "requests"] ?? 0;
          const sum = slots.reduce((total, slot) => total + slot.units, 0);
          if (units > 0 && sum + units > hold.perMinute)
            throw shed(
              hold.operation,
              gauge,
              when.at,
              `has ${hold.perMinute} ${hold.unit ?? "requests"} a minute`,
              freeInMs(slots, now, sum + units - hold.perMinute),
            );
        }
      }
      for (const { rule, nth } of meant) {
        if (!("perMinute" in rule.hold)) continue;
        recent(nth, now);
        spend(nth, now, cost[rule.hold.unit ?? "requests"] ?? 0);
      }
      return found;
    },
  };
}

/** Until so many units are a minute ago. */
function freeInMs(slots: readonly Slot[], now: number, units: number): number {
  let left = units;
  for (const slot of slots) {
    left -= slot.units;
    if (left <= 0) return slot.atMs + SLOT_MS + MINUTE_MS - now;
  }
  return Number.POSITIVE_INFINITY;
}

function shed(operation: string, gauge: string, at: Step, what: string, availableInMs?: number): PaceError {
  const details = availableInMs === undefined ? {} : { availableInMs };
  return new PaceError(
    "shed",
    `while "${gauge}" is at ${at} or above, "${operation}" ${what}`,
    "Do without it, or wait until it is calm.",
    details,
  );
}

const RULE_NAMES = ["when", "hold"];
const WHEN_NAMES = ["unit", "at", "partition", "name"];
const HOLD_NAMES = ["operation", "perMinute", "unit", "lessen", "refuse"];
const HOLDS = ["perMinute", "lessen", "refuse"];
const HINT = 'As in { when: { unit: "context-tokens", at: "saving" }, hold: { operation: "memory-search", perMinute: 6 } }.';

function check(rule: Rule): void {
  checkNames("a rule", rule, RULE_NAMES);
  const { when, hold } = rule as { readonly [Name in keyof Rule]: unknown };
  if (when === undefined || hold === undefined) throw bad(`a rule has no ${when === undefined ? "when" : "hold"}`, HINT);
  checkNames("a rule's when", when, WHEN_NAMES);
  checkNames("a rule's hold", hold, HOLD_NAMES);
  const { unit, at, partition, name } = when as Readonly<Record<string, unknown>>;
  checkOneOf("unit of a rule", unit, UNITS);
  checkOneOf("step of a rule", at, STEPS.slice(1));
  if (partition !== undefined) checkText("the partition of a rule", partition);
  if (name !== undefined) checkText("the name of a rule's quota", name);
  const { operation, perMinute, unit: counted, lessen, refuse } = hold as Readonly<Record<string, unknown>>;
  checkText("the operation of a rule", operation);
  const said = HOLDS.filter((one) => (hold as Readonly<Record<string, unknown>>)[one] !== undefined);
  if (said.length !== 1)
    throw bad(
      `a rule for "${operation}" says ${said.length === 0 ? "nothing" : said.join(" and ")}`,
      "It has perMinute, lessen, or refuse: true.",
    );
  if (perMinute !== undefined) checkNumber("perMinute", perMinute, 0);
  if (lessen !== undefined) checkOneOf("step of a rule", lessen, STEPS.slice(1));
  if (refuse !== undefined && refuse !== true) throw bad(`refuse is ${shown(refuse)}`, "It is true, or the rule is left out.");
  if (counted === undefined) return;
  if (perMinute === undefined) throw bad(`a rule for "${operation}" has a unit and no perMinute`, "Only what is counted has a unit.");
  checkOneOf("unit of a rule", counted, UNITS);
}

/**
 * The ledger and those who hold, played message by message in any order: what is in force is never more than there is (K1), whatever is lost, late, doubled, out of order or
 * from a life before, and whoever is cut off, crashes, or has a clock that goes another way.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EMPTY_LEDGER, exchange, type Ledger } from "./ledger.ts";
import type { Grant, Report } from "./report.ts";

const LEASE_MS = 3000;
const LIMIT = 10;
const WINDOW_MS = 20_000;
/** Of a machine's clock: less than the ledger allows for. */
const DRIFTS = [1, 1.004, 0.996];

type Step =
  | { readonly kind: "report"; readonly who: number; readonly demand: number; readonly wants: number }
  | { readonly kind: "deliver"; readonly nth: number; readonly again: boolean }
  | { readonly kind: "lose"; readonly nth: number }
  | { readonly kind: "spend"; readonly who: number; readonly units: number }
  | { readonly kind: "crash"; readonly who: number }
  | { readonly kind: "leave"; readonly who: number }
  | { readonly kind: "pass"; readonly ms: number };

const WHO = fc.nat({ max: 3 });
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      who: WHO,
      demand: fc.constantFrom(0, 0.2, 1),
      wants: fc.constantFrom(0, 1, 4, 100),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({ kind: fc.constant("deliver" as const), nth: fc.nat({ max: 6 }), again: fc.constantFrom(false, false, true) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lose" as const), nth: fc.nat({ max: 6 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("spend" as const), who: WHO, units: fc.constantFrom(0.5, 1, 3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), who: WHO }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave" as const), who: WHO }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 400, 1500, 3100, 21_000) }) },
);

interface Holder {
  readonly name: string;
  readonly speed: number;
  nth: number;
  applied: number;
  part: number;
  heldUntilMs: number;
  window: number;
  ceiling: number;
  endsMs: number;
  used: number;
}

/** Says what is wrong; nothing where all holds. `fault`: a defence that is switched off. */
function played(
  steps: readonly Step[],
  shape: "window" | "bucket",
  fault?: "no leases" | "claims what it never heard" | "atomic",
): string | undefined {
  let ledger: Ledger = EMPTY_LEDGER;
  let now = 0;
  let lives = 0;
  const settings = { leaseMs: LEASE_MS, isAtomic: fault === "atomic", startPerSecond: 1 };
  const born = (who: number): Holder => ({
    name: `${who} ${lives++}`,
    speed: DRIFTS[who % DRIFTS.length] as number,
    nth: 0,
    applied: 0,
    part: 0,
    heldUntilMs: -1,
    window: 0,
    ceiling: 0,
    endsMs: Number.POSITIVE_INFINITY,
    used: 0,
  });
  const all = [0, 1, 2, 3].map(born);
  const messages: (() => void)[] = [];
  const spent: { readonly atMs: number; readonly units: number; readonly window: number }[] = [];
  const timeOf = ({ speed }: Holder): number => now * speed;

  const report = (who: number, demand: number, wants: number, leaves: boolean): void => {
    const holder = all[who] as Holder;
    const leftMs = timeOf(holder);
    const { window, used } = holder;
    const units = {
      limit: LIMIT,
      windowMs: WINDOW_MS,
      shape,
      resetInMs: WINDOW_MS,
      window,
      used,
      underWay: 0,
      wants,
      least: Math.min(1, wants),
    };
    const said: Report = {
      holder: holder.name,
      nth: ++holder.nth,
      applied: fault === "claims what it never heard" ? holder.nth - 1 : holder.applied,
      weight: 1 + who,
      demands: new Map([["requests", demand]]),
      units: new Map([["usd", units]]),
      accepted: 1,
      isAwaiting: false,
      draw: 0.5,
      spendable: new Map(),
      ...(leaves ? { leaves } : {}),
    };
    if (leaves) all[who] = born(who);
    messages.push(() => {
      const answer = exchange(ledger, said, now, settings);
      ({ ledger } = answer);
      const { grant } = answer;
      if (grant !== undefined) messages.push(() => takeUp(holder, grant, leftMs));
    });
  };

  const takeUp = (holder: Holder, grant: Grant, leftMs: number): void => {
    if (grant.nth <= holder.applied) return;
    holder.applied = grant.nth;
    holder.part = grant.parts.get("requests")?.part ?? 0;
    holder.heldUntilMs = leftMs + (fault === "no leases" ? Number.POSITIVE_INFINITY : grant.leaseMs);
    const one = grant.units.get("usd");
    if (one === undefined) return;
    if (one.window !== holder.window) holder.used = 0;
    holder.window = one.window;
    holder.ceiling = one.ceiling;
    holder.endsMs = one.endsMs === undefined ? Number.POSITIVE_INFINITY : leftMs + (one.endsMs - grant.madeMs) * 0.99;
  };

  const wrong = (): string | undefined => {
    const parts = all.reduce((sum, holder) => sum + (timeOf(holder) < holder.heldUntilMs ? holder.part : 0), 0);
    if (parts > 1 + 1e-9) return `parts of ${parts} are in force`;
    if (shape === "bucket") {
      const there = LIMIT + (LIMIT / WINDOW_MS) * now;
      const units = spent.reduce((sum, one) => sum + one.units, 0);
      return units > there + 1e-6 ? `${units} were spent of ${there}` : undefined;
    }
    for (const { window } of spent) {
      const units = spent.reduce((sum, one) => sum + (one.window === window ? one.units : 0), 0);
      if (units > LIMIT + 1e-6) return `${units} were spent in window ${window}`;
    }
    return undefined;
  };

  for (const step of steps) {
    if (step.kind === "report") report(step.who, step.demand, step.wants, false);
    else if (step.kind === "leave") report(step.who, 0, 0, true);
    else if (step.kind === "crash") all[step.who] = born(step.who);
    else if (step.kind === "pass") now += step.ms;
    else if (step.kind === "spend") {
      const holder = all[step.who] as Holder;
      if (timeOf(holder) < holder.endsMs && holder.used + step.units <= holder.ceiling) {
        holder.used += step.units;
        spent.push({ atMs: now, units: step.units, window: holder.window });
      }
    } else if (messages.length > 0) {
      const at = step.nth % messages.length;
      const message = messages[at];
      if (step.kind === "lose" || !step.again) messages.splice(at, 1);
      if (step.kind === "deliver") message?.();
    }
    const found = wrong();
    if (found !== undefined) return found;
  }
  return undefined;
}

const RUNS = Number(process.env["PACE_LEDGER_RUNS"] ?? 2000);
const sequence = fc.array(STEP, { minLength: 10, maxLength: 60, size: "max" });

describe("whatever is said in whatever order", () => {
  it.each(["window", "bucket"] as const)(
    "parts in force and units spent are never more than there are: a %s",
    { timeout: 600_000 },
    (shape) => {
      fc.assert(
        fc.property(sequence, (steps) => {
          expect(played(steps, shape)).toBeUndefined();
        }),
        { numRuns: RUNS, seed: 8 },
      );
    },
  );

  it.each(["no leases", "claims what it never heard", "atomic"] as const)("is noticed where it is not so: %s", (fault) => {
    const check = fc.check(
      fc.property(sequence, (steps) => played(steps, "window", fault) === undefined),
      { numRuns: 5000, seed: 8, endOnFailure: true },
    );
    expect(check.failed).toBe(true);
  });
});

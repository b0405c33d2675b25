/**
 * Who holds how much of the quotas of one partition, and what all who share it know together.
 *
 * Those who share it *report* what they could use and what they saw, and are *granted* a part of every rate for the length of a lease, and units of every pool. Who has
 * much to do gets what others do not use, and gives it back when they ask: a part that shrinks is free for others once its holder says that the smaller one is in
 * force, or its lease is over. Who comes anew begins with what is free, and is given the rest as others give back.
 * Known together are the rate that a silent service lets in, the pause it asked for, and who looks first where it refuses everything: one refusal slows all
 * down once.
 *
 * Inputs: reports, in any order, any number of times; time. Invariants: the parts that holders have in force are never more than the whole (K1), what is spent of a
 * pool in a window is never more than its limit; both whatever is lost, late, doubled or out of order, and whoever dies or sleeps.
 */
import { afterAnswer, afterAwaiting, afterRefusal, firstOpaqueLaw, type OpaqueLaw, remeasured } from "../control/opaque-law.ts";
import { countedBut, type Escrow, promised } from "./escrow.ts";
import { fairParts } from "./fair-parts.ts";
import { exchangeUnits, leftUnits, type Pool } from "./pool.ts";
import type { Grant, Known, PartGrant, Report, UnitsGrant } from "./report.ts";

export interface LedgerSettings {
  /** Of parts of rates. */
  readonly leaseMs: number;
  /** Whether answers are in force before their holder does anything else, as where he waits for them. */
  readonly isAtomic: boolean;
  /** Units per second, of a service of which nothing is known. */
  readonly startPerSecond: number;
}

export interface LedgerHolder {
  readonly nth: number;
  readonly heardMs: number;
  readonly weight: number;
  /** The last of what he was granted is over then. */
  readonly untilMs: number;
  readonly demands: ReadonlyMap<string, number>;
  readonly accepted: number;
}

export interface Ledger {
  readonly seenMs: number;
  readonly holders: ReadonlyMap<string, LedgerHolder>;
  readonly rates: ReadonlyMap<string, Escrow>;
  readonly pools: ReadonlyMap<string, Pool>;
  readonly law: OpaqueLaw | undefined;
  readonly askedUntilMs: number;
  readonly breaker: { readonly untilMs: number; readonly by: string } | undefined;
  readonly spendable: ReadonlyMap<string, number>;
  /** Counts what all should hear at once: pauses that began, were longer or are over. */
  readonly turn: number;
}

export const EMPTY_LEDGER: Ledger = {
  seenMs: 0,
  holders: new Map(),
  rates: new Map(),
  pools: new Map(),
  law: undefined,
  askedUntilMs: 0,
  breaker: undefined,
  spendable: new Map(),
  turn: 0,
};

/** Clocks of machines go differently fast: one in a hundred is more than any that runs. */
const DRIFT = 0.01;
/** Of a rate, for all together who want none of it now: their next call need not wait for others to give back. */
const FOR_IDLE = 0.02;
/** Who looks whether a service lets calls in again is waited for so long. */
const LOOK_MS = 10_000;
/** Names of quotas are somebody else's, and there may be a new one with each answer: what was told last is kept. */
const MOST_SPENDABLE = 50;
/** More than one machine runs: beyond, a new one is granted nothing until another is gone. */
const MOST_HOLDERS = 1000;

/** No grant for a report that is older than one before it. */
export function exchange(
  before: Ledger,
  report: Report,
  atMs: number,
  settings: LedgerSettings,
): { readonly ledger: Ledger; readonly grant: Grant | undefined } {
  const nowMs = Math.max(atMs, before.seenMs);
  const ledger = withoutDead({ ...before, seenMs: nowMs }, nowMs);
  const known = ledger.holders.get(report.holder);
  if (known !== undefined && report.nth <= known.nth) return { ledger, grant: undefined };
  if (report.leaves === true) return { ledger: left(ledger, report), grant: undefined };
  if (known === undefined && ledger.holders.size >= MOST_HOLDERS) return { ledger, grant: undefined };

  const untilMs = nowMs + settings.leaseMs * (1 + DRIFT);
  const { nth, weight, demands, accepted } = report;
  const holders = new Map(ledger.holders).set(report.holder, { nth, heardMs: nowMs, weight, untilMs, demands, accepted });
  const wiser = learned({ ...ledger, holders }, report, known?.heardMs, nowMs, settings);
  const shared = withParts(wiser, report, untilMs, settings.isAtomic);
  const pooled = withUnits(shared.ledger, report, settings.isAtomic);
  const { law, askedUntilMs, breaker, spendable } = pooled.ledger;
  const isOthers = breaker !== undefined && breaker.by !== report.holder;
  return {
    ledger: pooled.ledger,
    grant: {
      nth,
      madeMs: nowMs,
      leaseMs: settings.leaseMs,
      parts: shared.parts,
      units: pooled.units,
      known: { law, askedUntilMs, breakerUntilMs: isOthers ? breaker.untilMs + LOOK_MS : undefined, spendable },
    },
  };
}

type Wiser = Ledger & Pick<Known, "law">;

function withParts(
  ledger: Wiser,
  report: Report,
  untilMs: number,
  isAtomic: boolean,
): { readonly ledger: Wiser; readonly parts: ReadonlyMap<string, PartGrant> } {
  const parts = new Map<string, PartGrant>();
  const rates = new Map(ledger.rates);
  const all = [...ledger.holders].filter(([name]) => name !== report.holder).map(([, one]) => one);
  for (const unit of report.demands.keys()) {
    const others = all.filter(({ demands }) => demands.has(unit));
    const weights = others.reduce((sum, { weight }) => sum + weight, report.weight);
    const least = FOR_IDLE / (others.length + 1);
    const claims = [report, ...others].map(({ weight, demands }) => ({ weight, most: Math.max(least, demands.get(unit) ?? 0) }));
    const fair = fairParts(1, claims);
    const unused = Math.max(0, 1 - fair.reduce((sum, part) => sum + part, 0));
    const due = (fair[0] as number) + (unused * report.weight) / weights;
    const escrow = rates.get(unit) ?? new Map();
    const part = Math.max(0, Math.min(due, 1 - countedBut(escrow, report.holder, ledger.seenMs)));
    const held = promised(escrow.get(report.holder), { amount: part, untilMs }, report.nth, report.applied, isAtomic);
    rates.set(unit, new Map(escrow).set(report.holder, held));
    parts.set(unit, { part, due });
  }
  return { ledger: { ...ledger, rates }, parts };
}

function withUnits(
  ledger: Wiser,
  report: Report,
  isAtomic: boolean,
): { readonly ledger: Wiser; readonly units: ReadonlyMap<string, UnitsGrant> } {
  const units = new Map<string, UnitsGrant>();
  const pools = new Map(ledger.pools);
  const { holder, nth, applied, weight } = report;
  const caller = { holder, nth, applied, weight, isAtomic, isLive: (name: string) => ledger.holders.has(name) };
  for (const [key, one] of report.units) {
    const { pool, grant } = exchangeUnits(pools.get(key), caller, one, ledger.seenMs);
    pools.set(key, pool);
    units.set(key, grant);
  }
  return { ledger: { ...ledger, pools }, units };
}

function learned(ledger: Ledger, report: Report, heardMs: number | undefined, nowMs: number, { startPerSecond }: LedgerSettings): Wiser {
  const accepted = [...ledger.holders.values()].reduce((sum, one) => sum + one.accepted, 0);
  let law = ledger.law ?? firstOpaqueLaw(nowMs, startPerSecond);
  if (report.isAwaiting) law = afterAwaiting(law, nowMs);
  // Who was not heard since the pause began tells now what was let in before it.
  const { pauseBeganMs } = law;
  if (pauseBeganMs !== undefined && nowMs < law.sinceMs && heardMs !== undefined && heardMs < pauseBeganMs) law = remeasured(law, accepted);
  // Nothing left later than now, whatever a clock says.
  if (report.answeredSentMs !== undefined) law = afterAnswer(law, nowMs, Math.min(nowMs, report.answeredSentMs));
  if (report.refusedSentMs !== undefined)
    law = afterRefusal(law, nowMs, Math.min(nowMs, report.refusedSentMs), accepted, () => report.draw);

  const spendable = new Map(ledger.spendable);
  for (const [unit, share] of report.spendable) {
    const before = spendable.get(unit) ?? share;
    const tellers = [...ledger.holders.values()].filter(({ demands }) => (demands.get(unit) ?? 0) > 0).length;
    // All see the same level: what each makes of it is one voice, and not a step of its own.
    spendable.delete(unit);
    spendable.set(unit, before + (share - before) / Math.max(1, tellers));
  }
  for (const unit of spendable.keys()) {
    if (spendable.size <= MOST_SPENDABLE) break;
    spendable.delete(unit);
  }
  const askedUntilMs = Math.max(ledger.askedUntilMs, report.askedUntilMs ?? 0);
  const breaker = breakerAfter(ledger, report, nowMs);
  const isTurn =
    law.pauseBeganMs !== ledger.law?.pauseBeganMs || askedUntilMs > ledger.askedUntilMs || breaker?.untilMs !== ledger.breaker?.untilMs;
  return { ...ledger, law, spendable, askedUntilMs, breaker, turn: ledger.turn + (isTurn ? 1 : 0) };
}

function breakerAfter({ breaker, holders }: Ledger, { holder, breakerUntilMs }: Report, nowMs: number): Ledger["breaker"] {
  const isOver = breaker === undefined || breaker.by === holder || !holders.has(breaker.by) || nowMs >= breaker.untilMs + LOOK_MS;
  if (breakerUntilMs === undefined) return isOver ? undefined : breaker;
  return isOver ? { untilMs: breakerUntilMs, by: holder } : breaker;
}

function withoutDead(ledger: Ledger, nowMs: number): Ledger {
  const gone = [...ledger.holders].filter(([, { untilMs }]) => nowMs >= untilMs).map(([name]) => name);
  return gone.length === 0 ? ledger : without(ledger, gone);
}

function without(ledger: Ledger, gone: readonly string[]): Ledger {
  const kept = <Of>(all: ReadonlyMap<string, Of>): Map<string, Of> => new Map([...all].filter(([name]) => !gone.includes(name)));
  return { ...ledger, holders: kept(ledger.holders), rates: new Map([...ledger.rates].map(([unit, escrow]) => [unit, kept(escrow)])) };
}

function left(ledger: Ledger, report: Report): Ledger {
  const pools = new Map(ledger.pools);
  for (const [key, one] of report.units) {
    const pool = pools.get(key);
    if (pool !== undefined) pools.set(key, leftUnits(pool, report.holder, one));
  }
  return { ...without(ledger, [report.holder]), pools };
}

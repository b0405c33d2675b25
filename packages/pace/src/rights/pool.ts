/**
 * Units of a quota that nobody watches over but those who spend them, escrowed: each may spend up to his ceiling, and all ceilings together are no more than there is
 * (a bounded counter). Of a window: so many until it ends. Of a bucket: what came back with time.
 *
 * A ceiling holds with or without word from the ledger: who is cut off spends what he holds and no more. So what somebody held who is not heard of any more counts as
 * spent, until he tells otherwise, and ceilings are only as high as their holders need for the next while.
 * Invariant: what is spent is never more than there was, whatever is lost, late, doubled or out of order.
 */
import { countedOf, type Held, promised } from "./escrow.ts";
import { fairParts } from "./fair-parts.ts";
import type { UnitsGrant, UnitsReport } from "./report.ts";

export interface PoolHolder {
  readonly held: Held;
  /** As he told, or his ceiling, once he is not heard of any more. */
  readonly used: number;
  readonly wants: number;
  readonly limit: number;
  readonly weight: number;
}

export interface Pool {
  /** Counts up from 1; of a bucket there is one, and of a window that never ends. */
  readonly window: number;
  /** Never infinity, which is nothing in a file. */
  readonly endsMs: number | undefined;
  readonly limit: number;
  /** Units that were not told to be spent. */
  readonly level: number;
  readonly countedMs: number;
  readonly holders: ReadonlyMap<string, PoolHolder>;
}

export interface PoolCaller {
  readonly holder: string;
  readonly nth: number;
  readonly applied: number;
  readonly weight: number;
  readonly isAtomic: boolean;
  readonly isLive: (holder: string) => boolean;
}

/** Who is gone is remembered, lest what he tells when he comes back is counted twice; beyond so many it is. */
const REMEMBERED = 1000;
/** Longer than any window: what is held of a bucket is held until it is given back. */
const NEVER_MS = Number.MAX_SAFE_INTEGER;

export function exchangeUnits(
  before: Pool | undefined,
  caller: PoolCaller,
  report: UnitsReport,
  nowMs: number,
): { readonly pool: Pool; readonly grant: UnitsGrant } {
  const { holder, nth, applied, weight, isAtomic, isLive } = caller;
  const counted = withoutSilent(countedOn(before, report, nowMs), caller, nowMs);
  const known = counted.holders.get(holder);
  const used = usedOf(counted, report);
  const others = [...counted.holders].filter(([name]) => name !== holder).map(([, one]) => one);
  const live = [...counted.holders].filter(([name]) => name !== holder && isLive(name)).map(([, one]) => one);
  const pool = limited(counted, report, Math.min(report.limit, ...live.map(({ limit }) => limit)), used - (known?.used ?? 0));

  const free = Math.max(0, pool.level - others.reduce((sum, one) => sum + inHand(one, nowMs), 0));
  const claims = [{ weight, most: report.wants }, ...live.map((one) => ({ weight: one.weight, most: one.wants }))];
  const fair = Math.min(free, fairParts(Math.max(0, pool.level), claims)[0] as number);
  // A part of a call is of no use to anybody: the last calls go to who asks for them first.
  const given = fair >= report.least ? fair : free >= report.least ? report.least : 0;

  const next = { amount: used + given, untilMs: pool.endsMs ?? NEVER_MS };
  const holders = new Map(pool.holders);
  holders.delete(holder);
  const held = promised(known?.held, next, nth, applied, isAtomic);
  holders.set(holder, { held, used, wants: report.wants, limit: report.limit, weight });
  const { window, endsMs } = pool;
  return { pool: { ...pool, holders: remembered(holders, isLive) }, grant: { window, ceiling: next.amount, endsMs, free: free - given } };
}

/** He spent so much and will spend no more: what else he held is there again. */
export function leftUnits(pool: Pool, holder: string, report: UnitsReport): Pool {
  const one = pool.holders.get(holder);
  if (one === undefined) return pool;
  const used = usedOf(pool, report);
  const held: Held = { nth: one.held.nth, amount: used, untilMs: one.held.untilMs };
  return { ...pool, level: pool.level - (used - one.used), holders: new Map(pool.holders).set(holder, { ...one, held, used, wants: 0 }) };
}

/** What began in a window before is spent of this one: the service may count it so. */
function usedOf(pool: Pool, report: UnitsReport): number {
  return report.window === pool.window ? report.used : report.underWay;
}

/** What he may have spent beyond what he told. */
function inHand({ held, used }: PoolHolder, nowMs: number): number {
  return Math.max(0, countedOf(held, nowMs) - used);
}

function countedOn(pool: Pool | undefined, { shape, limit, windowMs, resetInMs }: UnitsReport, nowMs: number): Pool {
  if (pool === undefined) {
    const endsMs = shape === "window" && Number.isFinite(resetInMs) ? nowMs + resetInMs : undefined;
    return { window: 1, endsMs, limit, level: limit, countedMs: nowMs, holders: new Map() };
  }
  if (pool.endsMs === undefined) {
    const level = Math.min(pool.limit, pool.level + (pool.limit / windowMs) * Math.max(0, nowMs - pool.countedMs));
    return { ...pool, level, countedMs: nowMs };
  }
  if (nowMs < pool.endsMs) return pool;
  const over = 1 + Math.floor((nowMs - pool.endsMs) / windowMs);
  return {
    window: pool.window + over,
    endsMs: pool.endsMs + over * windowMs,
    limit: pool.limit,
    level: pool.limit,
    countedMs: nowMs,
    holders: new Map(),
  };
}

/** Of several limits the least holds, as long as anybody is held to it. */
function limited(pool: Pool, { shape }: UnitsReport, limit: number, usedMore: number): Pool {
  const level = pool.level - usedMore;
  return { ...pool, limit, level: shape === "window" ? level + limit - pool.limit : Math.min(level, limit) };
}

function withoutSilent(pool: Pool, { holder, isLive }: PoolCaller, nowMs: number): Pool {
  let { level } = pool;
  const holders = new Map(pool.holders);
  for (const [name, one] of pool.holders) {
    if (name === holder || isLive(name)) continue;
    const more = inHand(one, nowMs);
    if (more === 0) continue;
    level -= more;
    holders.set(name, { ...one, used: one.used + more });
  }
  return { ...pool, level, holders };
}

function remembered(holders: ReadonlyMap<string, PoolHolder>, isLive: (holder: string) => boolean): ReadonlyMap<string, PoolHolder> {
  if (holders.size <= REMEMBERED) return holders;
  const kept = new Map(holders);
  for (const name of holders.keys()) {
    if (kept.size <= REMEMBERED) break;
    if (!isLive(name)) kept.delete(name);
  }
  return kept;
}

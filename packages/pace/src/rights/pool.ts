/**
 * Units of a quota that nobody watches over but those who spend them, escrowed: each may spend up to his ceiling, and all ceilings together are no more than there is
 * (a bounded counter). Of a window: so many until it ends. Of a bucket: what came back with time.
 *
 * A ceiling holds with or without word from the ledger: who is cut off spends what he holds and no more. So what somebody held who is not heard of any more counts as
 * spent, until he tells otherwise, and ceilings are only as high as their holders need for the next while.
 *
 * Fair parts of less than a call are of no use to anybody. So whoever has not enough for his next call is owed all of it before anybody is given more than one, and the
 * calls that are owed leave in the order in which they were asked for.
 * Invariant: what is spent is never more than there was, whatever is lost, late, doubled or out of order.
 */
import { countedOf, type Held, inForce, promised } from "./escrow.ts";
import { fairParts } from "./fair-parts.ts";
import type { UnitsGrant, UnitsReport } from "./report.ts";

export interface PoolHolder {
  readonly held: Held;
  /** As he told, or his ceiling, once he is not heard of any more. */
  readonly used: number;
  /** Of that: what of it is not taken comes back. None in files of versions before, as of `asks`. */
  readonly underWay?: number;
  readonly wants: number;
  readonly limit: number;
  readonly weight: number;
  /** For his next call: his place among those that ask. */
  readonly asks?: { readonly units: number; readonly sinceMs: number };
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
/** What a sum of many small steps may lack. */
const ROUNDING = 1e-6;

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

  const inHands = others.reduce((sum, one) => sum + inHand(one, nowMs), 0);
  const free = Math.max(0, pool.level - inHands);
  const othersUnderWay = live.reduce((sum, { underWay = 0 }) => sum + underWay, 0);
  const sinceMs = known === undefined || isServed(known, applied) ? nowMs : (known.asks?.sinceMs ?? nowMs);
  const most = pool.level + othersUnderWay + report.underWay + ROUNDING;
  // What this window has not any more is owed to nobody.
  const waiting = live.filter(({ asks }) => asks !== undefined && asks.units <= most);
  const owed = owedTo(waiting, nowMs);
  const sooner = waiting.filter(({ asks }) => asks !== undefined && asks.sinceMs < sinceMs);

  const claims = [{ weight, most: report.wants }, ...live.map((one) => ({ weight: one.weight, most: one.wants }))];
  const fair = Math.min(Math.max(0, free - owed), fairParts(Math.max(0, pool.level), claims)[0] as number);
  const left = Math.max(0, free - owedTo(sooner, nowMs));
  const given = fair >= report.least ? fair : left >= report.least - ROUNDING ? Math.min(left, report.least) : 0;

  const next = { amount: used + given, untilMs: pool.endsMs ?? NEVER_MS };
  const holders = new Map(pool.holders);
  holders.delete(holder);
  const held = promised(known?.held, next, nth, applied, isAtomic);
  const { wants, limit, least, underWay } = report;
  holders.set(holder, { held, used, underWay, wants, limit, weight, ...(least === 0 ? {} : { asks: { units: least, sinceMs } }) });
  const { window, endsMs } = pool;
  return {
    pool: { ...pool, holders: remembered(holders, isLive) },
    grant: { window, ceiling: next.amount, endsMs, free: free - given, others: inHands, othersUnderWay, isAwaited: owed > 0 },
  };
}

/** He spent so much and will spend no more: what else he held is there again. */
export function leftUnits(pool: Pool, holder: string, report: UnitsReport): Pool {
  const one = pool.holders.get(holder);
  if (one === undefined) return pool;
  const used = usedOf(pool, report);
  const held: Held = { nth: one.held.nth, amount: used, untilMs: one.held.untilMs };
  const { limit, weight } = one;
  return {
    ...pool,
    level: pool.level - (used - one.used),
    holders: new Map(pool.holders).set(holder, { held, used, wants: 0, limit, weight }),
  };
}

/** What began in a window before is spent of this one: the service may count it so. */
function usedOf(pool: Pool, report: UnitsReport): number {
  return report.window === pool.window ? report.used : report.underWay;
}

/** What he may have spent beyond what he told. */
function inHand({ held, used }: PoolHolder, nowMs: number): number {
  return Math.max(0, countedOf(held, nowMs) - used);
}

/** Whether he has what he asked for, and knows it: if he asks again it is for another call, whose turn begins anew. */
function isServed({ asks, held, used }: PoolHolder, applied: number): boolean {
  return asks === undefined || (inForce(held, applied)?.amount ?? 0) - used >= asks.units - ROUNDING;
}

/** What they have not in hand of their next calls. */
function owedTo(waiting: readonly PoolHolder[], nowMs: number): number {
  return waiting.reduce((sum, one) => sum + Math.max(0, (one.asks?.units ?? 0) - inHand(one, nowMs)), 0);
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

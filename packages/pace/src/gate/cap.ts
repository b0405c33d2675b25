/**
 * The most that one operation takes: a share of every quota, of the pace and of the calls under way, so that one that wants everything leaves room for the others.
 *
 * It is counted beside the quotas, in accounts of the operation's own, each with its share of the limit. A call that is more than the share waits for all of it.
 */
import { createPacer } from "../control/pacer.ts";
import { type Account, createAccount, type Reservation } from "../quota/account.ts";
import type { Cost } from "../quota/reading.ts";
import type { Lane } from "./lanes.ts";

/** What there is for all, at this moment. */
export interface Whole {
  readonly lanes: readonly Lane[];
  readonly mostUnderWay: number;
  readonly perSecond: number;
}

export interface Cap {
  readonly underWay: number;
  /** Quotas of which it is known what was taken. */
  readonly remembered: number;
  /** From when on it may go on; `undefined` where one of its own has to end first. */
  readyMs(nowMs: number, cost: Cost, whole: Whole): number | undefined;
  /** When it may, with so many of its own before it. */
  estimateMs(nowMs: number, cost: Cost, whole: Whole, ahead: number): number;
  /** It goes on; what is returned says that it ended, and whether it left. */
  take(nowMs: number, cost: Cost, whole: Whole): (nowMs: number, hasLeft: boolean) => void;
}

/** Quotas of which what an operation took is known, though they are told no more. */
const REMEMBERED = 50;

export function createCap(share: number): Cap {
  const accounts = new Map<string, Account>();
  const pacer = createPacer(1);
  let underWay = 0;

  const accountFor = (now: number, { key, account }: Lane, { lanes }: Whole): Account => {
    const { unit, name, windowMs, shape } = account;
    const limit = account.limit * share;
    const resetInMs = account.resetInMs(now);
    const known = accounts.get(key);
    if (known !== undefined && known.limit === limit && known.windowMs === windowMs && known.shape === shape) return known;
    const own = known ?? createAccount(now, { unit, name, limit, windowMs, shape, remaining: limit, resetInMs }, account.source);
    // A limit that moved: what was spent of it stays spent.
    own.told(now, { unit, name, limit, windowMs, shape, remaining: limit - (own.limit - own.available(now)), resetInMs }, now);
    accounts.set(key, own);
    // Names of quotas are somebody else's, and there may be a new one with each answer.
    if (accounts.size > REMEMBERED)
      for (const other of accounts.keys()) if (!lanes.some((lane) => lane.key === other)) accounts.delete(other);
    return own;
  };

  const unitsReadyMs = (now: number, cost: Cost, whole: Whole): number => {
    let ready = now;
    for (const lane of whole.lanes) {
      const units = cost[lane.account.unit] ?? 0;
      if (units === 0) continue;
      const account = accountFor(now, lane, whole);
      ready = Math.max(ready, account.readyMs(now, Math.min(units, account.limit)));
    }
    return ready;
  };

  return {
    get underWay() {
      return underWay;
    },
    get remembered() {
      return accounts.size;
    },
    readyMs: (now, cost, whole) => {
      if (underWay >= Math.max(1, Math.floor(whole.mostUnderWay * share))) return undefined;
      return Math.max(unitsReadyMs(now, cost, whole), pacer.readyMs(now, cost.requests ?? 1, whole.perSecond * share, 1));
    },
    estimateMs: (now, cost, whole, ahead) =>
      Math.max(unitsReadyMs(now, cost, whole), now + (ahead * (cost.requests ?? 1) * 1000) / (whole.perSecond * share)),
    take: (now, cost, whole) => {
      underWay++;
      pacer.left(cost.requests ?? 1);
      const reservations: (readonly [number, Reservation])[] = [];
      for (const lane of whole.lanes) {
        const units = cost[lane.account.unit] ?? 0;
        if (units > 0) reservations.push([units, accountFor(now, lane, whole).reserve(now, units)]);
      }
      return (later, hasLeft) => {
        underWay--;
        for (const [units, reservation] of reservations) reservation.settle(later, hasLeft ? units : 0);
      };
    },
  };
}

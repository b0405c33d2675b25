/**
 * All quotas of one partition, each with what it makes of the pace: those of the owner's policy, those that the service tells, and the rate that is
 * found by trying where it tells nothing of requests.
 *
 * Input: what leaves, how it ended, what answers tell. Invariants: what left was reserved in every quota that it takes of, and settles there once (K2);
 * what others of a reserved class will need is left for them.
 */
import type { HeadedRate } from "../control/headed-rate.ts";
import { createOpaqueRate, type Found, type OpaqueRate, type OpaqueRateSettings } from "../control/opaque-rate.ts";
import { createPacer, type Pacer } from "../control/pacer.ts";
import { createToldRate } from "../control/told-rate.ts";
import type { Random } from "../host/random.ts";
import { type Account, createAccount, type Reservation } from "../quota/account.ts";
import { type Around, type Gauge, gaugeOf } from "../quota/gauge.ts";
import { levelOf } from "../quota/level.ts";
import type { Cost, Reading, Unit } from "../quota/reading.ts";
import type { Holding } from "../rights/holding.ts";
import { createSharedHeadedRate, createSharedOpaqueRate } from "../rights/shared-rates.ts";
import { createHeadroom } from "./headroom.ts";
import type { Outcome } from "./outcome.ts";

/** What a call takes, and of whom it is. */
export interface Asking {
  readonly cost: Cost;
  /** Whether it is a guess: then one that is more than a whole quota is taken for all of it instead of being refused. */
  readonly isGuess: boolean;
  /** The guess as it was before it was corrected. One that is more than all the money there is, is refused; not one that is so by what other calls took, as nobody would learn better. */
  readonly bare?: Cost | undefined;
  /** What of it is none. */
  readonly sure?: Cost | undefined;
  readonly isReserved: boolean;
  /** Somebody waits for it: it leaves ahead of the pace, and those behind it wait for what it took. */
  readonly isUrgent?: boolean;
}

/** What left, in every quota. */
export interface Taken {
  /** How it ended, and what was told. Refusals give the pause that they begin, in milliseconds; none where it left in spite of one. */
  settle(nowMs: number, outcome: Outcome, inPause?: boolean): number;
  /** What it took in the end: where the service does not tell its level, this is counted. */
  correct(nowMs: number, used: Cost): void;
}

export interface Lanes {
  readonly all: readonly Lane[];
  /** What it is taken to take: of a guess no more than the whole of a quota. */
  expected(asking: Asking): Cost;
  /** The quota for which it waits longest; none where it waits for no more than its pace. */
  spent(nowMs: number, asking: Asking): Account | undefined;
  /** The quota of which it takes more than there ever is. */
  tooSmall(nowMs: number, asking: Asking): Account | undefined;
  /** What it counts for among those who take turns: its part of the quota of which it takes most. */
  weight(cost: Cost): number;
  /** From when on it may leave; infinity where it is more than a quota ever has. */
  readyMs(nowMs: number, asking: Asking): number;
  /** ... with so many before it, that take no more than `waiting` of a unit; `hope`: by what rates may be faster than now. */
  estimateMs(nowMs: number, asking: Asking, ahead: number, waiting: (unit: Unit) => number, hope?: number): number;
  take(nowMs: number, asking: Asking): Taken;
  /** Requests a second that may leave now. */
  perSecond(nowMs: number): number;
  /** Units a second that may leave of all who share them, where it is known. */
  whole(nowMs: number, unit: Unit): number | undefined;
  /** By quota: what of its limit is to be spent, as far as it was told since this was asked last. */
  spendable(): ReadonlyMap<string, number>;
  /** What is held, or known together, is another. */
  agree(): void;
  /** The pause that a refusal began of one of those who share it. */
  pausedUntilMs(nowMs: number): number;
  /** Of what the service tells, or what was found; what is of the policy is told by whoever has it. */
  gauges(nowMs: number, partition: string, waiting: (unit: Unit) => number): readonly Gauge[];
}

/** One quota with what it makes of the pace. */
export interface Lane {
  readonly key: string;
  readonly account: Account;
  /** Of quotas whose level the service tells. */
  readonly law: HeadedRate | undefined;
  readonly pacer: Pacer;
  /** Of urgent calls alone: they wait for what others like them took, and for no large call in the background. */
  readonly urgentPacer: Pacer;
  /** Answers since it was told. */
  untold: number;
  /** When it was told last, or somebody left to see whether it still is so. */
  seenMs: number;
}

export interface LanesSettings {
  readonly rate?: OpaqueRateSettings | undefined;
  /** Quotas of the owner's policy; other gates may take of them too. */
  readonly policy?: readonly Account[] | undefined;
  /** Whether the service counts calls that it refused, where that is known. */
  readonly chargesRefused?: boolean | undefined;
  /** What is held of quotas that are shared by agreement. */
  readonly holding?: Holding | undefined;
}

/** What one call has reserved of one quota. */
interface Reserved {
  readonly account: Account;
  readonly reservation: Reservation;
  /** By which it left. */
  readonly pacers: readonly Pacer[];
}

/** What one call takes of a quota that is not known: some services count in hundreds a minute, some in thousands. */
const PART_OF_UNKNOWN = 1 / 1000;
/** Who holds nothing looks again so often. */
const ASK_MS = 50;
/** Of what remains, so much may leave at once. */
const AT_ONCE = 0.05;
/** Urgent calls that leave ahead of the pace: as many as a person begins at once. */
const AHEAD_CALLS = 3;
/** Reserved classes leave ahead of every pace. So long others wait for what they took, however much it was: whether it was too much the levels and refusals tell. */
const RESERVED_DEBT_S = 5;
/** Calls that leave at once to a service of which nothing is known. */
const FIRST_CALLS = 5;
/** A level that so many answers do not tell is told no more. */
const MOST_UNTOLD = 10;
/**
 * A level that was told so long ago is no reason to wait: one call leaves to see. Limits are raised, windows reset early, and one wrong field would hold all calls for as
 * long as it says. Six refusals an hour are what it costs where the level was right.
 */
const SEEN_MS = 10 * 60_000;
/** Refusals where all levels say that there is plenty, until they are not believed for a while: ten minutes, as long as a fault at a service may take. */
const MOST_LIES = 3;
const PLENTY = 0.5;
const DISBELIEF_MS = 10 * 60_000;
/** Who lied before is believed later: up to some hours. */
const MOST_DOUBLINGS = 5;
/** Of a quota, for reserved classes: they do not starve, and starve nobody. */
const MOST_KEPT = 0.5;
/** How far a level is believed that was just told, and one that refusals spoke against. */
const TOLD_CONFIDENCE = 0.95;
const LIE_CONFIDENCE = 0.05;
const ASSUMED_CONFIDENCE = 0.1;

export function createLanes({ rate, policy = [], chargesRefused, holding }: LanesSettings, random: Random): Lanes {
  const shared = holding && createSharedOpaqueRate(holding, random, rate);
  const opaque: OpaqueRate = shared ?? createOpaqueRate(random, rate);
  // Who comes anew to what others share takes no more than the others leave him.
  const opaquePacer = createPacer(holding === undefined ? FIRST_CALLS : 1);
  const headroom = createHeadroom();
  let lanes: readonly Lane[] = policy.map((account, nth) => ({
    key: `policy ${nth}`,
    account,
    law: undefined,
    pacer: createPacer(0),
    urgentPacer: createPacer(0),
    untold: 0,
    seenMs: Number.POSITIVE_INFINITY,
  }));
  let lies = 0;
  let disbelievedMs = Number.NEGATIVE_INFINITY;
  let timesDisbelieved = 0;
  let wasTold = false;

  /** The law of a quota whose level is told, says enough to steer by, and is believed. */
  const lawInForce = ({ law }: Lane, now: number): HeadedRate | undefined =>
    law === undefined || law.isBlind || now < disbelievedMs ? undefined : law;

  /** Whether there is so much that it need not be paced. Those who share it by agreement have their parts. */
  const isFree = (now: number, { account }: Lane, law: HeadedRate, units: number): boolean =>
    holding === undefined && law.freeAbove !== undefined && account.available(now) - units >= law.freeAbove(now);

  /** Whether the level of requests is known, so that their rate need not be guessed. */
  const isTold = (now: number): boolean => {
    for (const lane of lanes) if (lane.account.unit === "requests" && lawInForce(lane, now) !== undefined) return true;
    return false;
  };

  /** The same; where it ends, what was guessed before it began says nothing any more. */
  const steersByLevels = (now: number): boolean => {
    const is = isTold(now);
    if (wasTold && !is) opaque.anew(now);
    wasTold = is;
    return is;
  };

  const isOld = (now: number, { seenMs }: Lane): boolean => now - seenMs >= SEEN_MS;

  const expected = ({ cost, isGuess, bare = cost, sure }: Asking): Cost => {
    if (!isGuess) return cost;
    let bounded = cost;
    for (const { account } of lanes) {
      const { unit, limit } = account;
      // What a rate let through too much it waits for afterwards; what was paid nobody gives back.
      const isTooDear = unit === "usd" && (bare.usd ?? 0) > limit;
      if (!isTooDear && (bounded[unit] ?? 0) > limit && sure?.[unit] === undefined) bounded = { ...bounded, [unit]: limit };
    }
    return bounded;
  };

  const accountReadyMs = (now: number, { account }: Lane, units: number, isReserved: boolean): number => {
    const kept = isReserved ? 0 : Math.min(headroom.units(now, account), MOST_KEPT * Math.max(0, account.limit - units));
    return account.readyMs(now, units + kept);
  };

  const pacedReadyMs = (
    now: number,
    { account, pacer, urgentPacer }: Lane,
    perSecond: number,
    units: number,
    isUrgent: boolean,
  ): number => {
    const atOnce = Math.max(1, AT_ONCE * account.available(now) * (holding?.part(now, account.unit) ?? 1));
    const ready = isUrgent
      ? urgentPacer.readyMs(now, units, perSecond, atOnce, AHEAD_CALLS * units)
      : pacer.readyMs(now, units, perSecond, atOnce);
    // Rates move by answers, and where a large call is waited for none come: a bucket that is full again has no debt.
    return account.shape === "bucket" && holding === undefined ? Math.min(ready, now + account.resetInMs(now)) : ready;
  };

  /**
   * A refusal is a lie of the levels when all that it takes of are said to have plenty: by itself, or by the answers before it where it says nothing. What
   * it says counts more, because a limit that fell was told truly before.
   */
  const doubt = (now: number, cost: Cost, readings: readonly Reading[]): void => {
    const told = lanes.filter(({ law, account }) => law !== undefined && cost[account.unit] !== undefined);
    const levelIn = ({ key, law }: Lane): number => {
      const reading = readings.find((one) => toldKey(one) === key);
      return reading === undefined ? (law?.level ?? 0) : reading.remaining > 0 ? (law?.levelAt(levelOf(reading)) ?? 0) : 0;
    };
    if (told.length === 0 || told.some((lane) => levelIn(lane) < PLENTY)) return;
    if (++lies < MOST_LIES) return;
    lies = 0;
    disbelievedMs = now + DISBELIEF_MS * 2 ** Math.min(MOST_DOUBLINGS, timesDisbelieved++);
  };

  const hear = (now: number, readings: readonly Reading[], sentMs: number): void => {
    for (const lane of lanes) if (lane.law !== undefined) lane.untold++;
    for (const reading of readings) {
      const key = toldKey(reading);
      const level = levelOf(reading);
      const lane = lanes.find((one) => one.key === key);
      if (lane === undefined) {
        const account = createAccount(now, reading, "header");
        const law = holding === undefined ? createToldRate(random, level) : createSharedHeadedRate(holding, reading.unit, random, level);
        // What is there need not be earned first.
        const first = Math.floor(AT_ONCE * reading.remaining);
        const [pacer, urgentPacer] = [createPacer(first), createPacer(first)];
        lanes = [...lanes, { key, account, law, pacer, urgentPacer, untold: 0, seenMs: now }];
        agree();
        continue;
      }
      lane.untold = 0;
      lane.seenMs = now;
      lane.account.told(now, reading, sentMs);
      lane.law?.told(now, level);
    }
    if (lanes.some(({ untold }) => untold > MOST_UNTOLD)) lanes = lanes.filter(({ untold }) => untold <= MOST_UNTOLD);
  };

  const agree = (): void => {
    for (const { key, law } of lanes) {
      const share = holding?.spendable(key);
      if (share !== undefined) law?.agree(share);
    }
  };

  /** Whether anything of that rate may leave; who may not asks for it. */
  const isHeld = (now: number, unit: Unit): boolean => holding === undefined || holding.part(now, unit) > 0 || holding.isCutOff(now);

  /** What the laws learn; the pause that the one in force wants. */
  const learn = (now: number, sentMs: number, cost: Cost, outcome: Outcome): number => {
    if (outcome.kind === "answered") {
      opaque.accepted(now, sentMs, cost.requests ?? 1);
      for (const { law, account } of lanes) law?.accepted(now, sentMs, cost[account.unit] ?? 0);
    }
    if (outcome.kind !== "refused") return 0;
    const known = lanes.map(({ law }) => law?.refused(now, sentMs) ?? 0);
    return steersByLevels(now) ? Math.max(...known) : opaque.refused(now, sentMs);
  };

  return {
    get all() {
      return lanes;
    },
    readyMs: (now, asking) => {
      const { isReserved, isUrgent = false } = asking;
      const cost = expected(asking);
      holding?.look(now);
      let ready = now;
      for (const lane of lanes) {
        const units = cost[lane.account.unit] ?? 0;
        if (units === 0 || isOld(now, lane)) continue;
        ready = Math.max(ready, accountReadyMs(now, lane, units, isReserved));
        const law = lawInForce(lane, now);
        if (law === undefined || isReserved || isFree(now, lane, law, units)) continue;
        const { unit } = lane.account;
        const pacedMs = pacedReadyMs(now, lane, law.rate(now), units, isUrgent);
        // Who holds nothing is given something only when he asks for it.
        if (pacedMs > now || !isHeld(now, unit)) holding?.waits(now, false);
        ready = Math.max(ready, isHeld(now, unit) ? pacedMs : now + ASK_MS);
      }
      if (isReserved || steersByLevels(now)) return ready;
      if (!isHeld(now, "requests")) {
        holding?.waits(now, false);
        if (!isHeld(now, "requests")) return Math.max(ready, now + ASK_MS);
      }
      const requests = cost.requests ?? 1;
      const pacedMs = opaquePacer.readyMs(now, requests, opaque.rate(now), 1, isUrgent ? AHEAD_CALLS * requests : 0);
      if (pacedMs > Math.max(now, ready)) opaque.awaited(now);
      return Math.max(ready, pacedMs);
    },
    estimateMs: (now, asking, ahead, waitingOf, hope = 1) => {
      const cost = expected(asking);
      let ready = now;
      for (const lane of lanes) {
        const units = cost[lane.account.unit] ?? 0;
        if (units === 0 || isOld(now, lane)) continue;
        // Those under way may take less than they were taken for; as requests they are one each.
        const isGuessed = hope > 1 && lane.account.unit !== "requests";
        const needed = isGuessed ? Math.max(0, units - lane.account.outstanding) : units;
        ready = Math.max(ready, accountReadyMs(now, lane, needed, asking.isReserved));
        const law = lawInForce(lane, now);
        if (law === undefined) continue;
        // Those before it may be much smaller than it.
        const before = Math.min(ahead * units, waitingOf(lane.account.unit));
        const waiting = Math.max(0, before - AT_ONCE * lane.account.available(now));
        ready = Math.max(ready, now + law.spanMs(now, waiting) / hope);
      }
      return isTold(now) ? ready : Math.max(ready, now + opaque.spanMs(now, Math.max(0, ahead - FIRST_CALLS)) / hope);
    },
    expected,
    spent: (now, asking) => {
      const cost = expected(asking);
      let [longest, untilMs]: [Account | undefined, number] = [undefined, now];
      for (const lane of lanes) {
        const units = cost[lane.account.unit] ?? 0;
        if (units === 0 || isOld(now, lane)) continue;
        const ready = accountReadyMs(now, lane, units, asking.isReserved);
        if (ready > untilMs) [longest, untilMs] = [lane.account, ready];
      }
      return longest;
    },
    tooSmall: (now, asking) => {
      const cost = expected(asking);
      return lanes.find((lane) => (cost[lane.account.unit] ?? 0) > lane.account.limit && !isOld(now, lane))?.account;
    },
    weight: (cost) => {
      let most = (cost.requests ?? 1) * PART_OF_UNKNOWN;
      for (const { account } of lanes) most = Math.max(most, (cost[account.unit] ?? 0) / account.limit);
      return most;
    },
    take: (now, asking) => {
      const { isReserved, isUrgent = false } = asking;
      const cost = expected(asking);
      if (isReserved) headroom.left(now, cost);
      holding?.left(now, cost);
      const reservations: Reserved[] = [];
      for (const lane of lanes) {
        const { account, pacer, urgentPacer } = lane;
        const units = cost[account.unit] ?? 0;
        if (units === 0) continue;
        if (isOld(now, lane)) lane.seenMs = now;
        const law = lawInForce(lane, now);
        // What left by another pace is no debt of this one, nor what left by none.
        const isPaced = law !== undefined && !isFree(now, lane, law, units);
        const pacers = isPaced ? (isUrgent ? [pacer, urgentPacer] : [pacer]) : [];
        reservations.push({ account, reservation: account.reserve(now, units), pacers });
        for (const one of pacers) one.left(units, isReserved ? RESERVED_DEBT_S * (law?.rate(now) ?? 0) : undefined);
      }
      opaque.left(now, cost.requests ?? 1);
      if (!isTold(now)) opaquePacer.left(cost.requests ?? 1, isReserved ? RESERVED_DEBT_S * opaque.rate(now) : undefined);
      let counted: Cost = {};
      let settledMs = now;
      // What was taken for more than it was: those behind it need not wait for the rest.
      const giveBack = (of: Cost, used: Cost): void => {
        for (const { account, pacers } of reservations)
          for (const pacer of pacers) pacer.returned(Math.max(0, (of[account.unit] ?? 0) - (used[account.unit] ?? 0)));
      };
      // Of a unit that nobody guessed nothing was reserved.
      const countUnguessed = (later: number, outcome: Outcome): void => {
        if (outcome.kind !== "answered" || outcome.used === undefined) return;
        for (const { account } of lanes) {
          const units = outcome.used[account.unit] ?? 0;
          if (units > 0 && account.source !== "header" && !reservations.some((one) => one.account === account))
            account.correct(later, units);
        }
      };
      return {
        settle: (later, outcome, inPause = false) => {
          settledMs = later;
          if (outcome.kind === "answered") counted = outcome.used === undefined ? cost : { ...cost, ...outcome.used };
          else if (outcome.kind === "refused" && chargesRefused === true) counted = { requests: cost.requests ?? 0 };
          const pauseMs = inPause && outcome.kind === "refused" ? 0 : learn(later, now, counted, outcome);
          const wasSent = outcome.kind === "withdrawn" && outcome.wasSent === true;
          for (const { account, reservation } of reservations) {
            // What a service counts it tells; an owner's budget is not to be had by breaking off.
            const used = wasSent && account.source === "policy" ? cost : counted;
            reservation.settle(later, used[account.unit] ?? 0);
          }
          if (outcome.kind === "answered" || outcome.kind === "withdrawn") giveBack(cost, counted);
          countUnguessed(later, outcome);
          if (outcome.kind === "refused") doubt(later, cost, outcome.readings ?? []);
          // What is told is counted after what was reserved was given back: it has it in it.
          if (outcome.kind !== "withdrawn") hear(later, outcome.readings ?? [], now);
          return pauseMs;
        },
        correct: (later, used) => {
          for (const { account } of lanes) {
            const units = used[account.unit];
            if (units === undefined || account.source === "header") continue;
            account.correct(later, units - (counted[account.unit] ?? 0), settledMs);
          }
          const known = { ...counted, ...used };
          giveBack(counted, known);
          counted = known;
        },
      };
    },
    perSecond: (now) => {
      const requests = lanes.find((lane) => lane.account.unit === "requests" && lawInForce(lane, now) !== undefined);
      return (requests?.law ?? opaque).rate(now);
    },
    whole: (now, unit) => {
      const told = lanes.filter((lane) => lane.account.unit === unit && lawInForce(lane, now) !== undefined);
      if (told.length > 0) return Math.min(...told.map(({ law }) => law?.whole(now) ?? Number.POSITIVE_INFINITY));
      return unit === "requests" ? shared?.whole(now) : undefined;
    },
    spendable: () =>
      new Map(
        lanes.flatMap(({ key, law }) => {
          const share = law?.share();
          return share === undefined ? [] : [[key, share] as const];
        }),
      ),
    agree,
    pausedUntilMs: (now) => (shared === undefined || isTold(now) ? now : shared.pausedUntilMs(now)),
    gauges: (now, partition, waiting) => {
      const told = lanes.flatMap(({ account, law, untold }) => {
        if (law === undefined) return [];
        const confidence = now < disbelievedMs ? LIE_CONFIDENCE : TOLD_CONFIDENCE / (1 + untold / MOST_UNTOLD);
        return [gaugeOf(account, now, { partition, waiting: waiting(account.unit), confidence, chargesRefused })];
      });
      return isTold(now) ? told : [...told, foundGauge(opaque.found(now), { partition, waiting: waiting("requests"), chargesRefused })];
    },
  };
}

function toldKey({ unit, name }: Reading): string {
  return `told ${unit} ${name}`;
}

/** What was found by trying, as a quota of a minute. */
function foundGauge({ perSecond, usedPerSecond, refusals }: Found, around: Omit<Around, "confidence">): Gauge {
  const limit = perSecond * 60;
  const used = Math.min(limit, usedPerSecond * 60);
  return {
    ...around,
    unit: "requests",
    name: "found by trying",
    limit,
    windowMs: 60_000,
    shape: "bucket",
    used,
    available: limit - used,
    resetInMs: 0,
    source: refusals === 0 ? "assumed" : "learned",
    // The first says where it is, the next ones whether it still is.
    confidence: refusals === 0 ? ASSUMED_CONFIDENCE : 1 - 1 / (1 + refusals),
  };
}

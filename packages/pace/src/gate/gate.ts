/**
 * The one way out to a service for all that share its quotas: first tries, tries again and work in the background.
 *
 * A call *waits* in the line, *leaves* with what it may take reserved in every quota, and *settles*; or it is refused before it waits, when what is known says
 * that it would be answered after its deadline, or while it waits, when the deadline has come. It may leave when it is the first in the line and
 *
 * - the pause that a refusal began is over, or it is of a reserved class and the service itself asked for no pause,
 * - the breaker lets it,
 * - no more calls are under way than the service stands,
 * - each quota that it takes of has as much left, and the pace of that quota lets it.
 *
 * Invariants: no call leaves without a reservation (K2); after a refusal all wait for one pause (K3); no class waits behind a later one (K5).
 */
import { type Breaker, type BreakerSettings, type BreakerState, createBreaker } from "../control/breaker.ts";
import { createHeadedRate, type HeadedRate } from "../control/headed-rate.ts";
import { createInFlight, type InFlight, type InFlightSettings } from "../control/in-flight.ts";
import { createOpaqueRate, type OpaqueRateSettings } from "../control/opaque-rate.ts";
import { createPacer, type Pacer } from "../control/pacer.ts";
import type { RateLaw } from "../control/rate-law.ts";
import { PaceError } from "../error.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import { type Account, createAccount, type Reservation } from "../quota/account.ts";
import { type Gauge, gaugeOf } from "../quota/gauge.ts";
import { levelOf } from "../quota/level.ts";
import type { Cost, Reading, Unit } from "../quota/reading.ts";
import { createLine, type Waiting } from "./line.ts";
import type { Outcome } from "./outcome.ts";

/** What a call asks for. */
export interface CallTerms {
  readonly cost: Cost;
  /** Whether it is a guess: then one that is more than a whole quota waits for all of it instead of being refused. */
  readonly isGuess: boolean;
  /** Of its class: 0 leaves first. */
  readonly rank: number;
  /** Classes that own pauses do not hold: heartbeats. */
  readonly isReserved: boolean;
  /** For whom it is: those of one class take turns. */
  readonly requester: string;
  /** In the clock's time. */
  readonly deadlineMs: number;
}

/** A call that left. */
export interface Pass {
  readonly sentMs: number;
  settle(outcome: Outcome): void;
}

export interface Waiter {
  leave(pass: Pass): void;
  refuse(error: PaceError): void;
}

export interface GateSettings {
  /** Calls that may wait. Ten thousand: some MB. */
  readonly mostWaiting: number;
  /** Classes. */
  readonly ranks: number;
  readonly rate?: OpaqueRateSettings;
  readonly breaker?: BreakerSettings;
  readonly inFlight?: InFlightSettings;
  /** Quotas that are known beforehand, of the owner's own policy. */
  readonly policy?: readonly Reading[];
}

export interface GateState {
  readonly waiting: number;
  readonly underWay: number;
  readonly mostUnderWay: number;
  /** Requests a second that may leave now. */
  readonly perSecond: number;
  readonly breaker: BreakerState;
  readonly pausedMs: number;
  readonly accounts: readonly Account[];
}

export interface Gate {
  /** What is called back may be so before this returns. The function returned takes the call out of the line. */
  enter(terms: CallTerms, waiter: Waiter): () => void;
  state(): GateState;
  /** What is known of its quotas; `partition` is what it is called there. */
  gauges(partition: string): readonly Gauge[];
  close(): void;
}

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  /** Told after the breaker has turned. */
  readonly turned?: (state: BreakerState) => void;
}

interface Call extends Waiting {
  readonly terms: CallTerms;
  readonly waiter: Waiter;
  forgetDeadline: (() => void) | undefined;
}

/** One quota with what it makes of the pace. */
interface Lane {
  readonly key: string;
  readonly account: Account;
  /** Of quotas whose level the service tells. */
  readonly law: HeadedRate | undefined;
  readonly pacer: Pacer;
  /** Answers since it was told. */
  untold: number;
}

/** Rates move while nobody asks: who waits looks again so often. */
const LOOK_AGAIN_MS = 250;
/** Of what remains, so much may leave at once. */
const AT_ONCE = 0.05;
/** Calls that leave at once to a service of which nothing is known. */
const FIRST_CALLS = 5;
/** A level that so many answers do not tell is told no more. */
const MOST_UNTOLD = 10;
/** Refusals where all levels say that there is plenty, until they are not believed for a while: ten minutes, as long as a fault at a service may take. */
const MOST_LIES = 3;
const PLENTY = 0.5;
const DISBELIEF_MS = 10 * 60_000;
/** How far a level is believed that was just told, and one that refusals spoke against. */
const TOLD_CONFIDENCE = 0.95;
const LIE_CONFIDENCE = 0.05;

export function createGate(settings: GateSettings, { clock, random, turned }: Ports): Gate {
  const line = createLine<Call>(settings.ranks);
  const breaker: Breaker = createBreaker(settings.breaker);
  const inFlight: InFlight = createInFlight(settings.inFlight);
  const opaque: RateLaw = createOpaqueRate(random, settings.rate);
  const opaquePacer = createPacer(FIRST_CALLS);
  let lanes: readonly Lane[] = (settings.policy ?? []).map((reading) => ({
    key: `policy ${keyOf(reading)}`,
    account: createAccount(clock.now(), reading, "policy"),
    law: undefined,
    pacer: createPacer(0),
    untold: 0,
  }));

  let ownPauseMs = Number.NEGATIVE_INFINITY;
  let askedPauseMs = Number.NEGATIVE_INFINITY;
  let alarm: { readonly atMs: number; readonly forget: () => void } | undefined;
  let isClosed = false;
  let isPumping = false;
  let lies = 0;
  let disbelievedMs = Number.NEGATIVE_INFINITY;
  let breakerWas: BreakerState = "closed";
  /** Units that the calls in the line are expected to take. */
  const wanted = new Map<Unit, number>();

  const want = (cost: Cost, sign: 1 | -1): void => {
    for (const [unit, units] of Object.entries(cost) as [Unit, number][]) wanted.set(unit, (wanted.get(unit) ?? 0) + sign * units);
  };

  const look = (now: number): void => {
    const state = breaker.state(now);
    if (state === breakerWas) return;
    breakerWas = state;
    turned?.(state);
  };

  /** The law of a quota whose level is told, says enough to steer by, and is believed. */
  const lawInForce = ({ law }: Lane, now: number): HeadedRate | undefined =>
    law === undefined || law.isBlind || now < disbelievedMs ? undefined : law;

  /** Whether the level of requests is known, so that their rate need not be guessed. */
  const isTold = (now: number): boolean => lanes.some((lane) => lane.account.unit === "requests" && lawInForce(lane, now) !== undefined);

  /** From when on it may leave, as far as time alone decides; `undefined` where an answer has to come first. */
  const readyMs = (now: number, { cost, isGuess, isReserved }: CallTerms): number | undefined => {
    if (inFlight.count >= inFlight.limit && !isReserved) return undefined;
    let ready = Math.max(now, breaker.opensAtMs(now), askedPauseMs, isReserved ? now : ownPauseMs);
    for (const lane of lanes) {
      const { account, pacer } = lane;
      const units = cost[account.unit] ?? 0;
      if (units === 0) continue;
      ready = Math.max(ready, account.readyMs(now, isGuess ? Math.min(units, account.limit) : units));
      const law = lawInForce(lane, now);
      if (law === undefined || isReserved) continue;
      ready = Math.max(ready, pacer.readyMs(now, units, law.rate(now), Math.max(1, AT_ONCE * account.available(now))));
    }
    if (!isReserved && !isTold(now)) ready = Math.max(ready, opaquePacer.readyMs(now, cost.requests ?? 1, opaque.rate(now), 1));
    return ready;
  };

  /** When it could leave at the earliest, with those before it. */
  const estimateMs = (now: number, { cost, isGuess, rank, isReserved }: CallTerms): number => {
    let ready = Math.max(now, askedPauseMs, isReserved ? now : ownPauseMs, breaker.opensAtMs(now));
    const ahead = isReserved ? 0 : line.upTo(rank);
    for (const lane of lanes) {
      const { account } = lane;
      const units = cost[account.unit] ?? 0;
      if (units === 0) continue;
      ready = Math.max(ready, account.readyMs(now, isGuess ? Math.min(units, account.limit) : units));
      const law = lawInForce(lane, now);
      if (law === undefined) continue;
      const waiting = Math.max(0, ahead * units - AT_ONCE * account.available(now));
      ready = Math.max(ready, now + law.spanMs(now, waiting));
    }
    if (!isTold(now)) ready = Math.max(ready, now + opaque.spanMs(now, Math.max(0, ahead - FIRST_CALLS)));
    return ready;
  };

  const leave = (now: number, { terms, waiter, forgetDeadline }: Call): void => {
    forgetDeadline?.();
    const { cost } = terms;
    want(cost, -1);
    // An open one turns half open by time alone; the call that is to see makes it known.
    look(now);
    const reservations: (readonly [Unit, Reservation])[] = [];
    for (const lane of lanes) {
      const { account, pacer } = lane;
      const units = cost[account.unit] ?? 0;
      if (units === 0) continue;
      reservations.push([account.unit, account.reserve(now, units)]);
      // What left by another pace is no debt of this one.
      if (lawInForce(lane, now) !== undefined) pacer.left(units);
    }
    if (!isTold(now)) opaquePacer.left(cost.requests ?? 1);
    inFlight.left();
    breaker.left(now);
    let isSettled = false;
    waiter.leave({
      sentMs: now,
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = true;
        const later = clock.now();
        settle(later, now, cost, outcome);
        const used = outcome.kind === "answered" ? (outcome.used ?? cost) : {};
        for (const [unit, reservation] of reservations)
          reservation.settle(later, used[unit] ?? (outcome.kind === "answered" ? (cost[unit] ?? 0) : 0));
        if (outcome.kind === "refused") doubt(later, cost);
        // What is told is counted after what was reserved was given back: it has it in it.
        if (outcome.kind !== "withdrawn") hear(later, outcome.readings ?? [], now);
        look(later);
        pump();
      },
    });
  };

  const settle = (now: number, sentMs: number, cost: Cost, outcome: Outcome): void => {
    if (outcome.kind === "withdrawn") {
      inFlight.ended();
      breaker.abandoned(sentMs);
      return;
    }
    if (outcome.kind === "answered") {
      inFlight.answered(now, sentMs);
      breaker.answered(sentMs);
      opaque.accepted(now, sentMs, cost.requests ?? 1);
      for (const { law, account } of lanes) law?.accepted(now, sentMs, cost[account.unit] ?? 0);
      return;
    }
    if (outcome.waitMs !== undefined) askedPauseMs = Math.max(askedPauseMs, now + outcome.waitMs);
    if (outcome.kind === "overloaded") {
      inFlight.overloaded(now, sentMs);
      breaker.refused(now, sentMs, outcome.waitMs);
      return;
    }
    inFlight.ended();
    // The law that is in force says how long; the other learns.
    const guessed = opaque.refused(now, sentMs);
    const known = lanes.map(({ law }) => law?.refused(now, sentMs) ?? 0);
    ownPauseMs = Math.max(ownPauseMs, now + (isTold(now) ? Math.max(...known) : guessed));
    breaker.refused(now, sentMs, outcome.waitMs);
  };

  /** A refusal is a lie of the levels when all that it takes of said that there was plenty. */
  const doubt = (now: number, cost: Cost): void => {
    const told = lanes.filter(({ law, account }) => law !== undefined && cost[account.unit] !== undefined);
    if (told.length === 0 || told.some(({ law }) => (law?.level ?? 0) < PLENTY)) return;
    if (++lies < MOST_LIES) return;
    lies = 0;
    disbelievedMs = now + DISBELIEF_MS;
  };

  const hear = (now: number, readings: readonly Reading[], sentMs: number): void => {
    for (const lane of lanes) if (lane.law !== undefined) lane.untold++;
    for (const reading of readings) {
      const key = `told ${keyOf(reading)}`;
      const level = levelOf(reading);
      const lane = lanes.find((one) => one.key === key);
      if (lane === undefined) {
        const account = createAccount(now, reading, "header");
        lanes = [...lanes, { key, account, law: createHeadedRate(random, level), pacer: createPacer(0), untold: 0 }];
        continue;
      }
      lane.untold = 0;
      lane.account.told(now, reading, sentMs);
      lane.law?.told(now, level);
    }
    if (lanes.some(({ untold }) => untold > MOST_UNTOLD)) lanes = lanes.filter(({ untold }) => untold <= MOST_UNTOLD);
  };

  const wakeAt = (atMs: number): void => {
    if (alarm !== undefined && alarm.atMs <= atMs) return;
    alarm?.forget();
    const forget = clock.wake(atMs, () => {
      alarm = undefined;
      pump();
    });
    alarm = { atMs, forget };
  };

  const pump = (): void => {
    // Who leaves may come back before it has left.
    if (isPumping) return;
    isPumping = true;
    try {
      for (let first = line.first(); first !== undefined; first = line.first()) {
        const now = clock.now();
        const ready = readyMs(now, first.terms);
        if (ready === undefined) return;
        if (ready > now && ready !== Number.POSITIVE_INFINITY) return wakeAt(Math.min(ready, now + LOOK_AGAIN_MS));
        line.take();
        if (ready > now) {
          want(first.terms.cost, -1);
          first.forgetDeadline?.();
          first.waiter.refuse(tooLarge());
          continue;
        }
        leave(now, first);
      }
    } finally {
      isPumping = false;
    }
  };

  const refusal = (now: number, terms: CallTerms): PaceError | undefined => {
    if (isClosed) return new PaceError("closed", "the gate was closed", "Make another.");
    if (line.size >= settings.mostWaiting)
      return new PaceError("queue-full", `${line.size} calls wait already`, "Ask for less at once, or raise mostWaiting.");
    const leaves = estimateMs(now, terms);
    const availableInMs = leaves - now;
    if (leaves === Number.POSITIVE_INFINITY) return tooLarge();
    if (leaves <= terms.deadlineMs) return undefined;
    return new PaceError(
      "too-late",
      `it could leave in ${inSeconds(availableInMs)} and has ${inSeconds(Math.max(0, terms.deadlineMs - now))}`,
      "Give it more time, another class, or do without.",
      { availableInMs },
    );
  };

  return {
    enter: (terms, waiter) => {
      const now = clock.now();
      const error = refusal(now, terms);
      if (error !== undefined) {
        waiter.refuse(error);
        return () => undefined;
      }
      const { rank, requester, deadlineMs, cost } = terms;
      const call: Call = { rank, requester, deadlineMs, weight: cost.requests ?? 1, terms, waiter, forgetDeadline: undefined };
      line.add(call);
      want(cost, 1);
      pump();
      if (deadlineMs !== Number.POSITIVE_INFINITY && line.has(call))
        call.forgetDeadline = clock.wake(deadlineMs, () => {
          line.remove(call);
          want(cost, -1);
          const availableInMs = estimateMs(clock.now(), terms) - clock.now();
          waiter.refuse(
            new PaceError("deadline", "its deadline came while it waited", "Give it more time, or another class.", { availableInMs }),
          );
        });
      return () => {
        call.forgetDeadline?.();
        if (line.has(call)) want(cost, -1);
        line.remove(call);
        pump();
      };
    },
    state: () => {
      const now = clock.now();
      const requests = lanes.find(({ law, account }) => law !== undefined && account.unit === "requests");
      return {
        waiting: line.size,
        underWay: inFlight.count,
        mostUnderWay: inFlight.limit,
        perSecond: (requests?.law ?? opaque).rate(now),
        breaker: breaker.state(now),
        pausedMs: Math.max(0, ownPauseMs - now, askedPauseMs - now),
        accounts: lanes.map(({ account }) => account),
      };
    },
    gauges: (partition) => {
      const now = clock.now();
      return lanes.map(({ account, law, untold }) => {
        const told = now < disbelievedMs ? LIE_CONFIDENCE : TOLD_CONFIDENCE / (1 + untold / MOST_UNTOLD);
        return gaugeOf(account, now, { partition, waiting: wanted.get(account.unit) ?? 0, confidence: law === undefined ? 1 : told });
      });
    },
    close: () => {
      isClosed = true;
      alarm?.forget();
      for (let first = line.first(); first !== undefined; first = line.first()) {
        line.take();
        want(first.terms.cost, -1);
        first.forgetDeadline?.();
        first.waiter.refuse(new PaceError("closed", "the gate was closed", "Make another."));
      }
    },
  };
}

function tooLarge(): PaceError {
  return new PaceError("quota-spent", "it takes more than a whole quota has", "Ask for less in one call.");
}

function keyOf({ unit, name }: Reading): string {
  return `${unit} ${name}`;
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

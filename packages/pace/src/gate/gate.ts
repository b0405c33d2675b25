/**
 * The one way out to a service for all that share its quotas: first tries, tries again and work in the background.
 *
 * A call *waits* in the line, *leaves* with what it may take reserved in every quota, and *settles*; or it is refused before it waits or while it does, when what is known
 * says that it would leave after its deadline: for the pace, for a quota that is spent, for a pause that the service asks for; at the latest when the deadline has come. Calls of an
 * operation with a most wait for that first. A call may leave when it is the first in the line and
 *
 * - the pause that a refusal began is over, or it is of a reserved class and the service itself asked for no pause,
 * - the breaker lets it,
 * - no more calls are under way than the service stands, and this process has what it holds meanwhile,
 * - each quota that it takes of has as much left, and the pace of that quota lets it.
 *
 * What the other side asked for holds the classes that it means, and those behind them go by.
 *
 * Invariants: no call leaves without a reservation (K2); after a refusal all wait for one pause (K3); no class waits behind a later one, but for reserved ones, that
 * wait behind nobody who may not leave (K5).
 */
import { type Breaker, type BreakerSettings, type BreakerState, createBreaker } from "../control/breaker.ts";
import { createInFlight, type InFlight, type InFlightSettings } from "../control/in-flight.ts";
import type { OpaqueRateSettings } from "../control/opaque-rate.ts";
import { createScout } from "../control/scout.ts";
import type { PaceError } from "../error.ts";
import { createAlarm } from "../host/alarm.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import type { Account } from "../quota/account.ts";
import type { Gauge } from "../quota/gauge.ts";
import type { Pool } from "../quota/pool.ts";
import type { Cost, Unit } from "../quota/reading.ts";
import type { Holding, HoldingGate } from "../rights/holding.ts";
import type { Throttle } from "../slowdown/throttle.ts";
import type { Whole } from "./cap.ts";
import { hopelessOf } from "./hopeless.ts";
import { type Asking, createLanes } from "./lanes.ts";
import { createLine, type Waiting } from "./line.ts";
import { createOperations, type Operation } from "./operations.ts";
import type { Outcome } from "./outcome.ts";
import { itsDeadline, queueFull, tooLarge, tooLate, wasClosed } from "./refusals.ts";
import { createSlowed } from "./slowed.ts";

/** What a call asks for. */
export interface CallTerms extends Asking {
  /** Of its class: 0 leaves first. */
  readonly rank: number;
  /** For whom it is: those of one class take turns. */
  readonly requester: string;
  /** In the clock's time. */
  readonly deadlineMs: number;
  /** It left before and was refused: how long those before it take is a guess, for which it is not turned away a second time. */
  readonly isAgain?: boolean;
  readonly operation?: Operation | undefined;
}

/** A call that left. */
export interface Pass {
  readonly sentMs: number;
  settle(outcome: Outcome): void;
  /** What an answer took in the end, told after it was settled. */
  used(used: Cost): void;
}

export interface Waiter {
  leave(pass: Pass): void;
  refuse(error: PaceError): void;
}

export interface GateSettings {
  /** Calls that may wait in one class and those before it. Ten thousand: some MB. */
  readonly mostWaiting: number;
  /** Classes. */
  readonly ranks: number;
  readonly rate?: OpaqueRateSettings;
  readonly breaker?: BreakerSettings;
  readonly inFlight?: InFlightSettings;
  /** Quotas of the owner's policy; other gates may take of them too. */
  readonly policy?: readonly Account[];
  /** Whether the service counts calls that it refused, where that is known. */
  readonly chargesRefused?: boolean | undefined;
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
  /** Of which its calls take: those of the policy first. */
  readonly accounts: readonly Account[];
  /** What is known of its quotas, but for those of the policy; `partition` is what it is called there. */
  gauges(partition: string): readonly Gauge[];
  /** Units that its calls wait for. */
  waiting(unit: Unit): number;
  close(): void;
}

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
  /** What the process has of its own; all gates take of one. */
  readonly pool?: Pool | undefined;
  /** Holds what is left to this gate of quotas that are shared by agreement. */
  readonly hold?: ((gate: HoldingGate) => Holding) | undefined;
  /** What the other side asked for, and was accepted. */
  readonly throttle?: Throttle | undefined;
  /** Told after the breaker has turned. */
  readonly turned?: (state: BreakerState) => void;
}

interface Call extends Waiting {
  readonly terms: CallTerms;
  /** Units that it is counted for while it waits. */
  readonly wants: Cost;
  readonly waiter: Waiter;
  forgetDeadline: (() => void) | undefined;
}

/** A call of an operation with a most. */
interface Capped extends Call {
  readonly operation: Operation;
  readonly cost: Cost;
}

/** Rates move while nobody asks: who waits looks again so often. */
const LOOK_AGAIN_MS = 250;
/** Clocks are compared anew with each answer of the ledger: pauses that end so near are one. */
const SAME_MS = 100;
/** Of the rate of now: those who share it leave some, limits are raised. */
const HOPE = 1.5;
/** Who waits already has waited for something: rates that fell come back. */
const HOPE_OF_WAITING = 3;
/** Those that wait are looked at so often; a thousand of them take a few milliseconds. */
const LOOK_AT_WAITING_MS = 1000;

export function createGate(settings: GateSettings, { clock, random, pool, hold, throttle, turned }: Ports): Gate {
  const line = createLine<Call>(settings.ranks);
  const slowed = createSlowed(throttle, line, settings.ranks);
  const operations = createOperations<Capped>();
  const breaker: Breaker = createBreaker(settings.breaker);
  const inFlight: InFlight = createInFlight(settings.inFlight);
  const scout = createScout();
  const { rate, policy, chargesRefused } = settings;
  const holding = hold?.({
    isBusy: () => line.size + inFlight.count > 0,
    // Who waits for answers could not use more, nor could whom the other side holds.
    hungry: () => (inFlight.count >= inFlight.limit ? [] : (Object.keys(slowed.free(clock.now())?.terms.cost ?? {}) as Unit[])),
    whole: (now, unit) => lanes.whole(now, unit),
    spendable: () => lanes.spendable(),
    breakerUntilMs: (now) => (breaker.state(now) === "closed" ? undefined : breaker.opensAtMs(now)),
    changed: () => {
      lanes.agree();
      const now = clock.now();
      const askedUntilMs = holding?.askedUntilMs ?? Number.NEGATIVE_INFINITY;
      if (askedUntilMs > Math.max(now, heardPauseMs + SAME_MS)) {
        heardPauseMs = askedUntilMs;
        turnAwayLate(now, askedUntilMs);
      }
      pump();
    },
  });
  const lanes = createLanes({ rate, policy, chargesRefused, holding }, random);

  let ownPauseMs = Number.NEGATIVE_INFINITY;
  let askedPauseMs = Number.NEGATIVE_INFINITY;
  /** That others who share its quotas were asked for. */
  let heardPauseMs = Number.NEGATIVE_INFINITY;
  const alarm = createAlarm(clock, () => pump());
  let isClosed = false;
  let isPumping = false;
  let isAsked = false;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let breakerWas: BreakerState = "closed";
  /** Units that the calls that wait are expected to take. */
  const wanted = new Map<Unit, number>();

  const want = (cost: Cost, sign: 1 | -1): void => {
    for (const unit of Object.keys(cost) as Unit[]) wanted.set(unit, (wanted.get(unit) ?? 0) + sign * (cost[unit] ?? 0));
  };

  const waitingOf = (unit: Unit): number => wanted.get(unit) ?? 0;

  const look = (now: number): void => {
    const state = breaker.state(now);
    if (state === breakerWas) return;
    breakerWas = state;
    turned?.(state);
  };

  const whole = (now: number): Whole => ({ lanes: lanes.all, mostUnderWay: inFlight.limit, perSecond: lanes.perSecond(now) });

  const pausedUntilMs = (now: number, { isReserved, isUrgent = false }: Asking): number => {
    const pauseMs = Math.max(ownPauseMs, lanes.pausedUntilMs(now));
    const urgentMs = scout.isCareful(now) ? scout.readyMs(now) : Math.min(pauseMs, scout.readyMs(now));
    const ownMs = isReserved ? now : isUrgent ? urgentMs : pauseMs;
    return Math.max(now, breaker.opensAtMs(now), askedPauseMs, holding?.pausedUntilMs ?? now, ownMs);
  };

  /** From when on it may leave, as far as time alone decides; `undefined` where an answer has to come first. */
  const readyMs = (now: number, terms: CallTerms): number | undefined => {
    const slowedMs = slowed.readyMs(now, terms.rank);
    // Nothing is put aside for who could not take it.
    if (slowedMs > now) return slowedMs;
    if (!terms.isReserved) {
      if (inFlight.count >= inFlight.limit) return undefined;
      // What others in the process take is given back without a word.
      if (pool !== undefined && !pool.fits(terms.cost))
        return pool.tooSmall(terms.cost) === undefined ? now + LOOK_AGAIN_MS : Number.POSITIVE_INFINITY;
    }
    return Math.max(pausedUntilMs(now, terms), lanes.readyMs(now, terms));
  };

  /** When it could leave, with those before it; `hope`: how much faster than now that may go. */
  const estimateMs = (now: number, call: Call, hope = 1, before = line.before(call.rank, call.requester)): number => {
    const { terms } = call;
    const ahead = terms.isReserved || terms.isAgain === true ? 0 : before;
    const ready = Math.max(
      pausedUntilMs(now, terms),
      lanes.estimateMs(now, terms, Math.max(0, ahead - slowed.letBy(now, terms.rank)), waitingOf, hope),
      pool?.tooSmall(terms.cost) === undefined ? now : Number.POSITIVE_INFINITY,
      slowed.estimateMs(now, terms.rank, ahead, hope),
    );
    return isCapped(call) && !line.has(call) ? Math.max(ready, operations.estimateMs(now, call, whole(now))) : ready;
  };

  const isTooLarge = (now: number, terms: CallTerms): PaceError =>
    tooLarge(lanes.expected(terms), lanes.tooSmall(now, terms) ?? pool?.tooSmall(terms.cost));

  /** It waits no longer. */
  const takeOut = (call: Call): void => {
    call.forgetDeadline?.();
    want(call.wants, -1);
    line.remove(call);
    if (isCapped(call) && !operations.remove(call)) operations.ended(clock.now(), call, false);
  };

  const isWaiting = (call: Call): boolean => line.has(call) || (isCapped(call) && operations.has(call));

  const leave = (now: number, call: Call): void => {
    const { terms, waiter, forgetDeadline } = call;
    forgetDeadline?.();
    want(call.wants, -1);
    // An open one turns half open by time alone; the call that is to see makes it known.
    look(now);
    const taken = lanes.take(now, terms);
    const giveBack = pool?.hold(terms.cost);
    // In a pause that a guess began it says nothing of the rate.
    const isUrgent = terms.isUrgent === true;
    const isAhead = isUrgent && now < ownPauseMs;
    if (isAhead || (isUrgent && scout.isCareful(now))) scout.left(now, lanes.perSecond(now));
    inFlight.left();
    breaker.left(now);
    slowed.left(now, terms.rank);
    let isSettled = false;
    waiter.leave({
      sentMs: now,
      settle: (outcome) => {
        if (isSettled) return;
        isSettled = true;
        slowed.ended(terms.rank);
        const later = clock.now();
        const pauseMs = taken.settle(later, outcome, isAhead);
        // How long the service wants it is known better than guessed; zero says nothing.
        if (outcome.kind === "refused") {
          ownPauseMs = Math.max(ownPauseMs, later + Math.min(pauseMs, outcome.waitMs || pauseMs));
          scout.refused(later, lanes.perSecond(later));
        }
        learn(later, now, outcome);
        if (isCapped(call)) operations.ended(later, call, outcome.kind !== "withdrawn");
        look(later);
        giveBack?.();
        pump();
      },
      used: (used) => taken.correct(clock.now(), used),
    });
  };

  /** What service and breaker say of how it ended. */
  const learn = (now: number, sentMs: number, outcome: Outcome): void => {
    if (outcome.kind === "withdrawn") {
      inFlight.ended();
      breaker.abandoned(sentMs);
      return;
    }
    if (outcome.kind === "answered") {
      inFlight.answered(now, sentMs);
      breaker.answered(sentMs);
      return;
    }
    if (outcome.kind === "overloaded") inFlight.overloaded(now, sentMs);
    else inFlight.ended();
    breaker.refused(now, sentMs, outcome.waitMs);
    if (outcome.waitMs !== undefined && now + outcome.waitMs > askedPauseMs) {
      askedPauseMs = now + outcome.waitMs;
      holding?.asked(askedPauseMs);
      turnAwayLate(now, askedPauseMs);
    }
  };

  /** Who cannot leave before his deadline is told so now, not then. */
  const turnAwayLate = (now: number, untilMs: number): void => {
    for (const call of [...line.items(), ...operations.items()]) {
      if (call.terms.deadlineMs >= untilMs) continue;
      takeOut(call);
      call.waiter.refuse(tooLate(now, call.terms.deadlineMs, untilMs));
    }
  };

  const pump = (): void => {
    isAsked = true;
    // Who leaves may come back before it has left, or bring others along.
    if (isPumping) return;
    isPumping = true;
    try {
      while (isAsked) {
        isAsked = false;
        letOut();
      }
    } finally {
      isPumping = false;
    }
  };

  const letOut = (): void => {
    const nextMs = releaseCapped();
    if (nextMs !== undefined) alarm.by(Math.min(nextMs, clock.now() + LOOK_AGAIN_MS));
    for (;;) {
      const now = clock.now();
      const first = slowed.first(now);
      if (first === undefined) return;
      const ready = readyMs(now, first.terms);
      // Who looks at what is shared may hear of a pause, which turns others away, and him too.
      if (!line.has(first)) continue;
      if (ready === undefined || (ready > now && ready !== Number.POSITIVE_INFINITY)) {
        const reserved = reservedBeside(first.rank);
        const next = reserved.find((call) => (readyMs(now, call.terms) ?? Number.POSITIVE_INFINITY) <= now && line.has(call));
        if (next !== undefined) {
          line.take(next.rank);
          leave(now, next);
          continue;
        }
        lookAtWaiting(now);
        if (ready !== undefined || reserved.length > 0)
          alarm.by(Math.min(ready ?? now + LOOK_AGAIN_MS, now + LOOK_AGAIN_MS, slowed.nextMs(now)));
        else if (inFlight.count >= inFlight.limit) alarm.by(inFlight.awaited(now));
        return;
      }
      if (ready > now) {
        takeOut(first);
        first.waiter.refuse(isTooLarge(now, first.terms));
        // Others of its operation may go on.
        isAsked = true;
        continue;
      }
      line.take(first.rank);
      leave(now, first);
    }
  };

  /** Who was let in while more was possible, and cannot leave in time any more, is told so. */
  const lookAtWaiting = (now: number): void => {
    if (now < lookedMs + Math.max(LOOK_AT_WAITING_MS, line.size)) return;
    lookedMs = now;
    for (const call of hopelessOf(line.items(), (one, ahead) => estimateMs(now, one, HOPE_OF_WAITING, ahead))) {
      // Who looks at what is shared may hear of a pause, which turns others away.
      if (!line.has(call)) continue;
      takeOut(call);
      isAsked = true;
      const leavesMs = estimateMs(now, call);
      call.waiter.refuse(
        now < call.terms.deadlineMs
          ? tooLate(now, call.terms.deadlineMs, leavesMs, lanes.spent(now, call.terms))
          : itsDeadline(leavesMs - now),
      );
    }
  };

  /** What holds others does not hold reserved classes, wherever they stand among the classes. */
  const reservedBeside = (rank: number): readonly Call[] => {
    const reserved: Call[] = [];
    for (let beside = 0; beside < settings.ranks; beside++) {
      const call = beside === rank ? undefined : line.firstOf(beside);
      if (call?.terms.isReserved === true) reserved.push(call);
    }
    return reserved;
  };

  const releaseCapped = (): number | undefined => {
    if (operations.waiting === 0) return undefined;
    const now = clock.now();
    return operations.release(now, whole(now), (call) => line.add(call));
  };

  const refusal = (now: number, call: Call): PaceError | undefined => {
    if (isClosed) return wasClosed();
    const { rank, isReserved } = call.terms;
    // Whoever floods a later class keeps nobody out of an earlier one, nor what is reserved.
    const waiting = isReserved ? 0 : line.upTo(rank) + operations.upTo(rank);
    if (waiting >= settings.mostWaiting) return queueFull(waiting);
    const leaves = estimateMs(now, call);
    if (leaves === Number.POSITIVE_INFINITY) return isTooLarge(now, call.terms);
    const { deadlineMs } = call.terms;
    // Who is let in and comes too late costs nobody anything; who is turned away by a wrong guess has lost his call.
    return leaves <= deadlineMs || estimateMs(now, call, HOPE) <= deadlineMs
      ? undefined
      : tooLate(now, deadlineMs, leaves, lanes.spent(now, call.terms));
  };

  const forgetFree = pool?.whenFree(
    () => pump(),
    () => line.first()?.rank,
  );

  return {
    enter: (terms, waiter) => {
      const now = clock.now();
      const { rank, requester, deadlineMs, cost, operation } = terms;
      const wants = lanes.expected(terms);
      const bare: Call = { rank, requester, deadlineMs, weight: lanes.weight(wants), terms, wants, waiter, forgetDeadline: undefined };
      const call: Call | Capped = operation === undefined ? bare : { ...bare, operation, cost };
      const error = refusal(now, call);
      if (error !== undefined) {
        waiter.refuse(error);
        return () => undefined;
      }
      if (isCapped(call)) operations.add(call);
      else line.add(call);
      want(wants, 1);
      pump();
      if (deadlineMs !== Number.POSITIVE_INFINITY && isWaiting(call))
        call.forgetDeadline = clock.wake(deadlineMs, () => {
          takeOut(call);
          waiter.refuse(itsDeadline(estimateMs(clock.now(), call) - clock.now()));
          pump();
        });
      return () => {
        if (!isWaiting(call)) return;
        takeOut(call);
        pump();
      };
    },
    state: () => {
      const now = clock.now();
      return {
        waiting: line.size + operations.waiting,
        underWay: inFlight.count,
        mostUnderWay: inFlight.limit,
        perSecond: lanes.perSecond(now),
        breaker: breaker.state(now),
        pausedMs: Math.max(0, ownPauseMs - now, askedPauseMs - now),
        accounts: lanes.all.map(({ account }) => account),
      };
    },
    get accounts() {
      return lanes.all.map(({ account }) => account);
    },
    gauges: (partition) => lanes.gauges(clock.now(), partition, waitingOf),
    waiting: waitingOf,
    close: () => {
      isClosed = true;
      alarm.forget();
      forgetFree?.();
      holding?.close();
      for (const call of [...line.items(), ...operations.items()]) {
        takeOut(call);
        call.waiter.refuse(wasClosed());
      }
    },
  };
}

function isCapped(call: Call): call is Capped {
  return "operation" in call;
}

/**
 * What one gate holds of quotas that it shares, and how it comes to hold it.
 *
 * It reports when somebody begins to wait, when it was refused, and again and again while there is work; it takes up answers that are newer than the one in force.
 * States: *without*, until the first answer, and when the lease of the last one is over: nothing of a rate is held; *holding*; *cut off*, when no answer came for
 * as long as a lease: its gate is told so, and what was escrowed of pools is still there.
 * Invariant: what is in force ends by this clock no later than the ledger counts it, for a lease runs from when its report left.
 */
import { afterAwaiting, afterRefusal, measuredSpanMs, type OpaqueLaw } from "../control/opaque-law.ts";
import { createRecent, type Recent } from "../control/recent.ts";
import { createAlarm } from "../host/alarm.ts";
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import type { Cost, Unit } from "../quota/reading.ts";
import { createPurse, type Purse, type PurseTerms } from "./purse.ts";
import type { Grant, PartGrant, Report } from "./report.ts";
import { LEASE_MS, type RightsStore } from "./rights-store.ts";

export interface HoldingSettings {
  readonly partition: string;
  /** Of this process, from its start to its end; nobody else has the same. */
  readonly holder: string;
  /** Who has twice the weight gets twice as much where there is not enough. */
  readonly weight: number;
}

/** What a holding sees of its gate. */
export interface HoldingGate {
  /** Whether anything waits or is under way. */
  isBusy(): boolean;
  /** Units of which more is wanted than the pace lets leave. */
  hungry(): readonly Unit[];
  /** Units per second that all together may spend; nothing where it is not known. */
  whole(nowMs: number, unit: Unit): number | undefined;
  /** By unit: what of the whole is to be spent, as far as levels told since this was asked last. */
  spendable(): ReadonlyMap<string, number>;
  /** Nothing while the breaker is closed. */
  breakerUntilMs(nowMs: number): number | undefined;
  /** More may leave, or less. */
  changed(): void;
}

export interface Holding {
  /** Of the whole rate; 0 where nothing is held. */
  part(nowMs: number, unit: Unit): number;
  /** As soon as others gave back. */
  due(unit: Unit): number;
  /** No answer came for so long that nothing is held, nor will be soon. */
  isCutOff(nowMs: number): boolean;
  /** In this clock's time, of all together; nothing before the first answer. */
  readonly law: OpaqueLaw | undefined;
  spendable(quota: string): number | undefined;
  /** Nobody leaves before: the service asked for it, or another looks first. */
  readonly pausedUntilMs: number;
  /** Of that, what the service asked of one of them, as far as it was heard. */
  readonly askedUntilMs: number;
  /** Calls a second that were let in, of this holder. */
  usedPerSecond(nowMs: number): number;
  /** An account of a quota that all have together. */
  purse(terms: PurseTerms): Purse;
  /** A call is about to leave, or to wait: what all should know is heard before. */
  look(nowMs: number): void;
  /** A call waits for what is held; `isForRate`: for nothing but the rate of a silent service. */
  waits(nowMs: number, isForRate: boolean): void;
  left(nowMs: number, cost: Cost): void;
  accepted(nowMs: number, sentMs: number, units: number): void;
  refused(nowMs: number, sentMs: number): void;
  asked(untilMs: number): void;
  /** What is held is given back. */
  close(): void;
}

export interface HoldingPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly store: RightsStore;
}

/** While there is work. What it brings to do so more often: decision 22. */
const RENEW_MS = 500;
/** Nothing is said more often, whatever happens. */
const LEAST_GAP_MS = 20;
/** Who waits for what others are to give back asks so often. */
const IMPATIENT_MS = 100;
/** What left in the last so long, and half of it more, is what is wanted of a rate where nobody waits. */
const USED_MS = 2000;
const ROOM = 1.5;
/** What is told to people as used is used over so long. */
const TOLD_MS = 60_000;
/** As long as a window lasts, clocks may go apart by so much of it. */
const DRIFT = 0.01;

export function createHolding(
  { partition, holder, weight }: HoldingSettings,
  gate: HoldingGate,
  { clock, random, store }: HoldingPorts,
): Holding {
  const purses = new Map<string, Purse>();
  const recents = new Map<Unit, Recent>([["requests", createRecent()]]);
  const letIn = createRecent();
  let nth = 0;
  let applied = 0;
  let sentMs = Number.NEGATIVE_INFINITY;
  /** Of the first report that was not answered. */
  let silentMs: number | undefined;
  let heldUntilMs = Number.NEGATIVE_INFINITY;
  let parts: ReadonlyMap<string, PartGrant> = new Map();
  /** What the ledger's clock is before this one. */
  let aheadMs = 0;
  let law: OpaqueLaw | undefined;
  let spendable: ReadonlyMap<string, number> = new Map();
  let pausedUntilMs = Number.NEGATIVE_INFINITY;
  let askedUntilMs = Number.NEGATIVE_INFINITY;
  /** What happened since the last report that was answered. */
  let news: { readonly answeredSentMs?: number; readonly refusedSentMs?: number; readonly askedUntilMs?: number } = {};
  let saidNews = news;
  let saidDemands: ReadonlyMap<string, number> = new Map();
  let saidApplied = 0;
  /** Since which answer nothing of pools is held. */
  let emptyNth: number | undefined;
  /** The ledger knows that nothing of pools is held: what it may still be counted for would be gone with this holder's last word. */
  let isGivenBack = true;
  const alarm = createAlarm(clock, () => send());
  const wakeBy = (atMs: number): void => {
    if (!isClosed) alarm.by(atMs);
  };
  let turn = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let isAwaiting = false;
  let isReporting = false;
  let isClosed = false;

  const part = (now: number, unit: Unit): number => (now < heldUntilMs ? (parts.get(unit)?.part ?? 0) : 0);

  const demandOf = (now: number, unit: Unit, hungry: readonly Unit[]): number => {
    if (hungry.includes(unit)) return 1;
    const perSecond = (recents.get(unit)?.rate(now, USED_MS) ?? 0) * ROOM;
    return perSecond === 0 ? 0 : Math.min(1, perSecond / (gate.whole(now, unit) ?? perSecond));
  };

  const report = (now: number, leaves: boolean): Report => {
    const hungry = gate.hungry();
    const breakerUntilMs = gate.breakerUntilMs(now);
    saidDemands = new Map([...new Set([...recents.keys(), ...hungry])].map((unit) => [unit, demandOf(now, unit, hungry)]));
    saidNews = news;
    saidApplied = applied;
    const { answeredSentMs, refusedSentMs, askedUntilMs } = news;
    return {
      holder,
      nth: ++nth,
      applied,
      weight,
      demands: saidDemands,
      units: new Map([...purses].map(([key, purse]) => [key, purse.report(now)])),
      accepted: letIn.rate(now, law === undefined ? USED_MS : measuredSpanMs(law)),
      isAwaiting,
      draw: random(),
      spendable: gate.spendable(),
      leaves,
      ...(answeredSentMs === undefined ? {} : { answeredSentMs: answeredSentMs + aheadMs }),
      ...(refusedSentMs === undefined ? {} : { refusedSentMs: refusedSentMs + aheadMs }),
      ...(askedUntilMs === undefined ? {} : { askedUntilMs: askedUntilMs + aheadMs }),
      ...(breakerUntilMs === undefined ? {} : { breakerUntilMs: breakerUntilMs + aheadMs }),
    };
  };

  const send = (leaves = false): void => {
    // What an answer sets free may have something to say of its own before this report has ended.
    if (isReporting || isClosed) return;
    const now = clock.now();
    sentMs = now;
    silentMs ??= now;
    isReporting = true;
    let atOnce: Grant | undefined;
    try {
      store.exchange(partition, report(now, leaves), (grant) => {
        if (isReporting) atOnce = grant;
        else takeUp(grant, now);
      });
    } finally {
      isReporting = false;
    }
    isAwaiting = false;
    if (leaves) return;
    if (atOnce !== undefined) takeUp(atOnce, now);
    goOn();
  };

  const takeUp = (grant: Grant, leftMs: number): void => {
    if (isClosed || grant.nth <= applied) return;
    const now = clock.now();
    const isLess = [...grant.parts].some(([unit, { part: next }]) => next < part(now, unit as Unit));
    applied = grant.nth;
    if (grant.nth === nth) {
      silentMs = undefined;
      if (news === saidNews) news = {};
    } else silentMs = now;
    aheadMs = grant.madeMs - (leftMs + now) / 2;
    heldUntilMs = leftMs + grant.leaseMs;
    parts = grant.parts;
    const { known } = grant;
    const ownMs = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms - aheadMs);
    law = {
      ...known.law,
      sinceMs: known.law.sinceMs - aheadMs,
      awaitedMs: ownMs(known.law.awaitedMs),
      pauseBeganMs: ownMs(known.law.pauseBeganMs),
    };
    spendable = known.spendable;
    askedUntilMs = known.askedUntilMs - aheadMs;
    pausedUntilMs = Math.max(askedUntilMs, ownMs(known.breakerUntilMs) ?? Number.NEGATIVE_INFINITY);
    for (const [key, one] of grant.units) {
      const leftOfWindowMs = one.endsMs === undefined ? undefined : one.endsMs - grant.madeMs;
      if (leftOfWindowMs === undefined) purses.get(key)?.granted(now, one, undefined);
      else purses.get(key)?.granted(now, one, leftMs + leftOfWindowMs * (1 - DRIFT), leftMs + leftOfWindowMs);
    }
    giveBack(now);
    gate.changed();
    // Others are given it only when they know that it is not used any more.
    if (isLess && !store.isAtomic) wakeBy(now + LEAST_GAP_MS);
  };

  /** Of an answer that gives nothing it has to be told that it is in force: until then those before it count, which may have given more. */
  const giveBack = (now: number): void => {
    if (store.isAtomic || purses.size === 0) return;
    const isHeld = [...purses.values()].some((purse) => purse.held(now) > 0);
    emptyNth = isHeld ? undefined : (emptyNth ?? applied);
    if (isHeld || applied === nth) isGivenBack = emptyNth !== undefined && saidApplied >= emptyNth;
    if (!isGivenBack) wakeBy(sentMs + RENEW_MS);
  };

  /** While there is work, or others are to be told that there is none any more. */
  const goOn = (): void => {
    const isWanted = [...saidDemands.values()].some((one) => one > 0);
    if (gate.isBusy() || isWanted || !isGivenBack) wakeBy(sentMs + RENEW_MS);
  };

  const isStarved = (now: number): boolean =>
    gate.hungry().some((unit) => {
      const one = parts.get(unit);
      return now >= heldUntilMs || one === undefined || one.part < one.due * 0.98;
    });

  const soon = (now: number): void => {
    if (now >= sentMs + LEAST_GAP_MS) send();
    else wakeBy(sentMs + LEAST_GAP_MS);
  };

  const look = (now: number): void => {
    if (isClosed || now < lookedMs + LEAST_GAP_MS) return;
    lookedMs = now;
    const latest = store.turn(partition);
    if (latest === turn) return;
    turn = latest;
    send();
  };

  return {
    part,
    due: (unit) => parts.get(unit)?.due ?? 1,
    isCutOff: (now) => silentMs !== undefined && now >= silentMs + LEASE_MS && now >= heldUntilMs,
    get law() {
      return law;
    },
    spendable: (unit) => spendable.get(unit),
    get pausedUntilMs() {
      // Who asks is about to leave: what others were told meanwhile is heard before.
      look(clock.now());
      return pausedUntilMs;
    },
    get askedUntilMs() {
      return askedUntilMs;
    },
    usedPerSecond: (now) => letIn.rate(now, TOLD_MS),
    purse: (terms) => {
      const like = `${terms.unit} ${terms.name} ${terms.windowMs} ${terms.shape}`;
      // Those that are alike are told apart by their order, and not by their limits: of processes with different ones the least is to hold.
      let key = like;
      for (let nth = 2; purses.has(key); nth++) key = `${like} ${nth}`;
      const purse = createPurse(clock.now(), terms, soon);
      purses.set(key, purse);
      return purse;
    },
    look,
    waits: (now, isForRate) => {
      if (isForRate) {
        isAwaiting = true;
        if (law !== undefined) law = afterAwaiting(law, now);
      }
      const isNew = gate.hungry().some((unit) => (saidDemands.get(unit) ?? 0) < 1);
      if (isNew) soon(now);
      else wakeBy(sentMs + (isStarved(now) ? IMPATIENT_MS : RENEW_MS));
    },
    left: (now, cost) => {
      for (const [unit, units] of Object.entries(cost) as [Unit, number][]) {
        let recent = recents.get(unit);
        if (recent === undefined) {
          recent = createRecent();
          recents.set(unit, recent);
        }
        recent.add(now, units);
      }
      wakeBy(sentMs + RENEW_MS);
    },
    accepted: (now, sent, units) => {
      letIn.add(now, units);
      news = { ...news, answeredSentMs: sent };
    },
    refused: (now, sent) => {
      if (law !== undefined && sent <= (law.pauseBeganMs ?? Number.NEGATIVE_INFINITY)) return;
      news = { ...news, refusedSentMs: sent };
      const before = law;
      send();
      if (law === undefined || law !== before) return;
      // Until the ledger answers: what all together were let in is what this one was, for its part.
      const own = part(now, "requests");
      law = afterRefusal(law, now, sent, own === 0 ? 0 : letIn.rate(now, measuredSpanMs(law)) / own, random);
    },
    asked: (untilMs) => {
      news = { ...news, askedUntilMs: Math.max(untilMs, news.askedUntilMs ?? untilMs) };
      soon(clock.now());
    },
    close: () => {
      if (isClosed) return;
      if (applied > 0) send(true);
      isClosed = true;
      alarm.forget();
    },
  };
}

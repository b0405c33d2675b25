/**
 * What waits for another relay, as lists of positions: one that may travel, one that rests, one for each lane that is parked, and the numbers of the
 * link. Nothing is remembered that can be counted.
 */

import type { ForwardRefusal } from "../../packages/perdure/src/protocol/delivery/forward-queue.ts";
import { FIXED } from "../../packages/perdure/src/settings/fixed.ts";

export interface ReferenceSettings {
  readonly windowFrames: number;
  readonly windowBytes: number;
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  readonly pauseLongestMs: number;
}

/** A message; it is changed when it comes to its end here. */
export interface Waiting {
  readonly position: number;
  readonly lane: string;
  readonly bytes: number;
  ended: boolean;
}

export interface Next {
  readonly position: number;
  readonly linkSeq: number | undefined;
}

interface Parked {
  readonly members: number[];
  untilMs: number;
  refusals: number;
  probe: number | undefined;
}

/** Lanes tried at once, and how many of those are left when others are begun with. */
const MOST_PROBES = 64;
const FEW_PROBES = 32;
const ABOUT_THE_MESSAGE = ["malformed", "too-large", "expired", "expiry-out-of-range", "refused"];

export function createForwardReference(settings: ReferenceSettings) {
  const messages = new Map<number, Waiting>();
  const lanes = new Map<string, Parked>();
  let numbers = new Map<number, { readonly position: number; refused: boolean }>();
  /** Of this link: sent again under a second number before the first was settled, and then both had to be filled. */
  const doubled = new Set<number>();
  let queue: number[] = [];
  let resting: number[] = [];
  let restUntilMs = Number.NEGATIVE_INFINITY;
  let again: Next[] = [];
  let [given, acknowledged, frames, bytes] = [0, 0, settings.windowFrames, settings.windowBytes];

  const of = (position: number): Waiting => messages.get(position) as Waiting;
  const keysOf = (position: number): readonly string[] => [of(position).lane, `alone ${position}`];
  const probing = (): number => [...lanes.values()].filter(({ probe }) => probe !== undefined).length;
  const laneProbedBy = (position: number): string | undefined => keysOf(position).find((key) => lanes.get(key)?.probe === position);
  const sizeOf = (positions: readonly number[]): number => positions.reduce((sum, position) => sum + of(position).bytes, 0);
  const flying = (upTo = given): readonly number[] =>
    [...numbers]
      .filter(([linkSeq, { refused }]) => linkSeq > acknowledged && linkSeq <= upTo && !refused)
      .map(([, { position }]) => position);
  const hasRoom = (size: number): boolean => {
    if (given - acknowledged >= frames) return false;
    let [some, inFlight] = [false, 0];
    for (const [linkSeq, { position, refused }] of numbers) {
      if (refused || linkSeq <= acknowledged) continue;
      some = true;
      inFlight += of(position).bytes;
    }
    return !some || inFlight + size <= bytes;
  };
  const withoutEnded = (positions: readonly number[]): readonly number[] => positions.filter((position) => !of(position).ended);

  const join = (lane: Parked, position: number): void => {
    lane.members.push(position);
    lane.members.sort((a, b) => a - b);
  };

  /** Doubled up to the steady pause, then longer by a quarter. */
  const pauseMs = (refusals: number): number => {
    let pause = settings.pauseMinMs;
    for (let count = 1; count < refusals; count++)
      pause = pause < settings.pauseMaxMs ? Math.min(2 * pause, settings.pauseMaxMs) : pause * 1.25;
    return Math.min(pause, settings.pauseLongestMs);
  };

  const tryDue = (nowMs: number): void => {
    if (probing() > FEW_PROBES) return;
    const first: number[] = [];
    for (const [key, lane] of lanes) {
      if (lane.probe !== undefined || lane.untilMs > nowMs || probing() >= MOST_PROBES) continue;
      const [probe] = withoutEnded(lane.members);
      // That one that ended stands behind it is noticed when it is its turn.
      lane.members.splice(0, probe === undefined ? lane.members.length : lane.members.indexOf(probe) + 1);
      if (probe === undefined) lanes.delete(key);
      else {
        lane.probe = probe;
        first.push(probe);
      }
    }
    queue = [...first, ...queue];
  };

  const park = (position: number, refusal: ForwardRefusal, nowMs: number, chance: number): void => {
    const isForGood = refusal.retry === "never";
    const isAlone = isForGood || ABOUT_THE_MESSAGE.includes(refusal.code);
    const triedFor = laneProbedBy(position);
    const key = isAlone ? `alone ${position}` : of(position).lane;
    if (triedFor !== undefined) leave(triedFor, key);
    const known = lanes.get(key);
    const lane = known ?? { members: [], untilMs: 0, refusals: 0, probe: undefined };
    lanes.set(key, lane);
    join(lane, position);
    if (known !== undefined && triedFor !== key) return;
    lane.refusals++;
    const askedMs = isForGood ? settings.pauseMaxMs : Math.min(refusal.afterMs, FIXED.askedPauseMs.value);
    lane.untilMs = nowMs + Math.max(askedMs, pauseMs(lane.refusals)) * (1 + chance / 2);
  };

  /** Nothing of that lane is tried any more; what nobody waits in is no lane, unless it is the one `except`. */
  const leave = (key: string, except?: string): void => {
    const lane = lanes.get(key);
    if (lane === undefined) return;
    lane.probe = undefined;
    if (lane.members.length === 0 && key !== except) lanes.delete(key);
  };

  const taken = (position: number): number => {
    const key = laneProbedBy(position);
    const lane = key === undefined ? undefined : lanes.get(key);
    if (key === undefined || lane === undefined) return position;
    lanes.delete(key);
    queue = [...withoutEnded(lane.members), ...queue];
    return position;
  };

  const acknowledge = (upTo: number): readonly number[] => {
    const landed = flying(upTo);
    acknowledged = Math.max(acknowledged, upTo);
    for (const linkSeq of numbers.keys()) if (linkSeq <= acknowledged) numbers.delete(linkSeq);
    again = again.filter(({ linkSeq }) => (linkSeq ?? 0) > acknowledged);
    return landed.map(taken);
  };

  const refuse = (linkSeq: number): number | undefined => {
    const each = linkSeq > acknowledged ? numbers.get(linkSeq) : undefined;
    if (each === undefined || each.refused) return undefined;
    each.refused = true;
    return each.position;
  };

  /** It is in flight: it waits nowhere. */
  const takeOut = (position: number): void => {
    queue = queue.filter((each) => each !== position);
    resting = resting.filter((each) => each !== position);
    for (const key of keysOf(position)) {
      const lane = lanes.get(key);
      if (lane === undefined) continue;
      const at = lane.members.indexOf(position);
      if (at >= 0) lane.members.splice(at, 1);
      if (lane.members.length === 0 && lane.probe === undefined) lanes.delete(key);
    }
  };

  return {
    get waiting() {
      return queue.length + resting.length;
    },
    get waitingBytes() {
      return sizeOf(queue);
    },
    get inFlight() {
      return flying().length;
    },
    /** One message is under way under two numbers: how many are in flight depends on how one counts. */
    get isTwiceUnderWay() {
      return doubled.size > 0 && [...numbers].some(([linkSeq, { position }]) => linkSeq > acknowledged && doubled.has(position));
    },
    get parkedLanes() {
      return lanes.size;
    },
    get acknowledged() {
      return acknowledged;
    },
    get given() {
      return given;
    },
    /** When something that is parked or rests may be tried. */
    dueAtMs(): number {
      if (Number.isFinite(restUntilMs)) return restUntilMs;
      if (probing() > FEW_PROBES) return Number.POSITIVE_INFINITY;
      return Math.min(...[...lanes.values()].filter(({ probe }) => probe === undefined).map(({ untilMs }) => untilMs));
    },
    add(message: Waiting): void {
      messages.set(message.position, message);
      queue.push(message.position);
    },
    next(nowMs: number): Next | undefined {
      const first = again.shift();
      if (first !== undefined) return first;
      if (restUntilMs > nowMs) return undefined;
      restUntilMs = Number.NEGATIVE_INFINITY;
      queue = [...resting.sort((a, b) => a - b), ...queue];
      resting = [];
      tryDue(nowMs);
      for (let [position] = queue; position !== undefined; [position] = queue) {
        const lane = laneProbedBy(position) === undefined ? lanes.get(of(position).lane) : undefined;
        if (lane === undefined && !hasRoom(of(position).bytes)) return undefined;
        queue.shift();
        if (lane === undefined) return { position, linkSeq: undefined };
        join(lane, position);
      }
      return undefined;
    },
    send(position: number): number {
      numbers.set(++given, { position, refused: false });
      return given;
    },
    giveBack(position: number): void {
      queue.unshift(position);
    },
    drop(position: number): void {
      const key = laneProbedBy(position);
      if (key !== undefined) leave(key);
    },
    acked: (upTo: number): readonly number[] | undefined => (upTo > given ? undefined : acknowledge(upTo)),
    refused(linkSeq: number, refusal: ForwardRefusal, nowMs: number, chance: number): number | undefined {
      const position = refuse(linkSeq);
      if (position === undefined) return undefined;
      const isOfTheLink = refusal.code === "rate-limited" && refusal.limit?.name.startsWith("peer") === true;
      if (isOfTheLink && laneProbedBy(position) === undefined) {
        resting.push(position);
        const askedMs = Math.min(Math.max(refusal.afterMs, settings.pauseMinMs), FIXED.askedPauseMs.value);
        restUntilMs = Math.max(restUntilMs, nowMs + askedMs);
      } else park(position, refusal, nowMs, chance);
      return position;
    },
    resume(linkUpTo: number, linkRefused: readonly number[], nowMs: number): { readonly done: readonly number[]; readonly whole: boolean } {
      if (linkUpTo > given || linkUpTo < acknowledged) return { done: [], whole: false };
      for (const linkSeq of linkRefused) {
        const position = linkSeq > linkUpTo ? undefined : refuse(linkSeq);
        if (position !== undefined) park(position, { code: "too-busy", retry: "after", afterMs: 0 }, nowMs, 0);
      }
      const done = acknowledge(linkUpTo);
      again = [];
      for (const [linkSeq, each] of numbers) {
        if (linkSeq <= linkUpTo) continue;
        each.refused = false;
        takeOut(each.position);
        if (again.some(({ position }) => position === each.position)) doubled.add(each.position);
        again.push({ linkSeq, position: each.position });
      }
      return { done, whole: again.every(({ position }) => !of(position).ended) };
    },
    allow(windowFrames: number, windowBytes: number): void {
      frames = Math.max(1, Math.min(windowFrames, settings.windowFrames));
      bytes = Math.max(1, Math.min(windowBytes, settings.windowBytes));
    },
    renew(): void {
      queue = [...[...new Set(flying())].sort((a, b) => a - b), ...queue];
      numbers = new Map();
      [given, acknowledged, frames, bytes] = [0, 0, settings.windowFrames, settings.windowBytes];
      again = [];
      doubled.clear();
    },
  };
}

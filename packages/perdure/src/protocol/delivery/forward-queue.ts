/**
 * Mail on its way to another relay: which positions of that relay's mailbox here travel when, and under which link sequence number.
 *
 * States of a position: waiting -> in hand (its envelope is being read) -> in flight (numbered, sent) -> done (the other relay
 * has it durably), or in flight -> parked (refused for the time being) -> in hand …; forgotten when it ended here meanwhile.
 * Inputs: `add`, `next` and what became of what it gave (`send`, `giveBack`, `drop`), `acked`, `refused`, `resume`, `renew`.
 *
 * Invariants:
 * - A position is in one state. It is done only after an acknowledgement covered its number and no refusal did.
 * - Numbers of a link are given without a gap. One number names one envelope; after a break it is sent again under the same.
 * - A lane is all mail of one sender to one recipient. A refusal parks its lane and no other: a full or blocking recipient
 *   delays nobody else, and an unwelcome sender not the others who write to the same recipient.
 * - Of a parked lane one message is tried when its pause is over; the rest follows once that one was taken. Pauses grow. Of all
 *   parked lanes at most MAX_PROBES are tried at once.
 * - What is wrong with one message parks that message alone.
 * - Where the other relay says that all of the link comes too fast, all of it rests, and goes on in its order.
 * - Nothing is sent twice while a link lives, except what its new session says is missing.
 */
import { FIXED } from "../../settings/fixed.ts";
import type { Bytes } from "../../wire/bytes.ts";
import type { LimitHit, Retry } from "../../wire/error.ts";
import { createLinkWindow, type LinkItem, type LinkWindow } from "./link-window.ts";
import { refusalPauseMs } from "./refusal-pause.ts";

/** What is known of a message without its envelope. */
export interface ForwardFacts {
  /** 16 bytes. */
  readonly digest: Bytes;
  /** Bytes of the envelope. */
  readonly bytes: number;
  /** Who wrote it, 32 bytes. */
  readonly from: Bytes;
}

export interface ForwardItem extends ForwardFacts, LinkItem {
  readonly position: number;
  readonly lane: string;
  /** While it waits and is at hand; else it is read when its turn comes. */
  envelope?: Bytes | undefined;
  /** It was sent, and is neither acknowledged nor refused; for the queue to say. */
  flying?: boolean | undefined;
}

export interface ForwardRefusal {
  readonly code: string;
  readonly retry: Retry;
  readonly afterMs: number;
  /** The limit that was hit: one of the whole link, or of a recipient. */
  readonly limit?: LimitHit | undefined;
}

export interface ForwardQueueOptions {
  readonly windowFrames: number;
  readonly windowBytes: number;
  /** First pause after a refusal that names none, and the one to which pauses double. */
  readonly pauseMinMs: number;
  readonly pauseMaxMs: number;
  /** Pauses of what is refused again and again grow to this. */
  readonly pauseLongestMs: number;
  /** What waits here under that position; `undefined` once it came to its end. */
  readonly recall: (position: number) => ForwardFacts | undefined;
}

export interface ForwardQueue {
  /** Messages that could travel if the window had room. */
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly inFlight: number;
  /** Lanes in which something waits for a pause to end. */
  readonly parkedLanes: number;
  /** The highest number that is acknowledged: nothing is sent under it, or below, any more. */
  readonly acknowledged: number;
  /** The highest position added; what the mailbox hands out next comes after it. */
  readonly addedUpTo: number;
  add(item: ForwardItem): void;
  /** What to read and send next; a number when it is sent again under it. Nothing when the window is full or all is parked. */
  next(nowMs: number): { readonly item: ForwardItem; readonly linkSeq: number | undefined } | undefined;
  /** The envelope of what `next` gave without a number is at hand: its number. */
  send(item: ForwardItem): number;
  /** It could not be sent now. */
  giveBack(item: ForwardItem): void;
  /** It is gone: nothing is left to be sent. */
  drop(item: ForwardItem): void;
  /** Positions that are done; `undefined` when a number was acknowledged that was never given. */
  acked(upTo: number): readonly number[] | undefined;
  /** What was refused; `undefined` when nothing in flight has that number. `chance` is drawn from 0 to 1. */
  refused(linkSeq: number, refusal: ForwardRefusal, nowMs: number, chance: number): ForwardItem | undefined;
  /**
   * A session of the link begins: positions that are done. Not `whole` when the other relay knows another history of the link, or
   * what it lacks is gone: then the link is at its end, see `renew`.
   */
  resume(linkUpTo: number, linkRefused: readonly number[], nowMs: number): { readonly done: readonly number[]; readonly whole: boolean };
  allow(windowFrames: number, windowBytes: number): void;
  /** A new link: what was in flight waits again. */
  renew(): void;
  /** When the next pause ends, of the clock that `nowMs` is of; `Infinity` when nothing is parked. */
  wakeAtMs(): number;
  /** What a statement about the numbers `first` to `last` is about, in order; `undefined` when one is not remembered. */
  covered(first: number, last: number): readonly ForwardItem[] | undefined;
  /** Forgets what was proven, `first` to `last`. */
  prove(first: number, last: number): void;
}

interface Lane {
  /** In order. */
  positions: number[];
  untilMs: number;
  attempts: number;
  /** The one that is tried. */
  probe: number | undefined;
}

/** Messages of parked lanes that are tried at once: however many lanes somebody makes, what can travel is not behind all of them. */
const MAX_PROBES = 64;
/** Ends of pauses closer together than this are dealt with together. */
const STEP_MS = 100;
/** Refusals that are about the message, whoever else writes to whom. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set(["malformed", "too-large", "expired", "expiry-out-of-range", "refused"]);

export function createForwardQueue(options: ForwardQueueOptions): ForwardQueue {
  const { recall, pauseMinMs, pauseMaxMs } = options;
  const pauses = { firstMs: pauseMinMs, steadyMs: pauseMaxMs, longestMs: options.pauseLongestMs };
  // bound: one per message that waits for this relay: routePercent
  const lanes = new Map<string, Lane>();
  const limits = { ...options, sealedOnce: true };
  let flights = 0;
  let window: LinkWindow<ForwardItem> = createLinkWindow(limits);
  // bound: what waits for this relay: routePercent
  let waiting: ForwardItem[] = [];
  let head = 0;
  let waitingBytes = 0;
  // bound: peerWindowFrames
  let resend: { readonly linkSeq: number; readonly item: ForwardItem }[] = [];
  let addedUpTo = 0;
  let wakeMs = Number.POSITIVE_INFINITY;
  let probing = 0;
  /** Sent too fast for the whole link: they go first when that rests no more. */
  // bound: peerWindowFrames
  let tooFast: ForwardItem[] = [];
  let restUntilMs = Number.NEGATIVE_INFINITY;

  /** False where it was before. */
  const takesOff = (item: ForwardItem): boolean => {
    if (item.flying === true) return false;
    item.flying = true;
    flights++;
    return true;
  };

  const comesDown = (item: ForwardItem): void => {
    if (item.flying === true) flights--;
    item.flying = false;
  };

  const endProbe = (lane: Lane): void => {
    if (lane.probe !== undefined) probing--;
    lane.probe = undefined;
  };

  const putFirst = (items: readonly ForwardItem[]): void => {
    const [only] = items;
    for (const { bytes } of items) waitingBytes += bytes;
    if (items.length === 1 && head > 0) waiting[--head] = only as ForwardItem;
    else if (items.length > 0) {
      waiting = [...items, ...waiting.slice(head)];
      head = 0;
    }
  };

  const shift = (item: ForwardItem): void => {
    head++;
    waitingBytes -= item.bytes;
    if (head < 1024 || head * 2 < waiting.length) return;
    waiting = waiting.slice(head);
    head = 0;
  };

  const keepInOrder = (lane: Lane, position: number): void => {
    let at = lane.positions.length;
    while (at > 0 && (lane.positions[at - 1] as number) > position) at--;
    lane.positions.splice(at, 0, position);
  };

  /** Of each lane whose pause is over one message is tried. */
  const tryDue = (nowMs: number): void => {
    if (wakeMs > nowMs || probing > MAX_PROBES / 2) return;
    wakeMs = Number.POSITIVE_INFINITY;
    const due: ForwardItem[] = [];
    for (const [key, lane] of lanes) {
      if (lane.probe !== undefined) continue;
      if (probing >= MAX_PROBES) {
        wakeMs = Math.min(wakeMs, lane.untilMs);
        continue;
      }
      const first = lane.untilMs <= nowMs ? firstOf(key, lane) : undefined;
      if (first === undefined) wakeMs = lanes.has(key) ? Math.min(wakeMs, lane.untilMs) : wakeMs;
      else {
        lane.probe = first.position;
        probing++;
        due.push(first);
      }
    }
    putFirst(due);
  };

  const firstOf = (key: string, lane: Lane): ForwardItem | undefined => {
    for (let position = lane.positions.shift(); position !== undefined; position = lane.positions.shift()) {
      const facts = recall(position);
      if (facts !== undefined) return { ...facts, position, lane: laneOf(key) };
    }
    lanes.delete(key);
    return undefined;
  };

  /** The lane, or the message alone, that `item` is tried for. */
  const probedBy = (item: ForwardItem): readonly [string, Lane] | undefined => {
    for (const key of [item.lane, aloneKey(item)]) {
      const lane = lanes.get(key);
      if (lane?.probe === item.position) return [key, lane];
    }
    return undefined;
  };

  /** What it was tried for is open again. */
  const release = (item: ForwardItem): void => {
    const probed = lanes.size === 0 ? undefined : probedBy(item);
    if (probed === undefined) return;
    const [key, lane] = probed;
    endProbe(lane);
    lanes.delete(key);
    const freed: ForwardItem[] = [];
    for (const position of lane.positions) {
      const facts = recall(position);
      if (facts !== undefined) freed.push({ ...facts, position, lane: item.lane });
    }
    putFirst(freed);
  };

  /** It was tried for nothing: the next of its lane is tried. */
  const forgetProbe = (item: ForwardItem): void => {
    const probed = lanes.size === 0 ? undefined : probedBy(item);
    if (probed === undefined) return;
    const [key, lane] = probed;
    endProbe(lane);
    if (lane.positions.length === 0) lanes.delete(key);
    else wakeMs = Math.min(wakeMs, lane.untilMs);
  };

  const park = (item: ForwardItem, refusal: ForwardRefusal, nowMs: number, chance: number): void => {
    const alone = refusal.retry === "never" || OF_THE_MESSAGE.has(refusal.code);
    const probed = probedBy(item);
    if (probed !== undefined) endProbe(probed[1]);
    const key = alone ? aloneKey(item) : item.lane;
    // A lane that was tried in vain because of this message alone is tried with its next one.
    if (probed !== undefined && probed[0] !== key) {
      if (probed[1].positions.length === 0) lanes.delete(probed[0]);
      else wakeMs = Math.min(wakeMs, probed[1].untilMs);
    }
    const known = lanes.get(key);
    const lane: Lane = known ?? { positions: [], untilMs: Number.NEGATIVE_INFINITY, attempts: 0, probe: undefined };
    lanes.set(key, lane);
    keepInOrder(lane, item.position);
    // Of several that were under way together the first refusal counts.
    if (known !== undefined && probed?.[0] !== key) return;
    lane.attempts++;
    const backoffMs = refusalPauseMs(lane.attempts, pauses);
    const askedMs = alone && refusal.retry === "never" ? pauseMaxMs : Math.min(refusal.afterMs, FIXED.askedPauseMs.value);
    lane.untilMs = nowMs + Math.max(askedMs, backoffMs) * (1 + chance / 2);
    wakeMs = Math.min(wakeMs, lane.untilMs);
  };

  /** It is in flight again: a refusal that no acknowledgement covered does not count. */
  const takeOff = (item: ForwardItem): void => {
    if (!takesOff(item)) return;
    tooFast = tooFast.filter((each) => each !== item);
    // What comes out of a parked lane is named by its position alone.
    const queued = waiting.findIndex(({ position }, at) => at >= head && position === item.position);
    if (queued >= 0) {
      waiting.splice(queued, 1);
      waitingBytes -= item.bytes;
    }
    for (const key of [item.lane, aloneKey(item)]) {
      const lane = lanes.get(key);
      const at = lane?.positions.indexOf(item.position) ?? -1;
      if (lane === undefined || at < 0) continue;
      lane.positions.splice(at, 1);
      if (lane.positions.length === 0 && lane.probe === undefined) lanes.delete(key);
    }
  };

  const endRest = (): void => {
    restUntilMs = Number.NEGATIVE_INFINITY;
    putFirst(tooFast.sort((a, b) => a.position - b.position));
    tooFast = [];
  };

  const landed = (items: readonly ForwardItem[]): readonly number[] =>
    items.map((item) => {
      comesDown(item);
      release(item);
      return item.position;
    });

  return {
    get waiting() {
      return waiting.length - head + tooFast.length;
    },
    get waitingBytes() {
      return waitingBytes;
    },
    get inFlight() {
      return flights;
    },
    get parkedLanes() {
      return lanes.size;
    },
    get acknowledged() {
      return window.acknowledged;
    },
    get addedUpTo() {
      return addedUpTo;
    },
    add(item) {
      addedUpTo = Math.max(addedUpTo, item.position);
      waitingBytes += item.bytes;
      waiting.push(item);
    },
    next(nowMs) {
      const again = resend.shift();
      if (again !== undefined) return again;
      if (restUntilMs > nowMs) return undefined;
      endRest();
      tryDue(nowMs);
      for (let item = waiting[head]; item !== undefined; item = waiting[head]) {
        const lane = lanes.size === 0 || probedBy(item) !== undefined ? undefined : lanes.get(item.lane);
        if (lane === undefined && !window.hasRoom(item.bytes)) return undefined;
        shift(item);
        if (lane === undefined) return { item, linkSeq: undefined };
        keepInOrder(lane, item.position);
      }
      return undefined;
    },
    send(item) {
      item.envelope = undefined;
      takesOff(item);
      return window.send(item);
    },
    giveBack: (item) => putFirst([item]),
    drop: forgetProbe,
    acked(upTo) {
      const items = window.acked(upTo);
      if (items === undefined) return undefined;
      resend = resend.filter(({ linkSeq }) => linkSeq > window.acknowledged);
      return landed(items);
    },
    refused(linkSeq, refusal, nowMs, chance) {
      const item = window.refused(linkSeq);
      if (item === undefined) return undefined;
      comesDown(item);
      if (refusal.code === "rate-limited" && refusal.limit?.name.startsWith("peer") && probedBy(item) === undefined) {
        tooFast.push(item);
        restUntilMs = Math.max(restUntilMs, nowMs + Math.min(Math.max(refusal.afterMs, pauseMinMs), FIXED.askedPauseMs.value));
      } else park(item, refusal, nowMs, chance);
      return item;
    },
    resume(linkUpTo, linkRefused, nowMs) {
      const resumed = window.resume(linkUpTo, linkRefused);
      if (resumed === undefined) return { done: [], whole: false };
      for (const item of resumed.refused) {
        comesDown(item);
        park(item, { code: "too-busy", retry: "after", afterMs: 0 }, nowMs, 0);
      }
      const done = landed(resumed.acked);
      resend = [...resumed.resend];
      for (const { item } of resend) takeOff(item);
      wakeMs = Number.POSITIVE_INFINITY;
      for (const { probe, untilMs } of lanes.values()) if (probe === undefined) wakeMs = Math.min(wakeMs, untilMs);
      return { done, whole: resend.every(({ item }) => recall(item.position) !== undefined) };
    },
    allow: (windowFrames, windowBytes) => window.allow(windowFrames, windowBytes),
    renew() {
      const sent = window.resume(window.acknowledged, [])?.resend.map(({ item }) => item) ?? [];
      window = createLinkWindow(limits);
      resend = [];
      // What was refused is parked, and may have been sent again under another number.
      const again = [...new Set(sent)].filter(({ flying }) => flying).sort((a, b) => a.position - b.position);
      for (const item of again) comesDown(item);
      putFirst(again);
    },
    // With enough of them under way the end of one is what to wait for.
    wakeAtMs: () =>
      Number.isFinite(restUntilMs)
        ? restUntilMs
        : Number.isFinite(wakeMs) && probing <= MAX_PROBES / 2
          ? Math.ceil(wakeMs / STEP_MS) * STEP_MS
          : Number.POSITIVE_INFINITY,
    covered: (first, last) => window.covered(first, last),
    prove: (first, last) => window.prove(first, last),
  };
}

const ALONE = "message ";

function aloneKey({ position, lane }: ForwardItem): string {
  return `${ALONE}${position} ${lane}`;
}

function laneOf(key: string): string {
  return key.startsWith(ALONE) ? key.slice(key.indexOf(" ", ALONE.length) + 1) : key;
}

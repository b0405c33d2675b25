/**
 * Sealed parts and when each may travel: ready now (in the order they were sealed), put off until a time, or in flight.
 *
 * Inputs: `ready`, `sent`, `landed`, `putOff`, `wake`. Output: `next`. Invariant: a part is in at most one of ready and
 * put off, and in neither once it was acknowledged or dropped. While the whole queue rests nothing is next; what was sent too fast then
 * goes first, in its old order.
 */
import type { OutgoingPart } from "./outgoing.ts";

export interface SendQueue {
  ready(part: OutgoingPart): void;
  /** The first part that may travel; stays until `sent`. */
  next(): OutgoingPart | undefined;
  sent(part: OutgoingPart): void;
  /** Under way once more under a number it had before. */
  sentAgain(part: OutgoingPart): void;
  /** The relay answered for one number: it has the part, or refused it. */
  landed(part: OutgoingPart, acked: boolean): void;
  /** Not before `untilMs`; nothing happens when the part is acknowledged or dropped. */
  putOff(part: OutgoingPart, untilMs: number): void;
  /** The relay wants nothing from this agent before `untilMs`; this part then goes before all that was not sent yet. */
  rest(part: OutgoingPart, untilMs: number): void;
  /** Makes ready what was put off until `nowMs`; gives the time of the next. */
  wake(nowMs: number): number;
  /** Forgets the numbers of a link that is over; unacknowledged parts are ready again. */
  linkLost(): void;
  drop(part: OutgoingPart): void;
  /** Takes a part out until it is ready again: its envelope is being replaced. */
  withdraw(part: OutgoingPart): void;
  /** Lets a part that was dropped or acknowledged travel once more, in another envelope. */
  restore(part: OutgoingPart): void;
  clear(): void;
  onLanded(listener: (part: OutgoingPart) => void): void;
}

export function createSendQueue(): SendQueue {
  // bound: one per part of an open message
  let waiting = new Set<OutgoingPart>();
  // bound: one per part of an open message
  const later = new Map<OutgoingPart, number>();
  // bound: windowFrames
  const flying = new Set<OutgoingPart>();
  // bound: windowFrames
  const resting = new Set<OutgoingPart>();
  let restUntilMs = Number.NEGATIVE_INFINITY;
  /** Nothing that is put off becomes ready before this. */
  let earliestMs = Number.POSITIVE_INFINITY;
  const dropped = new WeakSet<OutgoingPart>();
  let listener: (part: OutgoingPart) => void = () => {};

  const withdraw = (part: OutgoingPart): void => {
    resting.delete(part);
    waiting.delete(part);
    later.delete(part);
  };

  return {
    ready(part) {
      if (!part.acked && !dropped.has(part)) waiting.add(part);
    },
    next() {
      if (restUntilMs !== Number.NEGATIVE_INFINITY) return undefined;
      for (const part of waiting) return part;
      return undefined;
    },
    sent(part) {
      waiting.delete(part);
      later.delete(part);
      resting.delete(part);
      part.flights++;
      flying.add(part);
    },
    sentAgain(part) {
      waiting.delete(part);
      later.delete(part);
      resting.delete(part);
      part.flights++;
      flying.add(part);
    },
    landed(part, acked) {
      part.flights = Math.max(0, part.flights - 1);
      if (part.flights === 0) flying.delete(part);
      if (acked) {
        part.acked = true;
        resting.delete(part);
        waiting.delete(part);
        later.delete(part);
      }
      listener(part);
    },
    putOff(part, untilMs) {
      if (part.acked || part.flights > 0 || dropped.has(part)) return;
      waiting.delete(part);
      later.set(part, untilMs);
      earliestMs = Math.min(earliestMs, untilMs);
    },
    rest(part, untilMs) {
      restUntilMs = Math.max(restUntilMs, untilMs);
      if (part.acked || part.flights > 0 || dropped.has(part)) return;
      waiting.delete(part);
      resting.add(part);
    },
    wake(nowMs) {
      if (restUntilMs > nowMs) return restUntilMs;
      restUntilMs = Number.NEGATIVE_INFINITY;
      if (resting.size > 0) {
        waiting = new Set([...resting, ...waiting]);
        resting.clear();
      }
      if (later.size === 0) earliestMs = Number.POSITIVE_INFINITY;
      if (earliestMs > nowMs) return earliestMs;
      earliestMs = Number.POSITIVE_INFINITY;
      for (const [part, untilMs] of later) {
        if (untilMs > nowMs) {
          earliestMs = Math.min(earliestMs, untilMs);
          continue;
        }
        later.delete(part);
        waiting.add(part);
      }
      return earliestMs;
    },
    linkLost() {
      for (const part of flying) {
        part.flights = 0;
        part.uncertain = true;
        if (!part.acked && !dropped.has(part)) waiting.add(part);
        listener(part);
      }
      flying.clear();
    },
    drop(part) {
      dropped.add(part);
      withdraw(part);
    },
    withdraw,
    restore(part) {
      dropped.delete(part);
      part.acked = false;
    },
    clear() {
      for (const parts of [waiting, later, flying, resting]) parts.clear();
    },
    onLanded(next) {
      listener = next;
    },
  };
}

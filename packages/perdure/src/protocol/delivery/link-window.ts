/**
 * The sender's side of a link: which message parts are under way to the relay, under which link sequence number.
 *
 * States of an item: in flight (sent, neither acknowledged nor refused), refused (waiting for the acknowledgement that
 * covers it), acknowledged (kept until a statement proves it), forgotten.
 * Inputs: `send`, `acked`, `refused`, `resume`, `prove`. Outputs: the items each of them moves on.
 *
 * Invariants:
 * - Numbers are given from 1 without a gap, and one number names one digest for ever.
 * - The highest number given is at most `acknowledged + windowFrames`, the bytes in flight at most `windowBytes`, except
 *   that one item may always travel.
 * - A number at or below `acknowledged` is never sent again under that number.
 * - At most MAX_UNPROVEN acknowledged items are remembered for proofs, and none that lies FURTHEST_UNPROVEN numbers behind what is
 *   acknowledged; older ones stay unproven.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { NumberedSlots } from "./numbered-slots.ts";

export interface LinkItem {
  readonly digest: Bytes;
  readonly bytes: number;
}

interface Slot<Item> {
  readonly linkSeq: number;
  readonly item: Item;
  /** As it travelled under this number: an item may get another envelope later. Nothing where none does. */
  digest: Bytes | undefined;
  refused: boolean;
}

export interface LinkWindow<Item extends LinkItem> {
  /** Highest number the relay has durably taken or refused. */
  readonly acknowledged: number;
  readonly inFlight: number;
  /** What the relay allows from now on; never more than our own settings. */
  allow(frames: number, bytes: number): void;
  hasRoom(bytes: number): boolean;
  /** Gives the next number. The caller checked `hasRoom`. */
  send(item: Item): number;
  /** Everything up to `upTo` is at the relay or was refused; `undefined` when that number was never given. */
  acked(upTo: number): readonly Item[] | undefined;
  /** The item of one number was not taken; `undefined` when nothing in flight has that number. */
  refused(linkSeq: number): Item | undefined;
  /** What a new session of the same link starts with; `undefined` when the relay knows another history of this link. */
  resume(
    linkUpTo: number,
    linkRefused: readonly number[],
  ):
    | {
        readonly acked: readonly Item[];
        readonly refused: readonly Item[];
        readonly resend: readonly { readonly linkSeq: number; readonly item: Item }[];
      }
    | undefined;
  /** The items a statement about `first` to `last` covers, in link order, refused ones left out; `undefined` when one is not remembered. */
  covered(first: number, last: number): readonly Item[] | undefined;
  /** What those items were as they travelled. */
  coveredDigests(first: number, last: number): readonly Bytes[] | undefined;
  /** Forgets acknowledged items from `first` to `last`; those before are still to be proven, in whatever order statements come. */
  prove(first: number, last: number): void;
}

export const MAX_UNPROVEN = 4096;
/**
 * Every number since the oldest that is remembered takes a place, proven or not, and some are never proven: no statement speaks of a refusal
 * before its first message. Proofs of one link come in another order over far fewer numbers.
 */
export const FURTHEST_UNPROVEN = 16 * MAX_UNPROVEN;

export function createLinkWindow<Item extends LinkItem>(limits: {
  readonly windowFrames: number;
  readonly windowBytes: number;
  /** No item gets another envelope. */
  readonly sealedOnce?: boolean | undefined;
}): LinkWindow<Item> {
  // bound: windowFrames, and MAX_UNPROVEN acknowledged ones among FURTHEST_UNPROVEN places
  const slots = new NumberedSlots<Slot<Item>>();
  let given = 0;
  let acknowledged = 0;
  let flightBytes = 0;
  let inFlight = 0;
  let { windowFrames, windowBytes } = limits;

  const digestOf = (item: Item): Bytes | undefined => (limits.sealedOnce === true ? undefined : item.digest);
  const land = (slot: Slot<Item>): void => {
    flightBytes -= slot.item.bytes;
    inFlight--;
  };
  const moveTo = (upTo: number): readonly Item[] => {
    const landed: Item[] = [];
    for (let linkSeq = acknowledged + 1; linkSeq <= upTo; linkSeq++) {
      const slot = slots.get(linkSeq) as Slot<Item>;
      if (slot.refused) continue;
      land(slot);
      landed.push(slot.item);
    }
    acknowledged = Math.max(acknowledged, upTo);
    for (const linkSeq of slots.keys()) {
      if (linkSeq > acknowledged || (slots.size <= MAX_UNPROVEN && acknowledged - linkSeq < FURTHEST_UNPROVEN)) break;
      slots.delete(linkSeq);
    }
    return landed;
  };
  const refuseOne = (linkSeq: number): Item | undefined => {
    const slot = linkSeq > acknowledged ? slots.get(linkSeq) : undefined;
    if (slot === undefined || slot.refused) return undefined;
    slot.refused = true;
    land(slot);
    return slot.item;
  };

  const slotsOf = (first: number, last: number): readonly Slot<Item>[] | undefined => {
    if (last > given || first > last) return undefined;
    const found: Slot<Item>[] = [];
    for (let linkSeq = first; linkSeq <= last; linkSeq++) {
      const slot = slots.get(linkSeq);
      if (slot === undefined) return undefined;
      if (!slot.refused) found.push(slot);
    }
    return found;
  };

  return {
    get acknowledged() {
      return acknowledged;
    },
    get inFlight() {
      return inFlight;
    },
    allow(frames, bytes) {
      windowFrames = Math.max(1, Math.min(frames, limits.windowFrames));
      windowBytes = Math.max(1, Math.min(bytes, limits.windowBytes));
    },
    hasRoom: (bytes) => given < acknowledged + windowFrames && (inFlight === 0 || flightBytes + bytes <= windowBytes),
    send(item) {
      slots.add(++given, { linkSeq: given, item, digest: digestOf(item), refused: false });
      flightBytes += item.bytes;
      inFlight++;
      return given;
    },
    acked: (upTo) => (upTo > given ? undefined : moveTo(upTo)),
    refused: refuseOne,
    resume(linkUpTo, linkRefused) {
      if (linkUpTo > given || linkUpTo < acknowledged) return undefined;
      const refused: Item[] = [];
      for (const linkSeq of linkRefused) {
        if (linkSeq > linkUpTo) continue;
        const item = refuseOne(linkSeq);
        if (item !== undefined) refused.push(item);
      }
      const acked = moveTo(linkUpTo);
      const resend: { linkSeq: number; item: Item }[] = [];
      for (let linkSeq = linkUpTo + 1; linkSeq <= given; linkSeq++) {
        const slot = slots.get(linkSeq) as Slot<Item>;
        // A refusal that was heard but not yet covered by an acknowledgement does not count: the number must reach the relay.
        if (slot.refused) {
          slot.refused = false;
          flightBytes += slot.item.bytes;
          inFlight++;
        }
        slot.digest = digestOf(slot.item);
        resend.push({ linkSeq, item: slot.item });
      }
      return { acked, refused, resend };
    },
    covered: (first, last) => slotsOf(first, last)?.map(({ item }) => item),
    coveredDigests: (first, last) => slotsOf(first, last)?.map(({ item, digest = item.digest }) => digest),
    prove(first, last) {
      for (let linkSeq = first; linkSeq <= Math.min(last, acknowledged); linkSeq++) slots.delete(linkSeq);
    },
  };
}

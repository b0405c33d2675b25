/**
 * Which segments the log consists of, which of their records are still needed, and where records really lie: a batch
 * that failed is written again elsewhere, and its owner keeps the places it was given first.
 */
import { createHeldRecords, type HeldRecords } from "./held-records.ts";
import type { RecordAt } from "./record-log.ts";
import type { SegmentEnd } from "./segment-format.ts";

/** A record that is needed: where it lies, and the place its owner knows it by. */
export interface LiveRecord {
  readonly actual: RecordAt;
  readonly given: RecordAt;
}

export interface SegmentSet {
  /** The segment's valid bytes end here; its file takes so many. */
  setEnd(segment: number, end: number, bytes: number): void;
  /** A record became durable at `actual`; its owner knows it as `given`. */
  add(given: RecordAt, actual: RecordAt): void;
  /** Where the record lies, given what its owner knows. */
  actual(given: RecordAt): RecordAt;
  /** True when that emptied the segment. */
  release(given: RecordAt): boolean;
  liveIn(segment: number): readonly LiveRecord[];
  /** The record known as `given` has a durable copy, known as `copy`, and lies there from here on; one released meanwhile takes it along. */
  move(given: RecordAt, copy: RecordAt): void;
  /** The segment, not `excepted`, that wastes most: at most half of its file is needed. */
  sparsest(excepted: (segment: number) => boolean): number | undefined;
  /** Segments with records that are needed, oldest first. */
  needed(): SegmentEnd[];
  /** Leaves the set: everything but the given ones and `newest`. Says what their files take. */
  keepOnly(kept: readonly SegmentEnd[], newest: number): { readonly segment: number; readonly bytes: number }[];
  /** Bytes of segments, other than `except`, that hold nothing needed. */
  deadBytes(except: number | undefined): number;
  /** What the files take. */
  readonly bytes: number;
}

interface Held {
  end: number;
  bytes: number;
  readonly records: HeldRecords;
}

export function createSegmentSet(): SegmentSet {
  // bound: storeBytes by segmentBytes
  const segments = new Map<number, Held>();
  /** By the place their owner knows: where they lie. bound: one per needed record of a batch that was written anew, or copied */
  const moved = new Map<string, RecordAt>();
  /** By where they lie: as their owner knows them. bound: the same */
  const known = new Map<string, RecordAt>();
  const held = (segment: number): Held => {
    let found = segments.get(segment);
    if (found === undefined) {
      found = { end: 0, bytes: 0, records: createHeldRecords() };
      segments.set(segment, found);
    }
    return found;
  };
  const actual = (given: RecordAt): RecordAt => (moved.size === 0 ? given : (moved.get(placeKey(given)) ?? given));
  const knownAs = (at: RecordAt): RecordAt => (known.size === 0 ? at : (known.get(placeKey(at)) ?? at));
  const place = (given: RecordAt, at: RecordAt): void => {
    held(at.segment).records.add(at.offset, at.length);
    if (known.size > 0) known.delete(placeKey(at));
    if (given.segment === at.segment && given.offset === at.offset) return;
    moved.set(placeKey(given), at);
    known.set(placeKey(at), given);
  };
  /** A release said twice counts once. */
  const release = (given: RecordAt): boolean => {
    const at = actual(given);
    if (at !== given) {
      moved.delete(placeKey(given));
      known.delete(placeKey(at));
    }
    const from = segments.get(at.segment);
    return from?.records.release(at.offset) === true && from.records.count === 0;
  };
  return {
    actual,
    setEnd: (segment, end, bytes) => {
      const found = held(segment);
      found.end = end;
      found.bytes = bytes;
    },
    add: place,
    release,
    liveIn: (segment) =>
      (segments.get(segment)?.records.list() ?? []).map(({ offset, length }) => {
        const at = { segment, offset, length };
        return { actual: at, given: knownAs(at) };
      }),
    move: (given, copy) => {
      const from = actual(given);
      const to = actual(copy);
      release(copy);
      if (segments.get(from.segment)?.records.has(from.offset) !== true || placeKey(knownAs(from)) !== placeKey(given)) return;
      release(given);
      place(given, to);
    },
    sparsest: (excepted) => {
      let found: { readonly segment: number; readonly share: number } | undefined;
      for (const [segment, { bytes, records }] of segments) {
        const share = records.bytes / bytes;
        if (records.count > 0 && share <= 0.5 && share < (found?.share ?? 1) && !excepted(segment)) found = { segment, share };
      }
      return found?.segment;
    },
    needed: () =>
      [...segments]
        .filter(([, { records }]) => records.count > 0)
        .map(([segment, { end }]) => ({ segment, end }))
        .sort((a, b) => a.segment - b.segment),
    keepOnly: (kept, newest) => {
      const names = new Set(kept.map(({ segment }) => segment)).add(newest);
      const dropped = [...segments].filter(([segment]) => !names.has(segment)).map(([segment, { bytes }]) => ({ segment, bytes }));
      for (const { segment } of dropped) segments.delete(segment);
      return dropped;
    },
    deadBytes: (except) => {
      let bytes = 0;
      for (const [segment, { end, records }] of segments) if (segment !== except && records.count === 0) bytes += end;
      return bytes;
    },
    get bytes() {
      let bytes = 0;
      for (const each of segments.values()) bytes += each.bytes;
      return bytes;
    },
  };
}

/** A record's place as one value. */
export function placeKey({ segment, offset }: RecordAt): string {
  return `${segment}:${offset}`;
}

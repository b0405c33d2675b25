/**
 * Which segments the log consists of, which of their records are still needed, and where records really lie: a batch
 * that failed is written again elsewhere, and its owner keeps the places it was given first.
 */
import type { RecordAt } from "./record-log.ts";
import type { SegmentEnd } from "./segment-format.ts";

export interface SegmentSet {
  /** The segment's valid bytes end here. */
  setEnd(segment: number, end: number): void;
  /** A record became durable at `actual`; its owner knows it as `given`. */
  add(given: RecordAt, actual: RecordAt): void;
  /** Where the record lies, given what its owner knows. */
  actual(given: RecordAt): RecordAt;
  /** True when that emptied the segment. */
  release(given: RecordAt): boolean;
  /** Segments with records that are needed, oldest first. */
  needed(): SegmentEnd[];
  /** Leaves the set: everything but the given ones and `newest`. */
  keepOnly(kept: readonly SegmentEnd[], newest: number): number[];
  /** Bytes of segments, other than `except`, that hold nothing needed. */
  deadBytes(except: number | undefined): number;
  readonly bytes: number;
}

interface Held {
  end: number;
  /** Offsets of the records that are needed. A set, so that a release said twice counts once. */
  readonly live: Set<number>;
}

export function createSegmentSet(): SegmentSet {
  const segments = new Map<number, Held>();
  const moved = new Map<string, RecordAt>();
  const held = (segment: number): Held => {
    let found = segments.get(segment);
    if (found === undefined) {
      found = { end: 0, live: new Set() };
      segments.set(segment, found);
    }
    return found;
  };
  const actual = (given: RecordAt): RecordAt => (moved.size === 0 ? given : (moved.get(placeKey(given)) ?? given));
  return {
    actual,
    setEnd: (segment, end) => {
      held(segment).end = end;
    },
    add: (given, place) => {
      held(place.segment).live.add(place.offset);
      if (given.segment !== place.segment || given.offset !== place.offset) moved.set(placeKey(given), place);
    },
    release: (given) => {
      const place = actual(given);
      moved.delete(placeKey(given));
      const live = segments.get(place.segment)?.live;
      return live?.delete(place.offset) === true && live.size === 0;
    },
    needed: () =>
      [...segments]
        .filter(([, { live }]) => live.size > 0)
        .map(([segment, { end }]) => ({ segment, end }))
        .sort((a, b) => a.segment - b.segment),
    keepOnly: (kept, newest) => {
      const names = new Set(kept.map(({ segment }) => segment)).add(newest);
      const dropped = [...segments.keys()].filter((segment) => !names.has(segment));
      for (const segment of dropped) segments.delete(segment);
      return dropped;
    },
    deadBytes: (except) => {
      let bytes = 0;
      for (const [segment, { end, live }] of segments) if (segment !== except && live.size === 0) bytes += end;
      return bytes;
    },
    get bytes() {
      let bytes = 0;
      for (const { end } of segments.values()) bytes += end;
      return bytes;
    },
  };
}

/** A record's place as one value. */
export function placeKey({ segment, offset }: RecordAt): string {
  return `${segment}:${offset}`;
}

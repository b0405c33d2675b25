/**
 * Which segments the log consists of, which of their records are still needed, and where records really lie: a batch
 * that failed is written again elsewhere, and its owner keeps the places it was given first.
 */
import type { Entry } from "./append-queue.ts";
import { createHeldRecords, type HeldRecords } from "./held-records.ts";
import type { RecordAt } from "./record-log.ts";
import { createRestingRecords, RESTING_BYTES, type RestingRecords } from "./resting-records.ts";
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
  /** The records of an append became durable, from `first` of that segment on: those that its owner did not let go of are needed. */
  keep(
    segment: number,
    first: number,
    entry: Pick<Entry, "segment" | "offsets" | "lengthOf">,
    released: ReadonlySet<number> | undefined,
  ): void;
  /** Where the record lies, given what its owner knows. */
  actual(given: RecordAt): RecordAt;
  /** Whether the records that their owner knows there lie there. */
  liesAsKnown(segment: number, offsets: readonly number[]): boolean;
  /** True when that emptied the segment. */
  release(given: RecordAt): boolean;
  /** Those that are known one by one. */
  liveIn(segment: number): readonly LiveRecord[];
  /** Of these, which the index of the segment names, only the count is kept from here on. */
  rest(segment: number, actual: readonly RecordAt[]): void;
  /** The segment has an index, and so many records that only that names are needed. */
  setResting(segment: number, count: number, bytes: number): void;
  /** Whether it has records of which only the index knows the places. */
  hasResting(segment: number): boolean;
  isIndexed(segment: number): boolean;
  endOf(segment: number): number | undefined;
  /** The record known as `given` has a durable copy, known as `copy`, and lies there from here on; one released meanwhile takes it along. */
  move(given: RecordAt, copy: RecordAt): void;
  /** Its owner knows the record where it lies from here on. */
  adopt(given: RecordAt): void;
  /** The segment, not `excepted`, that wastes most: at most half of its file is needed. */
  sparsest(excepted: (segment: number) => boolean): number | undefined;
  /** Segments with records that are needed, oldest first. */
  needed(): SegmentEnd[];
  /** Leaves the set: everything but the given ones and `newest`. Says what their files take. */
  keepOnly(kept: readonly SegmentEnd[], newest: number): { readonly segment: number; readonly bytes: number; readonly indexed: boolean }[];
  /** Bytes of segments, other than `except`, that hold nothing needed. */
  deadBytes(except: number | undefined): number;
  /** What the files take. */
  readonly bytes: number;
}

interface Held {
  end: number;
  bytes: number;
  records: HeldRecords;
  /** Of a segment with an index. */
  resting: RestingRecords | undefined;
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
      found = { end: 0, bytes: 0, records: createHeldRecords(), resting: undefined };
      segments.set(segment, found);
    }
    return found;
  };
  const actual = (given: RecordAt): RecordAt => (moved.size === 0 ? given : (moved.get(placeKey(given)) ?? given));
  const knownAs = (at: RecordAt): RecordAt => (known.size === 0 ? at : (known.get(placeKey(at)) ?? at));
  const hold = (segment: number, offset: number, length: number): void => {
    held(segment).records.add(offset, length);
    if (known.size > 0) known.delete(placeKey({ segment, offset }));
  };
  const place = (given: RecordAt, at: RecordAt): void => {
    hold(at.segment, at.offset, at.length);
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
    if (from === undefined) return false;
    return (from.records.release(at.offset) || from.resting?.release(at) === true) && countIn(from) === 0;
  };
  const isHeld = (at: RecordAt): boolean => {
    const from = segments.get(at.segment);
    return from?.records.has(at.offset) === true || from?.resting?.has(at.offset) === true;
  };
  const restingIn = (segment: number): RestingRecords => {
    const found = held(segment);
    found.resting ??= createRestingRecords(found.end);
    return found.resting;
  };
  return {
    actual,
    liesAsKnown: (segment, offsets) => moved.size === 0 || !offsets.some((offset) => moved.has(placeKey({ segment, offset }))),
    setEnd: (segment, end, bytes) => {
      const found = held(segment);
      found.end = end;
      found.bytes = bytes;
    },
    add: place,
    keep: (segment, first, entry, released) => {
      const moved = first - (entry.offsets[0] as number);
      for (let nth = 0; nth < entry.offsets.length; nth++) {
        if (released?.has(nth) === true) continue;
        const [told, length] = [entry.offsets[nth] as number, entry.lengthOf(nth)];
        if (moved === 0 && segment === entry.segment) hold(segment, told, length);
        else place({ segment: entry.segment, offset: told, length }, { segment, offset: told + moved, length });
      }
    },
    release,
    liveIn: (segment) =>
      (segments.get(segment)?.records.list() ?? []).map(({ offset, length }) => {
        const at = { segment, offset, length };
        return { actual: at, given: knownAs(at) };
      }),
    rest: (segment, places) => {
      if (!segments.has(segment)) return;
      const resting = restingIn(segment);
      const { records } = held(segment);
      for (const { offset, length } of places) if (length >= RESTING_BYTES && records.release(offset)) resting.add(1, length);
      // What is left of those that are known one by one takes the room of all there were.
      const left = createHeldRecords();
      for (const { offset, length } of records.list()) left.add(offset, length);
      held(segment).records = left;
    },
    setResting: (segment, count, bytes) => restingIn(segment).add(count, bytes),
    hasResting: (segment) => (segments.get(segment)?.resting?.count ?? 0) > 0,
    isIndexed: (segment) => segments.get(segment)?.resting !== undefined,
    endOf: (segment) => segments.get(segment)?.end,
    move: (given, copy) => {
      const from = actual(given);
      const to = actual(copy);
      release(copy);
      if (!isHeld(from) || placeKey(knownAs(from)) !== placeKey(given)) return;
      release(given);
      place(given, to);
    },
    adopt: (given) => {
      const at = actual(given);
      moved.delete(placeKey(given));
      known.delete(placeKey(at));
    },
    sparsest: (excepted) => {
      let found: { readonly segment: number; readonly share: number } | undefined;
      for (const [segment, each] of segments) {
        const share = (each.records.bytes + (each.resting?.bytes ?? 0)) / each.bytes;
        if (countIn(each) > 0 && share <= 0.5 && share < (found?.share ?? 1) && !excepted(segment)) found = { segment, share };
      }
      return found?.segment;
    },
    needed: () =>
      [...segments]
        .filter(([, each]) => countIn(each) > 0)
        .map(([segment, { end }]) => ({ segment, end }))
        .sort((a, b) => a.segment - b.segment),
    keepOnly: (kept, newest) => {
      const names = new Set(kept.map(({ segment }) => segment)).add(newest);
      const dropped = [...segments]
        .filter(([segment]) => !names.has(segment))
        .map(([segment, { bytes, resting }]) => ({ segment, bytes, indexed: resting !== undefined }));
      for (const { segment } of dropped) segments.delete(segment);
      return dropped;
    },
    deadBytes: (except) => {
      let bytes = 0;
      for (const [segment, each] of segments) if (segment !== except && countIn(each) === 0) bytes += each.end;
      return bytes;
    },
    get bytes() {
      let bytes = 0;
      for (const each of segments.values()) bytes += each.bytes;
      return bytes;
    },
  };
}

function countIn({ records, resting }: Held): number {
  return records.count + (resting?.count ?? 0);
}

/** A record's place as one value. */
export function placeKey({ segment, offset }: Pick<RecordAt, "segment" | "offset">): string {
  return `${segment}:${offset}`;
}

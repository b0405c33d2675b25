/**
 * What waits to become durable. Appends gather into a batch whose place is known from its first record on; when the disk
 * fails, the batch and all that gathered behind it get new places.
 */
import type { Piece } from "../../wire/bytes.ts";
import type { RecordAt } from "./record-log.ts";
import { BATCH_HEADER_BYTES, RECORD_HEADER_BYTES } from "./segment-format.ts";

export interface Entry {
  readonly records: readonly Piece[];
  /** The places the owner was given, one behind the other in one segment. */
  readonly given: readonly RecordAt[];
  readonly orReject: boolean;
  /** Of `given`, what is not needed any more. */
  released: Set<RecordAt> | undefined;
  readonly bytes: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A batch that gathers. */
export interface Gathering {
  readonly segment: number;
  readonly offset: number;
  readonly entries: Entry[];
}

export interface AppendQueue {
  /** Adds records, at least one, to the batch that gathers, begun by `begin` when there is none. */
  add(
    records: readonly Piece[],
    orReject: boolean,
    begin: () => { readonly segment: number; readonly offset: number },
  ): { readonly at: readonly RecordAt[]; readonly synced: Promise<void> };
  /** The batch that gathered; the next append begins another. */
  take(): Gathering | undefined;
  /** Takes the appends with `orReject` out of what gathers. */
  takeRejectable(): Entry[];
  /** A record that is not durable yet. */
  pending(at: RecordAt): Piece | undefined;
  /** The record is not needed any more; false when it is not pending. */
  release(at: RecordAt): boolean;
  /** The entry is durable or given up. Says which of its records were released meanwhile. */
  settle(entry: Entry): ReadonlySet<RecordAt> | undefined;
  readonly bytes: number;
  readonly gathers: boolean;
}

export function createAppendQueue(): AppendQueue {
  /** In the order of their places. bound: APPEND_QUEUE_BYTES, beyond which no mail is taken */
  const unsettled: Entry[] = [];
  let gathering: Gathering | undefined;
  let nextOffset = 0;
  let bytes = 0;

  const find = (at: RecordAt): { readonly entry: Entry; readonly index: number } | undefined => {
    const entry = unsettled[lastNotBehind(unsettled.length, (index) => firstOf(unsettled[index] as Entry), at)];
    if (entry === undefined) return undefined;
    const index = lastNotBehind(entry.given.length, (nth) => entry.given[nth] as RecordAt, at);
    const found = entry.given[index];
    return found !== undefined && found.segment === at.segment && found.offset === at.offset ? { entry, index } : undefined;
  };

  return {
    get bytes() {
      return bytes;
    },
    get gathers() {
      return gathering !== undefined;
    },
    add: (records, orReject, begin) => {
      if (gathering === undefined) {
        gathering = { ...begin(), entries: [] };
        nextOffset = gathering.offset + BATCH_HEADER_BYTES + RECORD_HEADER_BYTES;
      }
      const { segment, entries } = gathering;
      let added = 0;
      const given = records.map((record) => {
        const length = record.length;
        const at: RecordAt = { segment, offset: nextOffset, length };
        nextOffset += length + RECORD_HEADER_BYTES;
        added += length;
        return at;
      });
      bytes += added;
      const synced = new Promise<void>((resolve, reject) => {
        const entry: Entry = { records, given, orReject, released: undefined, bytes: added, resolve, reject };
        entries.push(entry);
        unsettled.push(entry);
      });
      // An owner that does not look must not bring the process down; the log reports failures by its health.
      synced.catch(() => {});
      return { at: given, synced };
    },
    take: () => {
      const taken = gathering;
      gathering = undefined;
      return taken;
    },
    takeRejectable: () => {
      if (gathering === undefined) return [];
      const rejectable = gathering.entries.filter(({ orReject }) => orReject);
      gathering = { ...gathering, entries: gathering.entries.filter(({ orReject }) => !orReject) };
      return rejectable;
    },
    pending: (at) => {
      const found = find(at);
      return found?.entry.records[found.index];
    },
    release: (at) => {
      const found = find(at);
      if (found === undefined) return false;
      found.entry.released ??= new Set();
      found.entry.released.add(found.entry.given[found.index] as RecordAt);
      return true;
    },
    settle: (entry) => {
      const index = lastNotBehind(unsettled.length, (at) => firstOf(unsettled[at] as Entry), firstOf(entry));
      if (unsettled[index] === entry) {
        unsettled.splice(index, 1);
        bytes -= entry.bytes;
      }
      return entry.released;
    },
  };
}

function firstOf({ given }: Entry): RecordAt {
  return given[0] as RecordAt;
}

/** Of `count` places in order, the index of the last that does not lie behind `at`; -1 when all do. */
function lastNotBehind(count: number, placeOf: (index: number) => RecordAt, { segment, offset }: RecordAt): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const place = placeOf(middle);
    if (place.segment < segment || (place.segment === segment && place.offset <= offset)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

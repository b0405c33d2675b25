/**
 * What waits to become durable. Appends gather into a batch whose place is known from its first record on; when the disk
 * fails, the batch and all that gathered behind it get new places.
 */
import { type Bytes, type Piece, wholePiece } from "../../wire/bytes.ts";
import type { RecordAt } from "./record-log.ts";
import { BATCH_HEADER_BYTES, RECORD_HEADER_BYTES } from "./segment-format.ts";

/** Records of one append, in numbers rather than objects: thousands of them wait while a disk is busy. */
export interface Entry {
  /** Where the owner was told they lie, one behind the other. */
  readonly segment: number;
  readonly offsets: readonly number[];
  readonly orReject: boolean;
  /** Indexes of those that are not needed any more. */
  released: Set<number> | undefined;
  readonly bytes: number;
  /** Bytes of a record. */
  lengthOf(index: number): number;
  record(index: number): Piece;
  /** The records lie in `bytes`, the first from `at` on, as in the log, until it is durable: what they were made of is let go. */
  writtenIn(bytes: Bytes, at: number): void;
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
  /** A copy of a record that is not durable yet. */
  pending(at: RecordAt): Bytes | undefined;
  /** The record is not needed any more; false when it is not pending. */
  release(at: RecordAt): boolean;
  /** The entry is durable or given up. Says which of its records were released meanwhile. */
  settle(entry: Entry): ReadonlySet<number> | undefined;
  /** What is neither. */
  unsettled(): readonly Entry[];
  readonly bytes: number;
  readonly gathers: boolean;
}

export function createAppendQueue(): AppendQueue {
  /** In the order of their places. bound: APPEND_QUEUE_BYTES, beyond which no mail is taken */
  const unsettled: Entry[] = [];
  let gathering: Gathering | undefined;
  let nextOffset = 0;
  let bytes = 0;

  const find = ({ segment, offset }: RecordAt): { readonly entry: Entry; readonly index: number } | undefined => {
    const entry = unsettled[lastNotBehind(unsettled, segment, offset)];
    if (entry === undefined || entry.segment !== segment) return undefined;
    const index = lastAtOrBefore(entry.offsets, offset);
    return entry.offsets[index] === offset ? { entry, index } : undefined;
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
      const at: RecordAt[] = [];
      const offsets: number[] = [];
      let added = 0;
      for (const { length } of records) {
        at.push({ segment, offset: nextOffset, length });
        offsets.push(nextOffset);
        nextOffset += length + RECORD_HEADER_BYTES;
        added += length;
      }
      bytes += added;
      const synced = new Promise<void>((resolve, reject) => {
        const entry = createEntry({
          records,
          segment,
          offsets,
          end: nextOffset - RECORD_HEADER_BYTES,
          orReject,
          bytes: added,
          resolve,
          reject,
        });
        entries.push(entry);
        unsettled.push(entry);
      });
      // An owner that does not look must not bring the process down; the log reports failures by its health.
      synced.catch(() => {});
      return { at, synced };
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
      const record = found?.entry.record(found.index);
      // Memory of a batch has others after it.
      return record instanceof Uint8Array ? record.slice() : record && wholePiece(record);
    },
    release: (at) => {
      const found = find(at);
      if (found === undefined) return false;
      found.entry.released ??= new Set();
      found.entry.released.add(found.index);
      return true;
    },
    settle: (entry) => {
      const index = lastNotBehind(unsettled, entry.segment, entry.offsets[0] as number);
      if (unsettled[index] === entry) {
        unsettled.splice(index, 1);
        bytes -= entry.bytes;
      }
      return entry.released;
    },
    unsettled: () => [...unsettled],
  };
}

interface EntryParts extends Pick<Entry, "segment" | "offsets" | "orReject" | "bytes" | "resolve" | "reject"> {
  readonly records: readonly Piece[];
  /** Where the last record ends. */
  readonly end: number;
}

function createEntry({ records, segment, offsets, end, orReject, bytes, resolve, reject }: EntryParts): Entry {
  let pieces: readonly Piece[] | undefined = records;
  let written: { readonly bytes: Bytes; readonly at: number } | undefined;
  const first = offsets[0] as number;
  const lengthOf = (index: number): number =>
    (index + 1 < offsets.length ? (offsets[index + 1] as number) - RECORD_HEADER_BYTES : end) - (offsets[index] as number);
  return {
    segment,
    offsets,
    orReject,
    released: undefined,
    bytes,
    lengthOf,
    record: (index) => {
      if (written === undefined) return pieces?.[index] as Piece;
      const start = written.at + (offsets[index] as number) - first;
      return written.bytes.subarray(start, start + lengthOf(index));
    },
    writtenIn: (into, at) => {
      written = { bytes: into, at };
      pieces = undefined;
    },
    resolve,
    reject,
  };
}

/** Of entries in order, the index of the last that does not begin behind that place; -1 when all do. */
function lastNotBehind(entries: readonly Entry[], segment: number, offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const entry = entries[middle] as Entry;
    if (entry.segment < segment || (entry.segment === segment && (entry.offsets[0] as number) <= offset)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Of rising numbers, the index of the last that is not above `limit`; -1 when all are. */
function lastAtOrBefore(numbers: readonly number[], limit: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] as number) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

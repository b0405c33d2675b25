/**
 * What waits to become durable. Appends gather into a batch whose place is known from its first record on; when the disk
 * fails, the batch and all that gathered behind it get new places.
 */
import type { Bytes, Piece } from "../../wire/bytes.ts";
import type { Appended, RecordAt } from "./record-log.ts";
import { type BatchDraft, RECORD, RECORD_HEADER_BYTES } from "./segment-format.ts";

/** Records of one append, in numbers rather than objects: thousands of them wait while a disk is busy. They lie in the memory of a batch. */
export class Entry implements Appended {
  readonly segment: number;
  readonly offsets: readonly number[];
  readonly orReject: boolean;
  readonly bytes: number;
  readonly synced: Promise<void>;
  declare resolve: () => void;
  declare reject: (error: unknown) => void;
  /** Indexes of those that are not needed any more. */
  released: Set<number> | undefined;
  /** Where the first lies, in the batch they lie in now; the others lie behind it as their owner was told. */
  first: number;
  #draft: BatchDraft;
  /** Where another would have come after them. */
  readonly #next: number;

  constructor(records: readonly Piece[], orReject: boolean, draft: BatchDraft) {
    const first = draft.nextOffset;
    const offsets: number[] = [];
    for (const record of records) {
      const offset = draft.nextOffset;
      offsets.push(offset);
      draft.add(RECORD, record);
    }
    this.segment = draft.place.segment;
    this.offsets = offsets;
    this.orReject = orReject;
    this.first = first;
    this.#draft = draft;
    this.#next = draft.nextOffset;
    this.bytes = this.#next - first - RECORD_HEADER_BYTES * records.length;
    this.synced = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // An owner that does not look must not bring the process down; the log reports failures by its health.
    this.synced.catch(() => {});
  }

  get at(): readonly RecordAt[] {
    return this.offsets.map((offset, index) => ({ segment: this.segment, offset, length: this.lengthOf(index) }));
  }

  lengthOf(index: number): number {
    return (this.offsets[index + 1] ?? this.#next) - RECORD_HEADER_BYTES - (this.offsets[index] as number);
  }

  /** A view, valid until something is added to the batch. */
  record(index: number): Bytes {
    return this.#draft.view(this.first + (this.offsets[index] as number) - (this.offsets[0] as number), this.lengthOf(index));
  }

  /** They are written anew, in another batch. */
  moveTo(draft: BatchDraft): void {
    const first = draft.nextOffset;
    for (const index of this.offsets.keys()) draft.add(RECORD, this.record(index));
    this.first = first;
    this.#draft = draft;
  }
}

/** A batch that gathers. */
export interface Gathering {
  readonly draft: BatchDraft;
  readonly entries: readonly Entry[];
}

export interface AppendQueue {
  /** Adds records, at least one, to the batch that gathers, or to a new one. */
  add(records: readonly Piece[], orReject: boolean, begin: () => BatchDraft): Appended;
  /** The batch that gathered; the next append begins another. */
  take(): Gathering | undefined;
  /** Takes the appends with `orReject` out of what gathers. */
  takeRejectable(): Entry[];
  /** Whether a record at that place, or before it, may not be durable yet. */
  reaches(segment: number, offset: number): boolean;
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
  let gathering: { readonly draft: BatchDraft; entries: Entry[] } | undefined;
  let bytes = 0;

  const find = ({ segment, offset }: RecordAt): { readonly entry: Entry; readonly index: number } | undefined => {
    const at = lastNotBehind(unsettled, segment, offset);
    // An index below 0 would be looked up like any other name, which is slow.
    const entry = at < 0 ? undefined : unsettled[at];
    if (entry === undefined || entry.segment !== segment) return undefined;
    const index = entry.offsets.indexOf(offset);
    return index < 0 ? undefined : { entry, index };
  };

  return {
    get bytes() {
      return bytes;
    },
    get gathers() {
      return gathering !== undefined;
    },
    add: (records, orReject, begin) => {
      gathering ??= { draft: begin(), entries: [] };
      const entry = new Entry(records, orReject, gathering.draft);
      gathering.entries.push(entry);
      unsettled.push(entry);
      bytes += entry.bytes;
      return entry;
    },
    take: () => {
      const taken = gathering;
      gathering = undefined;
      return taken;
    },
    takeRejectable: () => {
      if (gathering === undefined) return [];
      const rejectable = gathering.entries.filter(({ orReject }) => orReject);
      gathering.entries = gathering.entries.filter(({ orReject }) => !orReject);
      return rejectable;
    },
    reaches: (segment, offset) => lastNotBehind(unsettled, segment, offset) >= 0,
    pending: (at) => {
      const found = find(at);
      // Memory of a batch has others after it.
      return found?.entry.record(found.index).slice();
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

/**
 * What waits to become durable. Appends gather into a batch whose place is known from its first record on; when the disk
 * fails, the batch and all that gathered behind it get new places.
 */
import type { Bytes } from "../../wire/bytes.ts";
import type { RecordAt } from "./record-log.ts";
import { BATCH_HEADER_BYTES, RECORD_HEADER_BYTES } from "./segment-format.ts";
import { placeKey } from "./segment-set.ts";

export interface Entry {
  readonly records: readonly Bytes[];
  /** The places the owner was given. */
  readonly given: readonly RecordAt[];
  readonly orReject: boolean;
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
  /** Adds records to the batch that gathers, begun by `begin` when there is none. */
  add(
    records: readonly Bytes[],
    orReject: boolean,
    begin: () => { readonly segment: number; readonly offset: number },
  ): { readonly at: readonly RecordAt[]; readonly synced: Promise<void> };
  /** The batch that gathered; the next append begins another. */
  take(): Gathering | undefined;
  /** Takes the appends with `orReject` out of what gathers. */
  takeRejectable(): Entry[];
  /** The bytes of a record that is not durable yet. */
  pending(at: RecordAt): Bytes | undefined;
  /** The record is not needed any more; false when it is not pending. */
  release(at: RecordAt): boolean;
  /** The entry is durable or given up. Says which of its records were released meanwhile. */
  settle(entry: Entry): ReadonlySet<RecordAt>;
  readonly bytes: number;
  readonly gathers: boolean;
}

export function createAppendQueue(): AppendQueue {
  // bound: APPEND_QUEUE_BYTES, beyond which no mail is taken
  const pending = new Map<string, { readonly record: Bytes; readonly at: RecordAt; released: boolean }>();
  let gathering: Gathering | undefined;
  let nextOffset = 0;
  let bytes = 0;
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
      const given = records.map((record) => {
        const at: RecordAt = { segment, offset: nextOffset, length: record.length };
        nextOffset += record.length + RECORD_HEADER_BYTES;
        pending.set(placeKey(at), { record, at, released: false });
        bytes += record.length;
        return at;
      });
      const synced = new Promise<void>((resolve, reject) => void entries.push({ records, given, orReject, resolve, reject }));
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
    pending: (at) => pending.get(placeKey(at))?.record,
    release: (at) => {
      const found = pending.get(placeKey(at));
      if (found === undefined) return false;
      found.released = true;
      return true;
    },
    settle: ({ given }) => {
      const released = new Set<RecordAt>();
      for (const at of given) {
        const key = placeKey(at);
        if (pending.get(key)?.released) released.add(at);
        pending.delete(key);
        bytes -= at.length;
      }
      return released;
    },
  };
}

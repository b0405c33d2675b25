/** (interface; the implementation of this file replaces this line) */
import type { Bytes } from "../../wire/bytes.ts";

/** Where a record lies: file number, byte offset of the record's payload, payload length. Stays valid until it is released. */
export interface RecordAt {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

export interface Appended {
  readonly at: readonly RecordAt[];
  /** Resolves when the records survive a loss of power. Rejects only for an append with `orReject`. */
  readonly synced: Promise<void>;
}

export type LogHealth = { readonly state: "good" } | { readonly state: "stuck"; readonly code: "disk-full" | "disk-failed" | "read-only"; readonly sinceMs: number };

export interface RecordLog extends AsyncDisposable {
  /**
   * Adds records that become durable together or not at all; several calls share a batch and a sync. Without `orReject`
   * a failing disk only delays them: the log retries in a new file until it succeeds. With it they are given up with
   * `disk-full`, `disk-failed` or `read-only`, and nothing of them will ever be read.
   */
  append(records: readonly Bytes[], options?: { readonly orReject?: boolean }): Appended;
  /** Reads a record back, checking its checksum; from memory while it is not yet written. */
  read(at: RecordAt): Promise<Bytes>;
  /** The record is no longer needed; a closed file all of whose records are released is removed. */
  release(at: RecordAt): void;
  readonly health: LogHealth;
  readonly bytesOnDisk: number;
}

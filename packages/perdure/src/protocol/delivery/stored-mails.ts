/**
 * Messages that wait, in columns of numbers that all mailboxes of a relay share: some 120 bytes each and nothing for the garbage
 * collector to visit, however many millions there are. What is read of one is a copy, true as of now.
 *
 * Invariants: a row belongs to one position of one mailbox until that is deleted; a row that belongs to none is on the list of free ones.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";

export const STREAM_BYTES = 8;
const DIGEST_BYTES = 16;
const LABEL_BYTES = STREAM_BYTES + DIGEST_BYTES;

/** Where a record lies in the log. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** A message that waits. Its body lies in the log; this is what release, expiry and damage need without reading it. */
export interface StoredMailOf<Sender> {
  /** Absent between the step that stored it and the append. */
  readonly place: Place | undefined;
  readonly sizeBytes: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  /** Whether its sender gets a notice when it is not settled in time. */
  readonly wantsNotice: boolean;
  readonly sender: Sender;
  /** Stream (8), digest (16), and in the mailbox of a peer the recipient (32): one letter per byte. */
  readonly label: string;
  readonly seq: number;
}

/** What a message brings that takes its place. */
export interface MailToStore<Sender> {
  readonly sizeBytes: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  readonly wantsNotice: boolean;
  readonly sender: Sender;
  readonly seq: number;
  readonly stream: Bytes;
  readonly digest: Bytes;
  /** Kept in mailboxes of peers only. */
  readonly to: Bytes;
}

/** The messages of one mailbox by position, in the order in which they came. */
export interface StoredMails<Sender> extends Iterable<readonly [number, StoredMailOf<Sender>]> {
  readonly size: number;
  has(position: number): boolean;
  get(position: number): StoredMailOf<Sender> | undefined;
  keys(): IterableIterator<number>;
  values(): IterableIterator<StoredMailOf<Sender>>;
  put(position: number, mail: MailToStore<Sender>, place: Place | undefined): void;
  /** Where it lies in the log, from here on; nothing where the position is gone. */
  setPlace(position: number, place: Place): void;
  /** What is needed when it goes, without copying the rest. */
  loadOf(position: number): { readonly sender: Sender; readonly wantsNotice: boolean; readonly sizeBytes: number } | undefined;
  placeOf(position: number): Place | undefined;
  delete(position: number): void;
}

export interface MailColumns<Sender> {
  /** The messages of one more mailbox; with `route` each keeps whom it is for. */
  mailbox(route: boolean): StoredMails<Sender>;
}

const FIRST_ROWS = 64;
/** Stands for the segment of a message that has no place yet; no log has so many. */
const NOWHERE = 0xffff_ffff;
const NO_ROW = -1;

interface Columns {
  readonly sizes: Uint32Array;
  readonly storedAt: Float64Array;
  readonly expiries: Float64Array;
  readonly seqs: Float64Array;
  readonly segments: Uint32Array;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  readonly notices: Uint8Array;
  readonly labels: Uint8Array;
  /** Of a free row the next free one. */
  readonly nextFree: Int32Array;
}

export function createMailColumns<Sender>(): MailColumns<Sender> {
  let rows = FIRST_ROWS;
  let columns = columnsOf(rows);
  // bound: one per row
  const senders: (Sender | undefined)[] = [];
  /** Letters of recipients, by row. bound: one per row of a peer's mailbox */
  const recipients = new Map<number, string>();
  let used = 0;
  let firstFree = NO_ROW;

  const take = (): number => {
    if (firstFree !== NO_ROW) {
      const row = firstFree;
      firstFree = columns.nextFree[row] as number;
      return row;
    }
    if (used === rows) grow();
    return used++;
  };

  const grow = (): void => {
    const [old, oldRows] = [columns, rows];
    rows = 2 * oldRows;
    columns = columnsOf(rows);
    for (const name of Object.keys(old) as (keyof Columns)[]) columns[name].set(old[name]);
  };

  const giveBack = (row: number): void => {
    senders[row] = undefined;
    columns.nextFree[row] = firstFree;
    firstFree = row;
  };

  const placeIn = (row: number): Place | undefined => {
    const segment = columns.segments[row] as number;
    return segment === NOWHERE ? undefined : { segment, offset: columns.offsets[row] as number, length: columns.lengths[row] as number };
  };

  const setPlaceIn = (row: number, place: Place | undefined): void => {
    columns.segments[row] = place?.segment ?? NOWHERE;
    columns.offsets[row] = place?.offset ?? 0;
    columns.lengths[row] = place?.length ?? 0;
  };

  const read = (row: number): StoredMailOf<Sender> => ({
    place: placeIn(row),
    sizeBytes: columns.sizes[row] as number,
    storedAtMs: columns.storedAt[row] as number,
    expiresAtMs: columns.expiries[row] as number,
    wantsNotice: columns.notices[row] === 1,
    sender: senders[row] as Sender,
    label: String.fromCharCode(...columns.labels.subarray(row * LABEL_BYTES, (row + 1) * LABEL_BYTES)) + (recipients.get(row) ?? ""),
    seq: columns.seqs[row] as number,
  });

  return {
    mailbox: (route) => {
      /** bound: mailboxMessages, or routePercent */
      const rowOf = new Map<number, number>();
      return {
        get size() {
          return rowOf.size;
        },
        has: (position) => rowOf.has(position),
        get: (position) => {
          const row = rowOf.get(position);
          return row === undefined ? undefined : read(row);
        },
        keys: () => rowOf.keys(),
        *values() {
          for (const row of rowOf.values()) yield read(row);
        },
        *[Symbol.iterator]() {
          for (const [position, row] of rowOf) yield [position, read(row)] as const;
        },
        put: (position, mail, place) => {
          const row = take();
          rowOf.set(position, row);
          columns.sizes[row] = mail.sizeBytes;
          columns.storedAt[row] = mail.storedAtMs;
          columns.expiries[row] = mail.expiresAtMs;
          columns.seqs[row] = mail.seq;
          columns.notices[row] = mail.wantsNotice ? 1 : 0;
          setPlaceIn(row, place);
          columns.labels.set(mail.stream, row * LABEL_BYTES);
          columns.labels.set(mail.digest, row * LABEL_BYTES + STREAM_BYTES);
          senders[row] = mail.sender;
          if (route) recipients.set(row, String.fromCharCode(...mail.to));
        },
        setPlace: (position, place) => {
          const row = rowOf.get(position);
          if (row !== undefined) setPlaceIn(row, place);
        },
        loadOf: (position) => {
          const row = rowOf.get(position);
          if (row === undefined) return undefined;
          return { sender: senders[row] as Sender, wantsNotice: columns.notices[row] === 1, sizeBytes: columns.sizes[row] as number };
        },
        placeOf: (position) => {
          const row = rowOf.get(position);
          return row === undefined ? undefined : placeIn(row);
        },
        delete: (position) => {
          const row = rowOf.get(position);
          if (row === undefined) return;
          rowOf.delete(position);
          if (route) recipients.delete(row);
          giveBack(row);
        },
      };
    },
  };
}

function columnsOf(rows: number): Columns {
  return {
    sizes: new Uint32Array(rows),
    storedAt: new Float64Array(rows),
    expiries: new Float64Array(rows),
    seqs: new Float64Array(rows),
    segments: new Uint32Array(rows),
    offsets: new Float64Array(rows),
    lengths: new Uint32Array(rows),
    notices: new Uint8Array(rows),
    labels: new Uint8Array(rows * LABEL_BYTES),
    nextFree: new Int32Array(rows),
  };
}

/** `to` is empty where the mailbox is the recipient's own. */
export function readLabel(label: string): { readonly stream: Bytes; readonly digest: Bytes; readonly to: Bytes } {
  const bytes = new Uint8Array(label.length);
  for (let index = 0; index < label.length; index++) bytes[index] = label.charCodeAt(index);
  return {
    stream: bytes.slice(0, STREAM_BYTES),
    digest: bytes.slice(STREAM_BYTES, LABEL_BYTES),
    to: bytes.slice(LABEL_BYTES, LABEL_BYTES + AGENT_ID_BYTES),
  };
}

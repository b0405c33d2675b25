/**
 * Messages that wait, in columns of numbers that all mailboxes of a relay share: some 120 bytes each (32 more where it is passed on) and nothing for the garbage
 * collector to visit, however many millions there are. What is read of one is a copy, true as of now. Of mail that nobody is about to read
 * there is no row: it rests, and the index of its segment says what a row would.
 *
 * Invariants: a row belongs to one position of one mailbox until that is deleted; a row that belongs to none is on the list of free ones.
 * A position either has a row or rests.
 */
import type { Bytes } from "../../wire/bytes.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import type { MailRun } from "./mail-run.ts";
import type { Place, Places } from "./places.ts";
import { PositionTable } from "./position-table.ts";
import { createRestingRuns, NOTHING_RESTS, type RestingRun, type RestingRuns } from "./resting-runs.ts";

export const STREAM_BYTES = 8;
const DIGEST_BYTES = 16;
const LABEL_BYTES = STREAM_BYTES + DIGEST_BYTES;

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
  /** Begins at `streamAt`, or else at once; so does the digest. */
  readonly stream: Bytes;
  readonly streamAt?: number;
  readonly digest: Bytes;
  readonly digestAt?: number;
  /** Kept in mailboxes of peers only. */
  readonly to: Bytes;
  readonly toAt?: number;
}

/** A message for a consumer that is behind, to be read from the log. */
export interface Due {
  readonly position: number;
  readonly storedAtMs: number;
  readonly sizeBytes: number;
  readonly place: Place;
}

/** The messages of one mailbox by position, and in that order. Only those that have a row are visited, and found. */
export interface StoredMails<Sender> extends Iterable<readonly [number, StoredMailOf<Sender>]> {
  /** With those that rest. */
  readonly size: number;
  readonly resting: RestingRuns;
  /** When the oldest was stored; `undefined` when there is none. */
  readonly oldestMs: number | undefined;
  /** False where no position up to `last` has a row. */
  mayHaveRows(last: number): boolean;
  /** Also for one that rests. */
  has(position: number): boolean;
  get(position: number): StoredMailOf<Sender> | undefined;
  keys(): Iterable<number>;
  values(): IterableIterator<StoredMailOf<Sender>>;
  put(position: number, mail: MailToStore<Sender>, place: Place | undefined): void;
  /** Where it lies in the log, from here on; nothing where the position is gone. */
  setPlace(position: number, segment: number, offset: number, length: number): void;
  /** What is needed when it goes, without copying the rest. */
  loadOf(position: number): MailLoad<Sender> | undefined;
  placeOf(position: number): Place | undefined;
  /** Adds the same to `places`. */
  tellPlace(position: number, places: Places): void;
  /** What it takes to read it from the log; `undefined` before it lies there. */
  dueAt(position: number): Due | undefined;
  /** Adds the same to the run; false where it cannot, or does not fit. */
  addTo(run: MailRun, position: number): boolean;
  /** What is known of it to whom it is passed on; `undefined` without a row. */
  passedAt(position: number): PassedMail<Sender> | undefined;
  /** What an index says of it; `undefined` without a row or a place. The bytes are views, valid until the next change. */
  rowOf(position: number): MailRow<Sender> | undefined;
  /** Messages without a row that rest from here on. */
  addResting(run: RestingRun): void;
  /** Lets go of the rows of these, which an index names, as far as they are there and `may`: they rest from here on. */
  rest(named: Pick<RestingRun, "first" | "last" | "segment" | "row">, may: (position: number) => boolean): void;
  delete(position: number): void;
  /** The same; says what is needed when it goes, and tells `places` where it lies. */
  take(position: number, places: Places | undefined): MailLoad<Sender> | undefined;
}

/** What is needed of a message when it goes. */
export interface MailLoad<Sender> {
  readonly sender: Sender;
  readonly wantsNotice: boolean;
  readonly sizeBytes: number;
}

export interface PassedMail<Sender> {
  readonly sender: Sender;
  readonly digest: Bytes;
  readonly sizeBytes: number;
  readonly place: Place | undefined;
}

/** A row as the index of its segment keeps it. */
export interface MailRow<Sender> {
  readonly sender: Sender;
  readonly sizeBytes: number;
  readonly wantsNotice: boolean;
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  readonly seq: number;
  readonly stream: Bytes;
  readonly digest: Bytes;
  /** Letters of the recipient in the mailbox of a peer; else empty. */
  readonly to: string;
}

export interface MailColumns<Sender> {
  /** Messages that have a row, of all mailboxes. */
  readonly rows: number;
  /** The messages of one more mailbox; with `route` each keeps whom it is for. */
  mailbox(route: boolean): StoredMails<Sender>;
}

const FIRST_ROWS = 64;
/** Stands for the segment of a message that has no place yet; no log has so many. */
const NOWHERE = 0xffff_ffff;
const NO_ROW = -1;

interface Columns {
  readonly positions: Float64Array;
  readonly sizes: Uint32Array;
  readonly storedAt: Float64Array;
  readonly expiries: Float64Array;
  readonly seqs: Float64Array;
  readonly segments: Uint32Array;
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  readonly notices: Uint8Array;
  readonly labels: Uint8Array;
  /** Whom it is for; empty where nobody's is kept. */
  readonly recipients: Uint8Array;
  /** Of a free row the next free one, of another the next in its slot of a table. */
  readonly next: Int32Array;
}

export function createMailColumns<Sender>(): MailColumns<Sender> {
  const own = new SharedColumns<Sender>(false);
  // Apart, so that only mail that is passed on takes room for its recipient.
  const passed = new SharedColumns<Sender>(true);
  return {
    get rows() {
      return own.taken + passed.taken;
    },
    mailbox: (route) => new MailboxRows(route ? passed : own),
  };
}

class SharedColumns<Sender> {
  columns: Columns;
  /** bound: one per row */
  readonly senders: (Sender | undefined)[] = [];
  readonly route: boolean;
  taken = 0;
  #rows = FIRST_ROWS;
  #used = 0;
  #firstFree = NO_ROW;

  /** `route`: whom each is for is kept too. */
  constructor(route: boolean) {
    this.route = route;
    this.columns = columnsOf(FIRST_ROWS, route);
  }

  take(): number {
    this.taken++;
    if (this.#firstFree !== NO_ROW) {
      const row = this.#firstFree;
      this.#firstFree = this.columns.next[row] as number;
      return row;
    }
    if (this.#used === this.#rows) this.#grow();
    return this.#used++;
  }

  giveBack(row: number): void {
    this.taken--;
    this.senders[row] = undefined;
    this.columns.next[row] = this.#firstFree;
    this.#firstFree = row;
  }

  placeIn(row: number): Place | undefined {
    const { segments, offsets, lengths } = this.columns;
    const segment = segments[row] as number;
    return segment === NOWHERE ? undefined : { segment, offset: offsets[row] as number, length: lengths[row] as number };
  }

  setPlaceIn(row: number, segment: number, offset: number, length: number): void {
    const { segments, offsets, lengths } = this.columns;
    segments[row] = segment;
    offsets[row] = offset;
    lengths[row] = length;
  }

  read(row: number): StoredMailOf<Sender> {
    const { sizes, storedAt, expiries, notices, labels, seqs } = this.columns;
    return {
      place: this.placeIn(row),
      sizeBytes: sizes[row] as number,
      storedAtMs: storedAt[row] as number,
      expiresAtMs: expiries[row] as number,
      wantsNotice: notices[row] === 1,
      sender: this.senders[row] as Sender,
      label: lettersOf(labels.subarray(row * LABEL_BYTES, (row + 1) * LABEL_BYTES)) + this.recipientIn(row),
      seq: seqs[row] as number,
    };
  }

  /** Letters of whom it is for. */
  recipientIn(row: number): string {
    return lettersOf(this.columns.recipients.subarray(row * AGENT_ID_BYTES, (row + 1) * AGENT_ID_BYTES));
  }

  #grow(): void {
    const old = this.columns;
    this.#rows *= 2;
    this.columns = columnsOf(this.#rows, this.route);
    for (const name of Object.keys(old) as (keyof Columns)[]) this.columns[name].set(old[name]);
  }
}

/** A class because a relay has one for every mailbox, and most are empty. */
class MailboxRows<Sender> implements StoredMails<Sender> {
  readonly #shared: SharedColumns<Sender>;
  /** Made with the first message. bound: mailboxMessages, or routePercent */
  #table: PositionTable | undefined;
  #resting: RestingRuns = NOTHING_RESTS;
  /** No position below this has a row. */
  #lowest = Number.POSITIVE_INFINITY;

  constructor(shared: SharedColumns<Sender>) {
    this.#shared = shared;
  }

  get size(): number {
    return (this.#table?.size ?? 0) + this.#resting.size;
  }

  get resting(): RestingRuns {
    return this.#resting;
  }

  get oldestMs(): number | undefined {
    const row = this.#firstRow();
    if (row < 0) return this.#resting.oldestMs;
    return Math.min(this.#shared.columns.storedAt[row] as number, this.#resting.oldestMs ?? Number.POSITIVE_INFINITY);
  }

  mayHaveRows(last: number): boolean {
    return this.#table !== undefined && this.#table.size > 0 && this.#lowest <= last;
  }

  has(position: number): boolean {
    return this.#rowOf(position) >= 0 || this.#resting.has(position);
  }

  get(position: number): StoredMailOf<Sender> | undefined {
    const row = this.#rowOf(position);
    return row < 0 ? undefined : this.#shared.read(row);
  }

  keys(): Iterable<number> {
    return this.#table?.positions(this.#shared.columns) ?? [];
  }

  *values(): IterableIterator<StoredMailOf<Sender>> {
    for (const [, mail] of this) yield mail;
  }

  *[Symbol.iterator](): IterableIterator<readonly [number, StoredMailOf<Sender>]> {
    for (const position of this.keys()) {
      // Whoever visits them may let go of some meanwhile.
      const mail = this.get(position);
      if (mail !== undefined) yield [position, mail] as const;
    }
  }

  put(position: number, mail: MailToStore<Sender>, place: Place | undefined): void {
    const row = this.#shared.take();
    const { columns, senders, route } = this.#shared;
    this.#table ??= new PositionTable();
    this.#lowest = this.#table.size === 0 ? position : Math.min(this.#lowest, position);
    columns.positions[row] = position;
    this.#table.add(columns, row);
    columns.sizes[row] = mail.sizeBytes;
    columns.storedAt[row] = mail.storedAtMs;
    columns.expiries[row] = mail.expiresAtMs;
    columns.seqs[row] = mail.seq;
    columns.notices[row] = mail.wantsNotice ? 1 : 0;
    this.#shared.setPlaceIn(row, place?.segment ?? NOWHERE, place?.offset ?? 0, place?.length ?? 0);
    const label = row * LABEL_BYTES;
    copyInto(columns.labels, label, mail.stream, mail.streamAt ?? 0, STREAM_BYTES);
    copyInto(columns.labels, label + STREAM_BYTES, mail.digest, mail.digestAt ?? 0, DIGEST_BYTES);
    senders[row] = mail.sender;
    if (route) copyInto(columns.recipients, row * AGENT_ID_BYTES, mail.to, mail.toAt ?? 0, AGENT_ID_BYTES);
  }

  setPlace(position: number, segment: number, offset: number, length: number): void {
    const row = this.#rowOf(position);
    if (row >= 0) this.#shared.setPlaceIn(row, segment, offset, length);
  }

  loadOf(position: number): MailLoad<Sender> | undefined {
    const row = this.#rowOf(position);
    if (row < 0) return undefined;
    const { columns, senders } = this.#shared;
    return { sender: senders[row] as Sender, wantsNotice: columns.notices[row] === 1, sizeBytes: columns.sizes[row] as number };
  }

  placeOf(position: number): Place | undefined {
    const row = this.#rowOf(position);
    return row < 0 ? undefined : this.#shared.placeIn(row);
  }

  tellPlace(position: number, places: Places): void {
    const row = this.#rowOf(position);
    if (row < 0) return;
    const { segments, offsets, lengths } = this.#shared.columns;
    const segment = segments[row] as number;
    if (segment !== NOWHERE) places.add(segment, offsets[row] as number, lengths[row] as number);
  }

  dueAt(position: number): Due | undefined {
    const row = this.#rowOf(position);
    if (row < 0) return undefined;
    const place = this.#shared.placeIn(row);
    const { storedAt, sizes } = this.#shared.columns;
    return place && { position, storedAtMs: storedAt[row] as number, sizeBytes: sizes[row] as number, place };
  }

  addTo(run: MailRun, position: number): boolean {
    const row = this.#rowOf(position);
    if (row < 0) return false;
    const { segments, offsets, lengths, storedAt } = this.#shared.columns;
    const segment = segments[row] as number;
    if (segment === NOWHERE) return false;
    return run.add(position, storedAt[row] as number, segment, offsets[row] as number, lengths[row] as number);
  }

  passedAt(position: number): PassedMail<Sender> | undefined {
    const row = this.#rowOf(position);
    if (row < 0) return undefined;
    const { columns, senders } = this.#shared;
    return {
      sender: senders[row] as Sender,
      digest: columns.labels.slice(row * LABEL_BYTES + STREAM_BYTES, (row + 1) * LABEL_BYTES),
      sizeBytes: columns.sizes[row] as number,
      place: this.#shared.placeIn(row),
    };
  }

  rowOf(position: number): MailRow<Sender> | undefined {
    const row = this.#rowOf(position);
    const { columns, senders } = this.#shared;
    if (row < 0 || columns.segments[row] === NOWHERE) return undefined;
    const label = row * LABEL_BYTES;
    return {
      sender: senders[row] as Sender,
      sizeBytes: columns.sizes[row] as number,
      wantsNotice: columns.notices[row] === 1,
      segment: columns.segments[row] as number,
      offset: columns.offsets[row] as number,
      length: columns.lengths[row] as number,
      storedAtMs: columns.storedAt[row] as number,
      expiresAtMs: columns.expiries[row] as number,
      seq: columns.seqs[row] as number,
      stream: columns.labels.subarray(label, label + STREAM_BYTES),
      digest: columns.labels.subarray(label + STREAM_BYTES, label + LABEL_BYTES),
      to: this.#shared.recipientIn(row),
    };
  }

  addResting(run: RestingRun): void {
    if (this.#resting === NOTHING_RESTS) this.#resting = createRestingRuns();
    this.#resting.add(run);
  }

  rest({ first, last, segment, row: firstRow }: Parameters<StoredMails<Sender>["rest"]>[0], may: (position: number) => boolean): void {
    const { columns } = this.#shared;
    let run: { first: number; last: number; expiresAtMs: number; storedAtMs: number } | undefined;
    const end = (): void => {
      if (run !== undefined) this.addResting({ ...run, segment, row: firstRow + run.first - first });
      run = undefined;
    };
    for (let position = first; position <= last; position++) {
      const row = this.#rowOf(position);
      if (row < 0 || columns.segments[row] === NOWHERE || !may(position)) {
        end();
        continue;
      }
      const [expiresAtMs, storedAtMs] = [columns.expiries[row] as number, columns.storedAt[row] as number];
      run ??= { first: position, last: position, expiresAtMs, storedAtMs };
      run.last = position;
      run.expiresAtMs = Math.min(run.expiresAtMs, expiresAtMs);
      run.storedAtMs = Math.min(run.storedAtMs, storedAtMs);
      this.#table?.remove(columns, position);
      this.#shared.giveBack(row);
    }
    end();
  }

  delete(position: number): void {
    this.take(position, undefined);
  }

  take(position: number, places: Places | undefined): MailLoad<Sender> | undefined {
    const row = this.#table?.remove(this.#shared.columns, position) ?? NO_ROW;
    if (row < 0) return undefined;
    const { columns, senders } = this.#shared;
    const load = { sender: senders[row] as Sender, wantsNotice: columns.notices[row] === 1, sizeBytes: columns.sizes[row] as number };
    const segment = columns.segments[row] as number;
    if (segment !== NOWHERE) places?.add(segment, columns.offsets[row] as number, columns.lengths[row] as number);
    this.#shared.giveBack(row);
    return load;
  }

  #rowOf(position: number): number {
    return this.#table === undefined ? NO_ROW : this.#table.find(this.#shared.columns, position);
  }

  /** That of the lowest position, which is looked for where it was last. */
  #firstRow(): number {
    if (this.#table === undefined || this.#table.size === 0) return NO_ROW;
    while (this.#rowOf(this.#lowest) < 0) this.#lowest++;
    return this.#rowOf(this.#lowest);
  }
}

/** Byte by byte: of so few a call would take longer. */
function copyInto(bytes: Bytes, at: number, from: Bytes, fromAt: number, length: number): void {
  for (let index = 0; index < length; index++) bytes[at + index] = from[fromAt + index] as number;
}

function columnsOf(rows: number, route: boolean): Columns {
  return {
    positions: new Float64Array(rows),
    sizes: new Uint32Array(rows),
    storedAt: new Float64Array(rows),
    expiries: new Float64Array(rows),
    seqs: new Float64Array(rows),
    segments: new Uint32Array(rows),
    offsets: new Float64Array(rows),
    lengths: new Uint32Array(rows),
    notices: new Uint8Array(rows),
    labels: new Uint8Array(rows * LABEL_BYTES),
    recipients: new Uint8Array(route ? rows * AGENT_ID_BYTES : 0),
    next: new Int32Array(rows),
  };
}

/** A letter for each of a few bytes. As an array is spread they would be gone through one by one, which takes ten times as long. */
export function lettersOf(bytes: Bytes): string {
  return String.fromCharCode.apply(undefined, bytes as unknown as number[]);
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

/** What the index of a closed segment says, as a relay's machine takes it. */
import { type Bytes, viewOf } from "../../wire/bytes.ts";
import { DIGEST_BYTES } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES, STREAM_BYTES } from "../../wire/ids.ts";
import {
  INDEX_LOAD_BYTES,
  INDEX_ROW_BYTES,
  type IndexCounts,
  type IndexedMailbox,
  type IndexedSender,
  indexLayout,
  indexLoad,
  indexRow,
} from "../../wire/kept-index.ts";
import { KEPT_MAIL_HEADER_BYTES } from "../../wire/kept-relay.ts";
import type { Place } from "./mailbox-state.ts";

/** Positions of one mailbox, one behind the other, whose rows in the index of a segment begin at `row`. */
export interface IndexedPositions {
  /** Key of the mailbox. */
  readonly agent: string;
  readonly first: number;
  readonly count: number;
  readonly row: number;
}

/** A message as an index keeps it. */
export interface RestingRow {
  readonly sender: IndexedSender;
  readonly sizeBytes: number;
  readonly wantsNotice: boolean;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  readonly seq: number;
  readonly stream: Bytes;
  readonly digest: Bytes;
  /** Of mail that is to be passed on; else empty. */
  readonly to: Bytes;
  readonly place: Place;
}

/** Bytes of the body of an index. */
export interface IndexPart {
  readonly offset: number;
  readonly length: number;
}

/** Where the parts of an index lie that speak of `count` rows from `row` on: what `rowsIn` takes. */
export function partsOf(counts: IndexCounts, row: number, count: number): readonly [loads: IndexPart, rows: IndexPart] {
  const { loads, rows } = indexLayout(counts);
  return [
    { offset: loads + row * INDEX_LOAD_BYTES, length: count * INDEX_LOAD_BYTES },
    { offset: rows + row * INDEX_ROW_BYTES, length: count * INDEX_ROW_BYTES },
  ];
}

/** `recipients`: of these rows, where they are in the mailbox of another relay. */
export function rowsIn(
  segment: number,
  senderOf: (nth: number) => IndexedSender,
  loads: Bytes,
  rows: Bytes,
  recipients: Bytes | undefined,
): readonly RestingRow[] {
  const view = viewOf(loads);
  return Array.from({ length: rows.length / INDEX_ROW_BYTES }, (_, nth) => {
    const { sender: by, sizeBytes, wantsNotice } = indexLoad(view, nth * INDEX_LOAD_BYTES);
    const { offset, ...row } = indexRow(rows, nth * INDEX_ROW_BYTES);
    const sender = senderOf(by);
    const length = recordBytes({ route: recipients !== undefined }, sender, sizeBytes);
    const to = recipients === undefined ? NOBODY : recipients.subarray(nth * AGENT_ID_BYTES, (nth + 1) * AGENT_ID_BYTES);
    return { ...row, sender, sizeBytes, wantsNotice, to, place: { segment, offset, length } };
  });
}

/** Where no record of a segment lies, in the header of its file: the place of one whose own is not known any more. */
const NO_RECORD_AT = 12;

export function isPlaceUnknown({ offset }: Place): boolean {
  return offset === NO_RECORD_AT;
}

/** Rows of messages of which nothing is left but their loads. */
export function lostRowsIn(segment: number, senderOf: (nth: number) => IndexedSender, loads: Bytes): readonly RestingRow[] {
  const view = viewOf(loads);
  return Array.from({ length: loads.length / INDEX_LOAD_BYTES }, (_, nth) => {
    const { sender: by, sizeBytes, wantsNotice } = indexLoad(view, nth * INDEX_LOAD_BYTES);
    const sender = senderOf(by);
    const place = { segment, offset: NO_RECORD_AT, length: recordBytes({ route: false }, sender, sizeBytes) };
    const unknown = { storedAtMs: 0, expiresAtMs: 0, seq: 0, stream: NO_STREAM, digest: NO_DIGEST };
    return { ...unknown, sender, sizeBytes, wantsNotice, to: NOBODY, place };
  });
}

const NOBODY: Bytes = new Uint8Array(0);
const NO_STREAM: Bytes = new Uint8Array(STREAM_BYTES);
const NO_DIGEST: Bytes = new Uint8Array(DIGEST_BYTES);

/** Bytes of the record of a message whose envelope has so many. */
export function recordBytes({ route }: Pick<IndexedMailbox, "route">, { kind }: Pick<IndexedSender, "kind">, sizeBytes: number): number {
  return KEPT_MAIL_HEADER_BYTES + (route || kind === "relayed" ? AGENT_ID_BYTES : 0) + sizeBytes;
}

/**
 * What a relay needs of a closed segment of its log at a start, and what it needs later of mail that it keeps no row of: the body of the
 * index beside the segment (store/log/segment-index.ts). Integers are big-endian, times are milliseconds since 1970.
 *
 *   head            16      0  4  mailboxes        4  4  senders        8  4  runs       12  4  rows
 *   mailboxes       33 each 0  1  1 for that of another relay           1 32  whose it is
 *   senders         65 each 0  1  0 the relay itself, 1 an agent here, 2 one of another relay
 *                           1 32  who wrote it                         33 32  the relay it came from; zero unless 2
 *   runs            30 each messages at positions one behind the other, with rows one behind the other, in order of rows
 *                           0  4  mailbox, by its place above           4  8  first position
 *                          12  6  when the first of them expires       18  6  when the first was stored
 *                          24  4  messages                             28  2  zero
 *   loads            8 each row
 *                           0  4  sender, by its place above
 *                           4  4  bytes of the envelope; the highest bit is set where its sender is told when it is not settled in time
 *   rows            50 each 0  6  where its record begins in the segment
 *                           6  6  when it was stored                   12  6  when it expires
 *                          18  8  sequence                             26  8  stream                34 16  digest
 *   recipients      32 each row of a mailbox of another relay, in their order
 */
import { type Bytes, putU32, putU64, u16At, u32At, u64At } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { AGENT_ID_BYTES } from "./ids.ts";

export const INDEX_HEAD_BYTES = 16;
export const INDEX_LOAD_BYTES = 8;
export const INDEX_ROW_BYTES = 50;
const MAILBOX_BYTES = 1 + AGENT_ID_BYTES;
const SENDER_BYTES = 1 + 2 * AGENT_ID_BYTES;
const RUN_BYTES = 30;
const NOTICE_BIT = 0x8000_0000;
/** Rows of one index: of a segment of 4 GiB full of the smallest records. */
const MAX_ROWS = 2 ** 26;

export interface IndexCounts {
  readonly mailboxes: number;
  readonly senders: number;
  readonly runs: number;
  readonly rows: number;
}

export interface IndexedMailbox {
  /** Of another relay: its mail is to be passed on. */
  readonly route: boolean;
  /** 32 bytes. */
  readonly id: Bytes;
}

export const INDEX_SENDERS = ["relay", "agent", "relayed"] as const;

export interface IndexedSender {
  readonly kind: (typeof INDEX_SENDERS)[number];
  /** 32 bytes each. */
  readonly from: Bytes;
  readonly via: Bytes;
}

export interface IndexedRun {
  readonly mailbox: number;
  readonly first: number;
  readonly count: number;
  readonly expiresAtMs: number;
  readonly storedAtMs: number;
}

export interface IndexedLoad {
  readonly sender: number;
  readonly sizeBytes: number;
  readonly wantsNotice: boolean;
}

/** Where the parts of an index begin; what lies before `rows` is read at a start. */
export interface IndexLayout {
  readonly senders: number;
  readonly runs: number;
  readonly loads: number;
  readonly rows: number;
  readonly recipients: number;
}

export function indexLayout({ mailboxes, senders, runs, rows }: IndexCounts): IndexLayout {
  const sendersAt = INDEX_HEAD_BYTES + mailboxes * MAILBOX_BYTES;
  const runsAt = sendersAt + senders * SENDER_BYTES;
  const loads = runsAt + runs * RUN_BYTES;
  const rowsAt = loads + rows * INDEX_LOAD_BYTES;
  return { senders: sendersAt, runs: runsAt, loads, rows: rowsAt, recipients: rowsAt + rows * INDEX_ROW_BYTES };
}

export function putIndexHead(bytes: Bytes, { mailboxes, senders, runs, rows }: IndexCounts): void {
  putU32(bytes, 0, mailboxes);
  putU32(bytes, 4, senders);
  putU32(bytes, 8, runs);
  putU32(bytes, 12, rows);
}

/** `indexBytes`: of the whole index; `log-damaged` when it cannot be so long. */
export function readIndexHead(bytes: Bytes, indexBytes: number): IndexCounts {
  if (bytes.length < INDEX_HEAD_BYTES) throw damaged("its head is missing");
  const counts = { mailboxes: u32At(bytes, 0), senders: u32At(bytes, 4), runs: u32At(bytes, 8), rows: u32At(bytes, 12) };
  const { recipients } = indexLayout(counts);
  if (counts.rows > MAX_ROWS || recipients > indexBytes || (indexBytes - recipients) % AGENT_ID_BYTES !== 0)
    throw damaged("its head does not go with its length");
  return counts;
}

export function putIndexMailbox(bytes: Bytes, nth: number, { route, id }: IndexedMailbox): void {
  const at = INDEX_HEAD_BYTES + nth * MAILBOX_BYTES;
  bytes[at] = route ? 1 : 0;
  bytes.set(id, at + 1);
}

/** `bytes`: of the index from its beginning. */
export function indexMailbox(bytes: Bytes, nth: number): IndexedMailbox {
  const at = INDEX_HEAD_BYTES + nth * MAILBOX_BYTES;
  return { route: bytes[at] === 1, id: bytes.subarray(at + 1, at + MAILBOX_BYTES) };
}

export function putIndexSender(bytes: Bytes, sendersAt: number, nth: number, { kind, from, via }: IndexedSender): void {
  const at = sendersAt + nth * SENDER_BYTES;
  bytes[at] = INDEX_SENDERS.indexOf(kind);
  bytes.set(from, at + 1);
  bytes.set(via, at + 1 + AGENT_ID_BYTES);
}

export function indexSender(bytes: Bytes, sendersAt: number, nth: number): IndexedSender {
  const at = sendersAt + nth * SENDER_BYTES;
  const kind = INDEX_SENDERS[bytes[at] as number];
  if (kind === undefined) throw damaged(`sender ${nth} is of no kind`);
  return { kind, from: bytes.subarray(at + 1, at + 1 + AGENT_ID_BYTES), via: bytes.subarray(at + 1 + AGENT_ID_BYTES, at + SENDER_BYTES) };
}

export function putIndexRun(bytes: Bytes, runsAt: number, nth: number, run: IndexedRun): void {
  const at = runsAt + nth * RUN_BYTES;
  putU32(bytes, at, run.mailbox);
  putU64(bytes, at + 4, run.first);
  putU48(bytes, at + 12, run.expiresAtMs);
  putU48(bytes, at + 18, run.storedAtMs);
  putU32(bytes, at + 24, run.count);
}

export function indexRun(bytes: Bytes, runsAt: number, nth: number): IndexedRun {
  const at = runsAt + nth * RUN_BYTES;
  const first = u64At(bytes, at + 4);
  if (first === undefined || first === 0) throw damaged(`run ${nth} begins nowhere`);
  return {
    mailbox: u32At(bytes, at),
    first,
    expiresAtMs: u48At(bytes, at + 12),
    storedAtMs: u48At(bytes, at + 18),
    count: u32At(bytes, at + 24),
  };
}

export function putIndexLoad(bytes: Bytes, at: number, { sender, sizeBytes, wantsNotice }: IndexedLoad): void {
  putU32(bytes, at, sender);
  putU32(bytes, at + 4, wantsNotice ? (sizeBytes | NOTICE_BIT) >>> 0 : sizeBytes);
}

/** `loads`: as a view, because a start reads all of them: so each number is one instruction. */
export function indexLoad(loads: DataView, at: number): IndexedLoad {
  const size = loads.getUint32(at + 4);
  return { sender: loads.getUint32(at), sizeBytes: size & ~NOTICE_BIT, wantsNotice: size >= NOTICE_BIT };
}

export interface IndexedRow {
  readonly offset: number;
  readonly storedAtMs: number;
  readonly expiresAtMs: number;
  readonly seq: number;
  /** 8 bytes, and 16. */
  readonly stream: Bytes;
  readonly digest: Bytes;
}

const STREAM_AT = 26;
const DIGEST_AT = 34;

export function putIndexRow(bytes: Bytes, at: number, { offset, storedAtMs, expiresAtMs, seq, stream, digest }: IndexedRow): void {
  putU48(bytes, at, offset);
  putU48(bytes, at + 6, storedAtMs);
  putU48(bytes, at + 12, expiresAtMs);
  putU64(bytes, at + 18, seq);
  bytes.set(stream, at + STREAM_AT);
  bytes.set(digest, at + DIGEST_AT);
}

export function indexRow(bytes: Bytes, at: number): IndexedRow {
  const seq = u64At(bytes, at + 18);
  if (seq === undefined) throw damaged("a row has no sequence number");
  return {
    offset: u48At(bytes, at),
    storedAtMs: u48At(bytes, at + 6),
    expiresAtMs: u48At(bytes, at + 12),
    seq,
    stream: bytes.subarray(at + STREAM_AT, at + DIGEST_AT),
    digest: bytes.subarray(at + DIGEST_AT, at + INDEX_ROW_BYTES),
  };
}

function putU48(bytes: Bytes, at: number, value: number): void {
  const high = Math.floor(value / 2 ** 32);
  bytes[at] = high >>> 8;
  bytes[at + 1] = high;
  putU32(bytes, at + 2, value % 2 ** 32);
}

function u48At(bytes: Bytes, at: number): number {
  return u16At(bytes, at) * 2 ** 32 + u32At(bytes, at + 2);
}

function damaged(why: string): PerdureError {
  return new PerdureError("log-damaged", `the index of a segment is not what was written: ${why}`);
}

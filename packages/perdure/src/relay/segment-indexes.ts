/** Reads the indexes of closed segments for the relay's machine: at a start, and row by row later. */
import type { RestingRow } from "../protocol/delivery/index-reading.ts";
import { type IndexPart, lostRowsIn, partsOf, rowsIn } from "../protocol/delivery/index-reading.ts";
import { routedRuns } from "../protocol/delivery/index-recall.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { IndexedRecords, RecordLog } from "../store/log/record-log.ts";
import type { IndexReader } from "../store/log/segment-index.ts";
import type { Bytes } from "../wire/bytes.ts";
import { hex } from "../wire/bytes.ts";
import { peekEnvelope } from "../wire/envelope.ts";
import { isPerdureError } from "../wire/error.ts";
import { AGENT_ID_BYTES } from "../wire/ids.ts";
import {
  INDEX_HEAD_BYTES,
  type IndexCounts,
  type IndexedSender,
  indexLayout,
  indexMailbox,
  indexRun,
  indexSender,
  readIndexHead,
} from "../wire/kept-index.ts";
import { decodeKept } from "../wire/kept-relay.ts";

/** What the indexes tell at a start. */
export function recallFrom(mailboxes: Mailboxes): Omit<IndexedRecords, "needed"> {
  const recall = mailboxes.recallIndexes();
  return {
    recalled: recall.finish,
    recall: async (segment, index) => {
      const counts = await countsOf(index);
      const layout = indexLayout(counts);
      const bytes = await index.read(0, layout.rows);
      const routed = new Map<number, readonly RestingRow[]>();
      for (const { nth, row, count, recipient } of routedRuns(counts, bytes)) {
        const recipients = await index.read(layout.recipients + recipient * AGENT_ID_BYTES, count * AGENT_ID_BYTES);
        const senderOf = (by: number): IndexedSender => indexSender(bytes, layout.senders, by);
        routed.set(nth, await readRows(segment, index, counts, row, count, senderOf, recipients));
      }
      return () => recall.take(segment, counts, bytes, routed);
    },
    reread: mailboxes.reread,
  };
}

async function countsOf(index: IndexReader): Promise<IndexCounts> {
  return readIndexHead(await index.read(0, Math.min(INDEX_HEAD_BYTES, index.bytes)), index.bytes);
}

async function readRows(
  segment: number,
  index: IndexReader,
  counts: IndexCounts,
  row: number,
  count: number,
  senderOf: (nth: number) => IndexedSender,
  recipients?: Bytes,
): Promise<readonly RestingRow[]> {
  const [loads, rows] = await Promise.all(partsOf(counts, row, count).map(({ offset, length }) => index.read(offset, length)));
  return rowsIn(segment, senderOf, loads as Bytes, rows as Bytes, recipients);
}

/** Messages of one mailbox an index names: `mailbox` is whose it is, 32 bytes. */
export interface NamedRun {
  readonly mailbox: Bytes;
  readonly first: number;
  readonly count: number;
  readonly row: number;
}

/** Runs of mail for agents of this relay that the index of a segment names; none where it is damaged, which is told. */
export async function namedRuns(
  log: Pick<RecordLog, "openIndex">,
  segment: number,
  damaged: (segment: number) => void,
): Promise<readonly NamedRun[]> {
  await using index = await log.openIndex(segment);
  if (index === undefined) return [];
  try {
    return await runsIn(index);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    damaged(segment);
    return [];
  }
}

/** It is not what was written, or the disk does not give it. */
function isUnreadable(error: unknown): boolean {
  return isPerdureError(error) && (error.code === "log-damaged" || error.code === "disk-failed");
}

async function runsIn(index: IndexReader): Promise<readonly NamedRun[]> {
  const counts = await countsOf(index);
  const { runs, loads } = indexLayout(counts);
  const bytes = await index.read(0, loads);
  const named: NamedRun[] = [];
  let row = 0;
  for (let nth = 0; nth < counts.runs; nth++) {
    const { mailbox, first, count } = indexRun(bytes, runs, nth);
    const { route, id } = indexMailbox(bytes, mailbox);
    if (!route) named.push({ mailbox: id, first, count, row });
    row += count;
  }
  return named;
}

/** Rows of positions of one mailbox, one behind the other. */
export interface RowsRead {
  readonly rows: readonly RestingRow[];
  /** Positions whose record is damaged as well: their rows say only whose loads they count in, and nobody can read them. */
  readonly lost: readonly number[];
}

/** Senders of the segments that were read last. */
export interface RowReader {
  /** So many rows from `row` on, of positions of the mailbox of `agentId` from `first` on; from the segment itself where its index is damaged. */
  read(segment: number, row: number, agentId: Bytes, first: number, count: number): Promise<RowsRead>;
}

const REMEMBERED = 16;

export function createRowReader(log: Pick<RecordLog, "openIndex" | "readClosed">, damaged: (segment: number) => void): RowReader {
  // bound: REMEMBERED
  const known = new Map<number, { readonly counts: IndexCounts; readonly senders: Bytes }>();

  const sendersOf = async (segment: number, index: IndexReader): Promise<{ readonly counts: IndexCounts; readonly senders: Bytes }> => {
    const remembered = known.get(segment);
    known.delete(segment);
    const counts = remembered?.counts ?? (await countsOf(index));
    const { senders, runs } = indexLayout(counts);
    const found = remembered ?? { counts, senders: (await index.read(senders, runs - senders)).slice() };
    known.set(segment, found);
    for (const old of known.keys()) {
      if (known.size <= REMEMBERED) break;
      known.delete(old);
    }
    return found;
  };

  /** What the segment itself still says of these positions. */
  const reread = async (segment: number, agentId: Bytes, first: number, count: number): Promise<ReadonlyMap<number, RestingRow>> => {
    const rows = new Map<number, RestingRow>();
    await log.readClosed(segment, (record, place) => {
      const kept = decodeKept(record);
      if (kept.kind !== "mail" || kept.mail.routedTo !== undefined) return;
      const { position, storedAtMs, relayedBy, link } = kept.mail;
      if (position < first || position >= first + count) return;
      const envelope = peekEnvelope(kept.mail.envelope.slice());
      if (hex(envelope.to) !== hex(agentId)) return;
      const kind = relayedBy !== undefined ? "relayed" : link.every((byte) => byte === 0) ? "relay" : "agent";
      rows.set(position, {
        sender: { kind, from: envelope.from, via: relayedBy?.slice() ?? NOBODY },
        sizeBytes: envelope.bytes.length,
        wantsNotice: envelope.class === "mail",
        storedAtMs,
        expiresAtMs: envelope.expiresAtMs,
        seq: envelope.seq,
        stream: envelope.stream,
        digest: envelope.digest,
        to: NOBODY,
        place,
      });
    });
    return rows;
  };

  const fromIndex = async (segment: number, row: number, count: number): Promise<IndexSays> => {
    try {
      await using index = await log.openIndex(segment);
      if (index === undefined) return SAYS_NOTHING;
      const { counts, senders } = await sendersOf(segment, index);
      const senderOf = (nth: number): IndexedSender => indexSender(senders, 0, nth);
      const isOnePiece = ({ offset, length }: IndexPart): boolean => index.isOnePiece(offset, length);
      const rows = await wholeOf(row, count, {
        read: (from, some) => readRows(segment, index, counts, from, some, senderOf),
        isOnePiece: (from, some) => partsOf(counts, from, some).every(isOnePiece),
      });
      if (!rows.includes(undefined)) return { rows, loads: rows };
      const loads = await wholeOf(row, count, {
        read: async (from, some) => {
          const [{ offset, length }] = partsOf(counts, from, some);
          return lostRowsIn(segment, senderOf, await index.read(offset, length));
        },
        isOnePiece: (from, some) => isOnePiece(partsOf(counts, from, some)[0]),
      });
      return { rows, loads };
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return SAYS_NOTHING;
    }
  };

  return {
    read: async (segment, row, agentId, first, count) => {
      const { rows, loads } = await fromIndex(segment, row, count);
      const told: RestingRow[] = [];
      const lost: number[] = [];
      let found: ReadonlyMap<number, RestingRow> | undefined;
      for (let nth = 0; nth < count; nth++) {
        let whole = rows[nth];
        if (whole === undefined) {
          if (found === undefined) {
            known.delete(segment);
            damaged(segment);
            found = await reread(segment, agentId, first, count);
          }
          whole = found.get(first + nth);
        }
        const next = whole ?? loads[nth];
        // Only what lies one behind the other from the first on can be told.
        if (next === undefined) break;
        told.push(next);
        if (whole === undefined) lost.push(first + nth);
      }
      return { rows: told, lost };
    },
  };
}

/** Of each row that was asked for: itself, and what stands for it where only its load is known; `undefined` where the index is damaged. */
interface IndexSays {
  readonly rows: readonly (RestingRow | undefined)[];
  readonly loads: readonly (RestingRow | undefined)[];
}

const SAYS_NOTHING: IndexSays = { rows: [], loads: [] };

interface RowsIn {
  read(row: number, count: number): Promise<readonly RestingRow[]>;
  /** Whether none of these can be read where all of them cannot. */
  isOnePiece(row: number, count: number): boolean;
}

/** Of rows of an index those that lie in pieces of it that can be read. */
async function wholeOf(row: number, count: number, rows: RowsIn): Promise<readonly (RestingRow | undefined)[]> {
  try {
    return await rows.read(row, count);
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    if (count === 1 || rows.isOnePiece(row, count)) return Array.from({ length: count }, () => undefined);
    const half = Math.ceil(count / 2);
    return [...(await wholeOf(row, half, rows)), ...(await wholeOf(row + half, count - half, rows))];
  }
}

const NOBODY: Bytes = new Uint8Array(0);

/**
 * Makes the indexes of closed segments: what of them waits, from the rows of the mailboxes. Whoever makes one visits every mailbox; what is
 * settled meanwhile may be in it or not, for a start looks at what is settled.
 */
import { type Bytes, EMPTY } from "../../wire/bytes.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import {
  INDEX_LOAD_BYTES,
  INDEX_ROW_BYTES,
  type IndexedMailbox,
  type IndexedSender,
  indexLayout,
  putIndexHead,
  putIndexLoad,
  putIndexMailbox,
  putIndexRow,
  putIndexRun,
  putIndexSender,
} from "../../wire/kept-index.ts";
import { recordBytes } from "./index-reading.ts";
import type { AgentState, Place, Sender } from "./mailbox-state.ts";

export interface IndexDraft {
  /** Rows of that mailbox, as far as their records lie in one of the segments. `actual`: where a record really lies. */
  visit(owner: AgentState, actual: (place: Place) => Place): void;
  /** The index of one of them, and the places its rows speak of. */
  finish(segment: number): { readonly body: Bytes; readonly places: readonly Place[] };
}

interface Run {
  readonly mailbox: number;
  readonly first: number;
  count: number;
  expiresAtMs: number;
  storedAtMs: number;
}

interface Part {
  readonly mailboxes: IndexedMailbox[];
  readonly senders: IndexedSender[];
  readonly senderOf: Map<string, number>;
  readonly runs: Run[];
  readonly places: Place[];
  loads: Bytes;
  rows: Bytes;
  recipients: Bytes;
  routed: number;
}

const FIRST_ROWS = 256;
const NO_PEER: Bytes = new Uint8Array(AGENT_ID_BYTES);

export function draftIndexes(segments: readonly number[]): IndexDraft {
  // bound: one per closed segment without an index
  const parts = new Map<number, Part>(segments.map((segment) => [segment, emptyPart()]));
  return {
    visit: ({ mailbox, idRaw }, actual) => {
      const { stored, route } = mailbox;
      // bound: one per segment
      const begun = new Map<Part, Run>();
      for (const position of stored.keys()) {
        const row = stored.rowOf(position);
        if (row === undefined) continue;
        const place = actual(row);
        const part = parts.get(place.segment);
        if (part === undefined) continue;
        let run = begun.get(part);
        if (run === undefined || run.first + run.count !== position) {
          if (run === undefined) part.mailboxes.push({ route, id: idRaw });
          run = {
            mailbox: part.mailboxes.length - 1,
            first: position,
            count: 0,
            expiresAtMs: row.expiresAtMs,
            storedAtMs: row.storedAtMs,
          };
          begun.set(part, run);
          part.runs.push(run);
        }
        run.count++;
        run.expiresAtMs = Math.min(run.expiresAtMs, row.expiresAtMs);
        run.storedAtMs = Math.min(run.storedAtMs, row.storedAtMs);
        const sender = senderIn(part, row.sender);
        if (row.length !== recordBytes({ route }, part.senders[sender] as IndexedSender, row.sizeBytes))
          throw new RangeError(`a record of ${row.length} bytes has an envelope of ${row.sizeBytes}`);
        const nth = part.places.length;
        part.places.push({ segment: place.segment, offset: place.offset, length: row.length });
        part.loads = withRoom(part.loads, nth, INDEX_LOAD_BYTES);
        part.rows = withRoom(part.rows, nth, INDEX_ROW_BYTES);
        putIndexLoad(part.loads, nth * INDEX_LOAD_BYTES, { sender, sizeBytes: row.sizeBytes, wantsNotice: row.wantsNotice });
        putIndexRow(part.rows, nth * INDEX_ROW_BYTES, { ...row, offset: place.offset });
        if (!route) continue;
        part.recipients = withRoom(part.recipients, part.routed, AGENT_ID_BYTES);
        for (let at = 0; at < AGENT_ID_BYTES; at++) part.recipients[part.routed * AGENT_ID_BYTES + at] = row.to.charCodeAt(at);
        part.routed++;
      }
    },
    finish: (segment) => {
      const { mailboxes, senders, runs, places, loads, rows, recipients, routed } = parts.get(segment) ?? emptyPart();
      const counts = { mailboxes: mailboxes.length, senders: senders.length, runs: runs.length, rows: places.length };
      const layout = indexLayout(counts);
      const body = new Uint8Array(layout.recipients + routed * AGENT_ID_BYTES);
      putIndexHead(body, counts);
      for (const [nth, each] of mailboxes.entries()) putIndexMailbox(body, nth, each);
      for (const [nth, each] of senders.entries()) putIndexSender(body, layout.senders, nth, each);
      for (const [nth, each] of runs.entries()) putIndexRun(body, layout.runs, nth, each);
      body.set(loads.subarray(0, places.length * INDEX_LOAD_BYTES), layout.loads);
      body.set(rows.subarray(0, places.length * INDEX_ROW_BYTES), layout.rows);
      body.set(recipients.subarray(0, routed * AGENT_ID_BYTES), layout.recipients);
      return { body, places };
    },
  };
}

function senderIn({ senders, senderOf }: Part, { key, from, via, author }: Sender): number {
  const known = senderOf.get(key);
  if (known !== undefined) return known;
  const kind = via !== undefined ? "relayed" : author !== undefined ? "agent" : "relay";
  senders.push({ kind, from, via: via?.idRaw ?? NO_PEER });
  senderOf.set(key, senders.length - 1);
  return senders.length - 1;
}

function emptyPart(): Part {
  return {
    mailboxes: [],
    senders: [],
    // bound: one per sender of one segment
    senderOf: new Map(),
    runs: [],
    places: [],
    loads: new Uint8Array(FIRST_ROWS * INDEX_LOAD_BYTES),
    rows: new Uint8Array(FIRST_ROWS * INDEX_ROW_BYTES),
    recipients: EMPTY,
    routed: 0,
  };
}

function withRoom(bytes: Bytes, rows: number, rowBytes: number): Bytes {
  if ((rows + 1) * rowBytes <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(FIRST_ROWS * rowBytes, 2 * bytes.length));
  larger.set(bytes);
  return larger;
}

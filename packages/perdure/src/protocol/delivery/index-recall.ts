/**
 * Takes what the indexes of closed segments say of mail that waits, at a start, once everything else was replayed. A hundred million messages
 * pass by here: of each only its load is looked at, and loads are summed up in tables before anybody's are raised.
 */
import { type Bytes, equalBytes, u32At, viewOf } from "../../wire/bytes.ts";
import {
  INDEX_LOAD_BYTES,
  type IndexCounts,
  type IndexedSender,
  indexLayout,
  indexLoad,
  indexMailbox,
  indexRun,
  indexSender,
} from "../../wire/kept-index.ts";
import { type RestingRow, recordBytes } from "./index-reading.ts";
import { withoutRanges } from "./interval-set.ts";
import { LoadTable } from "./load-table.ts";
import { type AgentState, addAgent, findAgent, findPeer, type Origin, type RelayState, type Sender } from "./mailbox-state.ts";
import { recallPeer } from "./peer-state.ts";
import { countMail, OWN_ORIGIN, originOf, putRow, senderOf } from "./stored-mail.ts";

type Sha256 = (bytes: Bytes) => Bytes;

export interface IndexRecall {
  /**
   * Takes an index: `bytes` are those before its rows, `routed` the rows of `routedRuns`. Says which records are needed; throws
   * `log-damaged`, and takes nothing, where the index contradicts itself.
   */
  take(
    segment: number,
    counts: IndexCounts,
    bytes: Bytes,
    routed: ReadonlyMap<number, readonly RestingRow[]>,
  ): { readonly count: number; readonly bytes: number };
  /** All were taken: what was taken counts from here on. */
  finish(): void;
}

/** Runs of an index that are mail for other relays, by their place among all runs; `recipient`: of the first, by its place among all recipients. */
export function routedRuns(
  counts: IndexCounts,
  bytes: Bytes,
): readonly { readonly nth: number; readonly row: number; readonly count: number; readonly recipient: number }[] {
  const found: { nth: number; row: number; count: number; recipient: number }[] = [];
  let [row, recipient] = [0, 0];
  for (let nth = 0; nth < counts.runs; nth++) {
    const { mailbox, count } = indexRun(bytes, indexLayout(counts).runs, nth);
    if (indexMailbox(bytes, mailbox).route) {
      found.push({ nth, row, count, recipient });
      recipient += count;
    }
    row += count;
  }
  return found;
}

export function createIndexRecall(state: RelayState, sha256: Sha256): IndexRecall {
  // bound: one per mailbox
  const tables = new Map<AgentState, LoadTable>();
  /** Senders by the numbers they have in the tables. bound: one per sender */
  const said: IndexedSender[] = [];
  // bound: the same
  const numberOf = new Map<string, number>();

  /** By the first bytes of their ids: an index names each mailbox anew. bound: one per agent */
  const agents = new Map<number, AgentState>();

  const agentOf = (id: Bytes): AgentState => {
    const start = u32At(id, 0);
    const last = agents.get(start);
    if (last !== undefined && equalBytes(last.idRaw, id)) return last;
    const agent = findAgent(state, id) ?? addAgent(state, id);
    agents.set(start, agent);
    return agent;
  };
  const tableOf = (owner: AgentState): LoadTable => {
    const known = tables.get(owner) ?? new LoadTable();
    tables.set(owner, known);
    return known;
  };
  const senderNumber = (sender: IndexedSender): number => {
    const key = `${sender.kind} ${String.fromCharCode(...sender.from, ...sender.via)}`;
    const known = numberOf.get(key) ?? said.push({ ...sender, from: sender.from.slice(), via: sender.via.slice() }) - 1;
    numberOf.set(key, known);
    return known;
  };

  return {
    take: (segment, counts, bytes, routed) => {
      const layout = indexLayout(counts);
      const senders = Array.from({ length: counts.senders }, (_, nth) => indexSender(bytes, layout.senders, nth));
      const runs = Array.from({ length: counts.runs }, (_, nth) => indexRun(bytes, layout.runs, nth));
      const numbers = senders.map(senderNumber);
      const headers = senders.map((sender) => recordBytes({ route: false }, sender, 0));
      // Of one run: messages and bytes for each sender and kind.
      const sums = new Float64Array(4 * counts.senders);
      const recalled = { count: 0, bytes: 0 };
      let nextRow = 0;
      for (const [nth, run] of runs.entries()) {
        const { route, id } = indexMailbox(bytes, run.mailbox);
        const row = nextRow - run.first;
        nextRow += run.count;
        // What waited for a relay that is forgotten was let go of.
        const owner = route ? findPeer(state, id) : agentOf(id);
        if (owner === undefined) continue;
        const { mailbox } = owner;
        const last = run.first + run.count - 1;
        mailbox.nextPosition = Math.max(mailbox.nextPosition, last + 1);
        mailbox.syncedTail = mailbox.nextPosition - 1;
        const rows = routed.get(nth);
        for (const [from, to] of waitingOf(owner, run.first, last)) {
          recalled.count += to - from + 1;
          if (rows !== undefined) {
            recalled.bytes += takeRouted(state, sha256, owner, from, rows.slice(from - run.first, to - run.first + 1));
            continue;
          }
          mailbox.stored.addResting({ ...run, first: from, last: to, segment, row: row + from });
          mailbox.earliestExpiryMs = Math.min(mailbox.earliestExpiryMs, run.expiresAtMs);
          const end = layout.loads + (row + to + 1) * INDEX_LOAD_BYTES;
          const touched = sumLoads(bytes, layout.loads + (row + from) * INDEX_LOAD_BYTES, end, sums);
          recalled.bytes += passOn(sums, touched, numbers, headers, tableOf(owner));
        }
      }
      return recalled;
    },
    finish: () => {
      const origins = said.map((sender) => originIn(state, sha256, sender));
      for (const [owner, table] of tables)
        table.forEach((by, wantsNotice, messages, envelopes) => {
          const sender = senderOf(state, owner, (said[by] as IndexedSender).from, origins[by] as Origin);
          countMail(state, owner.mailbox, { sender, wantsNotice }, messages, envelopes);
        });
      tables.clear();
      agents.clear();
    },
  };
}

/** Adds loads to sums that are zero, by twice the sender and one more for mail; says which are not zero any more. */
function sumLoads(bytes: Bytes, from: number, end: number, sums: Float64Array): readonly number[] {
  const touched: number[] = [];
  const loads = viewOf(bytes.subarray(from, end));
  for (let at = 0; at < loads.byteLength; at += INDEX_LOAD_BYTES) {
    const { sender, sizeBytes, wantsNotice } = indexLoad(loads, at);
    const kind = wantsNotice ? 2 * sender + 1 : 2 * sender;
    const messages = sums[2 * kind] as number;
    if (messages === 0) touched.push(kind);
    sums[2 * kind] = messages + 1;
    sums[2 * kind + 1] = (sums[2 * kind + 1] as number) + sizeBytes;
  }
  return touched;
}

/** Adds what was touched of sums to those of a mailbox, and leaves zeros; bytes of the records. */
function passOn(
  sums: Float64Array,
  touched: readonly number[],
  numbers: readonly number[],
  headers: readonly number[],
  table: LoadTable,
): number {
  let bytes = 0;
  for (const kind of touched) {
    // Not destructured together: an array would be made of each pair.
    const messages = sums[2 * kind] as number;
    const envelopes = sums[2 * kind + 1] as number;
    const by = kind >>> 1;
    table.add(numbers[by] as number, kind % 2 === 1, messages, envelopes);
    bytes += (headers[by] as number) * messages + envelopes;
    sums[2 * kind] = 0;
    sums[2 * kind + 1] = 0;
  }
  return bytes;
}

/** Bytes of their records. */
function takeRouted(state: RelayState, sha256: Sha256, owner: AgentState, first: number, rows: readonly RestingRow[]): number {
  let bytes = 0;
  for (const [nth, row] of rows.entries()) {
    const sender: Sender = senderOf(state, owner, row.sender.from, originIn(state, sha256, row.sender));
    putRow(owner, first + nth, row, sender);
    countMail(state, owner.mailbox, { sender, wantsNotice: row.wantsNotice }, 1, row.sizeBytes);
    bytes += row.place.length;
  }
  return bytes;
}

/** What of these positions waits and was not recalled before: a record that was copied lies in two segments until the first goes. */
function waitingOf({ mailbox }: AgentState, first: number, last: number): readonly (readonly [number, number])[] {
  const { settled, stored } = mailbox;
  let left = settled.count(first, last) === 0 ? [[first, last] as const] : withoutRanges([[first, last]], settled.ranges);
  const others = stored.resting.within(first, last);
  if (others.length > 0) left = withoutRanges(left, others);
  if (!stored.mayHaveRows(last)) return left;
  const taken: (readonly [number, number])[] = [];
  for (const [from, to] of left) for (let at = from; at <= to; at++) if (stored.has(at)) taken.push([at, at]);
  return withoutRanges(left, taken);
}

function originIn(state: RelayState, sha256: Sha256, { kind, from, via }: IndexedSender): Origin {
  if (kind === "relay") return OWN_ORIGIN;
  return originOf(kind === "relayed" ? recallPeer(state, sha256, via) : (findAgent(state, from) ?? addAgent(state, from)), { from });
}

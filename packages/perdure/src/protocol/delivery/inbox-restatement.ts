/** The records that make an inbox again: streams first, then their messages with the places of their content. */
import type { Kept, KeptStream, PayloadAt } from "../../wire/kept-agent.ts";
import { headOf, type Incoming, incomingKey } from "./incoming.ts";
import type { IncomingStream } from "./incoming-stream.ts";
import type { MailboxCursor } from "./mailbox-cursor.ts";

export interface Restated {
  readonly kept: Kept;
  readonly restated?: PayloadAt;
}

export function restateInbox(state: {
  readonly streams: ReadonlyMap<string, IncomingStream>;
  readonly messages: Iterable<Incoming>;
  /** Those of them that left the failed box again. */
  readonly putBack: ReadonlySet<Incoming>;
  readonly cursor: MailboxCursor;
}): readonly Restated[] {
  const records: Restated[] = [{ kept: positionsRecord(state.cursor) }];
  for (const stream of state.streams.values()) for (const head of streamRecords(stream)) records.push({ kept: { kind: "stream", head } });
  const messages = [...state.messages];
  // A twin that is read back finds the message it ends with, whose first part may have come later.
  const twinsLast = [...messages.filter(({ twinOf }) => twinOf === undefined), ...messages.filter(({ twinOf }) => twinOf !== undefined)];
  for (const incoming of twinsLast) {
    const { from, stream, seq } = incoming;
    for (const { head, at } of incoming.have.values()) {
      const position = state.cursor.positionOf(incomingKey(from, stream, head.seq));
      const current = position > 0 ? { generation: state.cursor.generation, position } : {};
      records.push({ kept: { kind: "received", head: { ...head, ...current } }, restated: at });
    }
    if (incoming.attempt > 0) records.push({ kept: { kind: "started", head: { from, stream, seq, attempt: incoming.attempt } } });
    const { box, arrival, failures, notBeforeMs } = incoming;
    const crashes = incoming.crashes + incoming.starts;
    const wasPutBack = state.putBack.has(incoming);
    if (wasPutBack)
      records.push({ kept: { kind: "put", head: { from, stream, seq, box: "failed", arrival, failures, crashes, notBeforeMs } } });
    if (incoming.attempt > 0 || wasPutBack || box !== "contacts" || arrival > headOf(incoming).arrival) {
      records.push({ kept: { kind: "put", head: { from, stream, seq, box, arrival, failures, crashes, notBeforeMs } } });
    }
  }
  return records;
}

/** At most 1,024 ranges: more stay unknown to the next opening, which only means that they are said again. */
export function positionsRecord(cursor: MailboxCursor): Kept {
  return { kind: "positions", head: { generation: cursor.generation, settled: cursor.settled.slice(0, 1024).map((range) => [...range]) } };
}

/** Long lists are spread over several records of the same stream; they add up. */
function* streamRecords(stream: IncomingStream): Iterable<KeptStream> {
  const ranges = stream.settled.ranges.map((range) => [...range]);
  const keys = [...stream.keys].map(([key, seq]) => ({ key, seq }));
  const digests = [...stream.digests]
    .flatMap(([seq, { digests, attempt }]) => digests.map((digest) => ({ seq, digest, attempt })))
    .slice(-stream.bounds.digests);
  let first = true;
  do {
    yield {
      from: stream.from,
      stream: stream.stream,
      settled: ranges.splice(0, stream.bounds.runsPerRecord),
      floor: stream.floor,
      maxExpiryMs: stream.maxExpiryMs,
      digests: first ? digests : [],
      keys: keys.splice(0, stream.bounds.keysPerRecord),
    };
    first = false;
  } while (ranges.length > 0 || keys.length > 0);
}

/** For tests of the inbox: one with a mailbox under it, what is delivered to it, and what handlers do with it. */
import { concat } from "../../wire/bytes.ts";
import { type Box, decodeKept, encodeKept, type Kept, type KeptIncoming, type PayloadAt } from "../../wire/kept-agent.ts";
import { PART_BYTES } from "../../wire/limits.ts";
import { SEALED_EXTENSIONS } from "../../wire/sealed.ts";
import { plainHead } from "../../wire/test-sealed-head.ts";
import { createInbox, type Inbox, type InboxLimits } from "./inbox.ts";
import { type Incoming, incomingKey } from "./incoming.ts";
import { createMailboxCursor, type MailboxCursor } from "./mailbox-cursor.ts";

export const NOW = 1_000_000;
export const EXPIRY: number = NOW + 100_000;
export const HOLE_WAIT = 5_000;
export const FORGET = 50_000;
export const GENERATION: Uint8Array = new Uint8Array(8).fill(1);
export const from: Uint8Array = new Uint8Array(32).fill(7);
export const stream: Uint8Array = new Uint8Array(8).fill(9);
export const limits: InboxLimits = { holeWaitMs: HOLE_WAIT, forgetStreamMs: FORGET, liveStreams: 2, allStreams: 1000, retryMaxMs: 60_000 };

export interface Bench {
  inbox: Inbox;
  cursor: MailboxCursor;
  places: number;
}

export function bench(defences = { dedupe: true, floor: true }): Bench {
  const cursor = createMailboxCursor(defences);
  cursor.begin(GENERATION, []);
  return { inbox: createInbox({ limits, defences, cursor }), cursor, places: 0 };
}

/** What a restart does: everything is restated as bytes and read back. */
export function reopen(before: Bench, defences = { dedupe: true, floor: true }): Bench {
  const after = bench(defences);
  after.places = before.places;
  after.inbox.reset(before.inbox.lastArrival);
  for (const { kept, restated } of before.inbox.restate()) {
    const read = decodeKept(encodeKept(kept, undefined, restated));
    after.inbox.apply(read.kept, read.restated, true);
  }
  return after;
}

export interface Part {
  readonly seq: number;
  readonly part?: number;
  readonly parts?: number;
  readonly floor?: number;
  readonly key?: string;
  readonly digest?: number;
  readonly expiresAtMs?: number;
  readonly stream?: Uint8Array;
  /** Digests of envelopes that this one takes the place of. */
  readonly resealed?: readonly number[];
}

export function headOf(
  { seq, part = 0, parts = 1, floor = 1, key = "", digest = seq, expiresAtMs = EXPIRY, stream: on = stream, resealed = [] }: Part,
  position: number,
  atMs: number,
  arrival: number,
): KeptIncoming {
  return {
    from,
    stream: on,
    seq,
    digest: new Uint8Array(16).fill(digest),
    generation: GENERATION,
    position,
    storedAtMs: atMs,
    receivedAtMs: atMs,
    expiresAtMs,
    arrival,
    fromName: "",
    head: plainHead({
      idempotencyKey: key,
      part,
      parts,
      wholeBytes: (parts - 1) * PART_BYTES + 1,
      floor,
      sentAtMs: NOW,
      extensions:
        resealed.length === 0
          ? []
          : [{ code: SEALED_EXTENSIONS.resealed, bytes: concat(...resealed.map((fill) => new Uint8Array(16).fill(fill))) }],
    }),
  };
}

export function place(on: Bench): PayloadAt {
  return { segment: 1, offset: ++on.places, length: 10 };
}

/** As arrivals do it: judge, and keep what is new. */
export function deliver(on: Bench, part: Part, position: number, atMs = NOW): string {
  const head = headOf(part, position, atMs, on.inbox.nextArrival());
  const judgement = on.inbox.judge(head, atMs);
  if (judgement === "new") on.inbox.apply({ kind: "received", head }, place(on));
  else if (judgement === "pending" && on.inbox.boxOf(from, head.stream, head.seq) === "requests")
    on.cursor.settlePosition(GENERATION, position);
  else if (judgement === "pending") on.cursor.hold(GENERATION, position, incomingKey(from, head.stream, head.seq));
  else if (judgement === "settled") on.cursor.settlePosition(GENERATION, position);
  return judgement;
}

export const next = (on: Bench, atMs = NOW): Incoming | undefined => {
  const found = on.inbox.next(atMs, () => true);
  return "incoming" in found ? found.incoming : undefined;
};
export const start = (on: Bench, incoming: Incoming): void => {
  const attempt = incoming.attempt + 1;
  on.inbox.apply({ kind: "started", head: { from, stream: incoming.stream, seq: incoming.seq, attempt } }, undefined);
  incoming.claim = { client: "c", attempt };
};
export const completion = (incoming: Incoming): Kept => ({
  kind: "completed",
  head: { from, stream: incoming.stream, seq: incoming.seq, parts: incoming.parts, attempt: incoming.attempt, outcome: "done", atMs: NOW },
});
export const complete = (on: Bench, incoming: Incoming): void => {
  for (const twin of on.inbox.twins(incoming)) on.inbox.apply(completion(twin), undefined);
  on.inbox.apply(completion(incoming), undefined);
};
export const put = (on: Bench, incoming: Incoming, box: Box, failures: number, notBeforeMs = 0): void => {
  on.inbox.apply(
    {
      kind: "put",
      head: { from, stream: incoming.stream, seq: incoming.seq, box, arrival: on.inbox.nextArrival(), failures, crashes: 0, notBeforeMs },
    },
    undefined,
  );
  incoming.claim = undefined;
};

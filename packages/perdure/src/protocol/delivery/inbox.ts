/**
 * The inbox: every message this agent was sent, from its arrival to its completion.
 *
 * States of a message: in parts, waiting, claimed (a handler has it), put off (a failure, a pause), requested (in `requests`,
 * until its owner says more of its sender), failed (in the failed box), completed. States of a sequence number: unknown, pending, settled, forgotten with its stream.
 *
 * Inputs: `apply` (a record that became durable, or is read back). Questions: `judge` (what to do with a part that
 * arrived), `next` (what may start), `due` (what time alone makes due). Outputs: payload locations nobody needs any more.
 *
 * Invariants:
 * - Durable state changes by `apply` only, and the same records give the same state, live or read back.
 * - A settled number is never handed over again; a stream is forgotten only when everything on it has been expired for
 *   `forgetStreamMs` by more than one clock, so that a replay is either recognised or expired, also after a clock that was
 *   ahead has been put right.
 * - A message's attempt rises durably before each start; only the newest attempt can complete it.
 * - Messages of one stream start in the order of their numbers, except past a hole older than `holeWaitMs`.
 * - A requested message is on this agent's disk alone: its positions are settled at the relay, its numbers stay pending here.
 * - A completion settles every part, and every twin with the same idempotency key ends the same way. A key that was refused, or failed
 *   and went from a full box, is free again: nobody is told that a message was done because another one was not.
 */
import type { Bytes } from "../../wire/bytes.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { Box, Kept, KeptCompletion, KeptIncoming, KeptPassing, KeptPlace, KeptStream, PayloadAt } from "../../wire/kept-agent.ts";
import { MAX_PARTS, PART_BYTES } from "../../wire/limits.ts";
import { restateInbox } from "./inbox-restatement.ts";
import { digestOf, digestsOf, headOf, type Incoming, incomingKey, isWhole, sameMessage, saysTheSame, streamKey } from "./incoming.ts";
import {
  addMessage,
  createIncomingStream,
  firstFree,
  hasTooManyRuns,
  type IncomingStream,
  messageOf,
  rememberDigest,
  rememberKey,
  removeMessage,
  STREAM_BOUNDS,
  type StreamBounds,
  startsAtMs,
} from "./incoming-stream.ts";
import { createMailIndex } from "./mail-index.ts";
import type { MailboxCursor } from "./mailbox-cursor.ts";
import { createRequestTally, type Held } from "./request-tally.ts";

export interface InboxLimits {
  readonly holeWaitMs: number;
  readonly forgetStreamMs: number;
  readonly liveStreams: number;
  /** Of all senders together; those that have none yet may begin one while less than half are open. */
  readonly allStreams: number;
  readonly retryMaxMs: number;
}

/** What arrived, before it is kept. */
export type Arrival = Pick<KeptIncoming, "from" | "stream" | "seq" | "digest" | "expiresAtMs"> & Partial<Pick<KeptIncoming, "head">>;
export type Judgement = "new" | "settled" | "pending" | "conflict" | "expired" | "too-busy" | "malformed";

export interface Inbox {
  /** `at`: where the payload lies; `restated`: the record restates what was kept before and is not weighed against the settled numbers. */
  apply(kept: Kept, at: PayloadAt | undefined, restated?: boolean): void;
  reset(arrival: number): void;
  restate(): readonly { readonly kept: Kept; readonly restated?: PayloadAt }[];
  holds(at: PayloadAt): boolean;
  takeReleases(): readonly PayloadAt[];

  judge(arrival: Arrival, nowMs: number): Judgement;
  find(key: string): Incoming | undefined;
  /** The attempt that completed a message, while it is remembered. */
  completedAttempt(from: Bytes, stream: Bytes, seq: number): number | undefined;
  /** Whole messages of a box in order of arrival, twins left out. */
  listed(box: Box, afterArrival: number, limit?: number): readonly Incoming[];
  /** Whole messages in a box that say they answer this one, twins left out. */
  answersTo(id: MessageId): Iterable<Incoming>;
  /** The first message that may start now and that `accepts` takes, or when to ask again. */
  next(nowMs: number, accepts: (incoming: Incoming) => boolean): { readonly incoming: Incoming } | { readonly atMs: number };
  /** Messages that end as this one does. */
  twins(incoming: Incoming): readonly Incoming[];
  /** Twins of messages that ended already. */
  lateTwins(): readonly Incoming[];
  /** Twins of messages in the failed box: they end with those, which may be never. */
  twinsOfFailed(): readonly Incoming[];
  /** The next arrival number. */
  nextArrival(): number;
  readonly lastArrival: number;
  /**
   * Messages to put into the failed box for their expiry, records to keep, and when to look again. Streams are forgotten by
   * `provenMs`, the date that more than one clock says has passed.
   */
  due(
    nowMs: number,
    provenMs: number,
  ): { readonly expired: readonly Incoming[]; readonly records: readonly Kept[]; readonly nextMs: number };
  /** The box of the message that a pending number belongs to. */
  boxOf(from: Bytes, stream: Bytes, seq: number): Box | undefined;
  /** What `requests` holds, of everybody or of one sender, parts of messages that are not whole included. */
  requested(from?: Bytes): Held;
  readonly waiting: number;
  readonly requests: number;
  readonly failed: number;
}

/** Records that may change which streams have no message left, or when one is forgotten. */
const OF_STREAMS: ReadonlySet<Kept["kind"]> = new Set(["received", "put", "completed", "passed", "stream", "streamForgotten"]);

export function createInbox(input: {
  readonly limits: InboxLimits;
  readonly defences: { readonly dedupe: boolean };
  readonly cursor: MailboxCursor;
  /** Others than {@link STREAM_BOUNDS}, so small that a few steps meet them. */
  readonly bounds?: StreamBounds;
}): Inbox {
  const { limits, cursor, bounds = STREAM_BOUNDS } = input;
  // bound: mailboxMessages of each relay, and what `requests` and the failed box hold
  const messages = new Map<string, Incoming>();
  // bound: allStreams
  const streams = new Map<string, IncomingStream>();
  // bound: allStreams
  const streamsOf = new Map<string, Set<IncomingStream>>();
  const index = createMailIndex();
  /** Streams with messages that nobody settled yet. */
  // bound: allStreams
  const busy = new Set<IncomingStream>();
  /** Messages that left the failed box again, which their stream has settled. */
  // bound: one per message of the inbox
  const putBack = new Set<Incoming>();
  // bound: one per part of a message that is held
  const held = new Set<string>();
  const tally = createRequestTally();
  // bound: until the store takes them, after each change
  let releases: PayloadAt[] = [];
  let arrivals = 0;
  /** When the first of the streams without messages is forgotten, while no record changed that; `undefined` before it was looked for. */
  let nextForgetMs: number | undefined;

  const place = (at: PayloadAt): string => `${at.segment}:${at.offset}`;
  const fromKey = (from: Bytes): string => streamKey(from, from);
  const streamFor = (from: Bytes, stream: Bytes): IncomingStream => {
    const key = streamKey(from, stream);
    let state = streams.get(key);
    if (state === undefined) {
      state = createIncomingStream(from, stream, bounds);
      streams.set(key, state);
      const siblings = streamsOf.get(fromKey(from)) ?? new Set();
      streamsOf.set(fromKey(from), siblings.add(state));
    }
    return state;
  };
  const hasTooManyStreams = (from: Bytes): boolean => {
    const theirs = streamsOf.get(fromKey(from))?.size ?? 0;
    return theirs >= limits.liveStreams || streams.size >= (theirs === 0 ? limits.allStreams / 2 : limits.allStreams);
  };
  const lift = (stream: IncomingStream, expiresAtMs: number): void => {
    stream.maxExpiryMs = Math.max(stream.maxExpiryMs, expiresAtMs);
  };

  /** The first message of this sender that took an idempotency key: pending, settled or in the failed box. */
  const keyTaken = (from: Bytes, key: string): { readonly stream: IncomingStream; readonly seq: number } | undefined => {
    for (const stream of streamsOf.get(fromKey(from)) ?? []) {
      const seq = stream.keys.get(key);
      if (seq !== undefined) return { stream, seq };
    }
    return undefined;
  };

  const received = (head: KeptIncoming, at: PayloadAt | undefined, isRestated: boolean): void => {
    const stream = streamFor(head.from, head.stream);
    lift(stream, head.expiresAtMs);
    stream.floor = Math.max(stream.floor, Math.min(head.head.floor, head.seq));
    arrivals = Math.max(arrivals, head.arrival);
    const seqKey = incomingKey(head.from, head.stream, head.seq);
    const seq = head.seq - head.head.part;
    const key = incomingKey(head.from, head.stream, seq);
    if (at === undefined || (!isRestated && input.defences.dedupe && stream.settled.has(head.seq))) {
      cursor.settlePosition(head.generation, head.position);
      return;
    }
    cursor.hold(head.generation, head.position, seqKey);
    let incoming = messages.get(key);
    if (incoming === undefined) {
      incoming = {
        key,
        from: head.from,
        stream: head.stream,
        seq,
        parts: head.head.parts,
        // bound: MAX_PARTS
        have: new Map(),
        box: "contacts",
        arrival: 0,
        wholeAtMs: 0,
        attempt: 0,
        failures: 0,
        crashes: 0,
        starts: 0,
        notBeforeMs: 0,
        claim: undefined,
        committing: false,
        twinOf: undefined,
      };
      messages.set(key, incoming);
      addMessage(stream, incoming);
      busy.add(stream);
    }
    if (incoming.box === "requests") cursor.settleSeq(seqKey);
    if (incoming.have.has(head.head.part)) return;
    incoming.have.set(head.head.part, { head, at });
    held.add(place(at));
    stream.pending.set(head.seq, digestsOf(head.digest, head.head));
    incoming.arrival = Math.max(incoming.arrival, head.arrival);
    incoming.wholeAtMs = Math.max(incoming.wholeAtMs, head.receivedAtMs);
    if (!isWhole(incoming)) return;
    takeKey(stream, incoming);
    index.place(incoming);
  };

  const takeKey = (stream: IncomingStream, incoming: Incoming): void => {
    const { idempotencyKey } = headOf(incoming).head;
    if (idempotencyKey === "" || !input.defences.dedupe) return;
    const first = keyTaken(incoming.from, idempotencyKey);
    if (first === undefined) {
      rememberKey(stream, idempotencyKey, incoming.seq);
      return;
    }
    if (first.stream === stream && first.seq === incoming.seq) return;
    incoming.twinOf = messages.get(incomingKey(first.stream.from, first.stream.stream, first.seq)) ?? incoming;
  };

  const settleParts = (incoming: Incoming, attempt: number, atRelay = true): void => {
    const stream = streamFor(incoming.from, incoming.stream);
    for (let seq = incoming.seq; seq < incoming.seq + incoming.parts; seq++) {
      const kept = incoming.have.get(seq - incoming.seq)?.head;
      const digests = stream.pending.get(seq) ?? (kept === undefined ? [] : digestsOf(kept.digest, kept.head));
      for (const digest of digests.toReversed()) rememberDigest(stream, seq, digest, attempt);
      stream.pending.delete(seq);
      stream.settled.add(seq);
      if (atRelay) cursor.settleSeq(incomingKey(incoming.from, incoming.stream, seq));
    }
    removeMessage(stream, incoming);
    if (stream.messages.length === 0) busy.delete(stream);
  };

  const drop = (incoming: Incoming): void => {
    for (const { at } of incoming.have.values()) if (held.delete(place(at))) releases.push(at);
    messages.delete(incoming.key);
    putBack.delete(incoming);
    tally.remove(incoming);
    index.remove(incoming);
  };

  const completed = (head: KeptCompletion): void => {
    const incoming = messages.get(incomingKey(head.from, head.stream, head.seq));
    if (incoming === undefined) return;
    settleParts(incoming, head.attempt);
    drop(incoming);
    if (head.outcome !== "done") freeKey(incoming);
  };

  /** A twin of what was refused, or given up, stands for itself from then on. */
  const freeKey = (refused: Incoming): void => {
    const { keys } = streamFor(refused.from, refused.stream);
    const { idempotencyKey } = headOf(refused).head;
    if (keys.get(idempotencyKey) === refused.seq) keys.delete(idempotencyKey);
    for (const twin of index.twinsOf(refused)) {
      twin.twinOf = undefined;
      takeKey(streamFor(twin.from, twin.stream), twin);
      index.place(twin);
    }
  };

  const put = (head: KeptPlace): void => {
    const incoming = messages.get(incomingKey(head.from, head.stream, head.seq));
    if (incoming === undefined) return;
    if (head.box === "failed") putBack.delete(incoming);
    else if (incoming.box === "failed") putBack.add(incoming);
    Object.assign(incoming, {
      box: head.box,
      arrival: head.arrival,
      failures: head.failures,
      crashes: head.crashes,
      notBeforeMs: head.notBeforeMs,
      starts: 0,
    });
    index.place(incoming);
    arrivals = Math.max(arrivals, head.arrival);
    if (head.box === "requests") {
      tally.add(incoming);
      for (const part of incoming.have.values()) cursor.settleSeq(incomingKey(incoming.from, incoming.stream, part.head.seq));
    } else tally.remove(incoming);
    if (head.box === "failed") settleParts(incoming, incoming.attempt);
  };

  const passed = (head: KeptPassing): void => {
    const stream = streamFor(head.from, head.stream);
    lift(stream, head.expiresAtMs);
    for (const incoming of stream.messages.filter((each) => head.seq >= each.seq && head.seq < each.seq + each.parts)) {
      settleParts(incoming, 0, head.position > 0);
      drop(incoming);
    }
    stream.settled.add(head.seq);
    rememberDigest(stream, head.seq, head.digest, 0);
    // Parts that never became whole stay with the relay, whose notice tells their sender.
    if (head.position === 0) return;
    cursor.settleSeq(incomingKey(head.from, head.stream, head.seq));
    cursor.settlePosition(head.generation, head.position);
  };

  /** What may start: of each stream the first that nobody works on, for it holds up the ones after it. */
  function* candidates(): Iterable<Incoming> {
    for (const stream of busy) {
      const first = firstFree(stream);
      if (first !== undefined) yield first;
    }
    yield* putBack;
  }

  const restated = (head: KeptStream): void => {
    const stream = streamFor(head.from, head.stream);
    lift(stream, head.maxExpiryMs);
    stream.floor = Math.max(stream.floor, head.floor);
    for (const [first, last] of head.settled) if (first !== undefined && last !== undefined) stream.settled.add(first, last);
    for (const { seq, digest, attempt } of head.digests) rememberDigest(stream, seq, digest, attempt);
    for (const { key, seq } of head.keys) rememberKey(stream, key, seq);
  };

  return {
    apply(kept, at, isRestated = false) {
      if (OF_STREAMS.has(kept.kind)) nextForgetMs = undefined;
      if (kept.kind === "received") received(kept.head, at, isRestated);
      else if (kept.kind === "started") {
        const incoming = messages.get(incomingKey(kept.head.from, kept.head.stream, kept.head.seq));
        if (incoming === undefined) return;
        incoming.attempt = Math.max(incoming.attempt, kept.head.attempt);
        incoming.starts++;
      } else if (kept.kind === "completed") completed(kept.head);
      else if (kept.kind === "put") put(kept.head);
      else if (kept.kind === "passed") passed(kept.head);
      else if (kept.kind === "stream") restated(kept.head);
      else if (kept.kind === "streamForgotten") {
        const key = streamKey(kept.head.from, kept.head.stream);
        const stream = streams.get(key);
        if (stream === undefined) return;
        streams.delete(key);
        const siblings = streamsOf.get(fromKey(kept.head.from));
        siblings?.delete(stream);
        if (siblings?.size === 0) streamsOf.delete(fromKey(kept.head.from));
      } else if (kept.kind === "positions")
        cursor.begin(
          kept.head.generation,
          kept.head.settled.map(([first = 1, last = 0]) => [first, last] as const),
        );
    },
    reset(arrival) {
      for (const all of [messages, streams, streamsOf, held, index, busy, putBack, tally]) all.clear();
      releases = [];
      arrivals = arrival;
      nextForgetMs = undefined;
    },
    restate: () => restateInbox({ streams, messages: messages.values(), putBack, cursor }),
    holds: (at) => held.has(place(at)),
    takeReleases() {
      const taken = releases;
      releases = [];
      return taken;
    },
    judge(arrival, nowMs) {
      const stream = streams.get(streamKey(arrival.from, arrival.stream));
      const known = stream?.pending.get(arrival.seq);
      const digests = digestsOf(arrival.digest, arrival.head);
      if (known !== undefined) return saysTheSame(known, digests) ? (input.defences.dedupe ? "pending" : "new") : "conflict";
      if (stream?.settled.has(arrival.seq) && input.defences.dedupe) {
        const remembered = stream.digests.get(arrival.seq);
        return remembered !== undefined && !saysTheSame(remembered.digests, digests) ? "conflict" : "settled";
      }
      if (arrival.expiresAtMs <= nowMs) return "expired";
      if (stream === undefined && hasTooManyStreams(arrival.from)) return "too-busy";
      if (stream !== undefined && hasTooManyRuns(stream, arrival.seq)) return "too-busy";
      return arrival.head === undefined ||
        fits(arrival, messages.get(incomingKey(arrival.from, arrival.stream, arrival.seq - arrival.head.part)))
        ? "new"
        : "malformed";
    },
    find: (key) => messages.get(key),
    completedAttempt(from, stream, seq) {
      const state = streams.get(streamKey(from, stream));
      return state?.settled.has(seq) ? state.digests.get(seq)?.attempt : undefined;
    },
    listed: (box, afterArrival, limit = Number.POSITIVE_INFINITY) => index.after(box, afterArrival, limit),
    answersTo: (id) => index.answersTo(id),
    next(nowMs, accepts) {
      let atMs = Number.POSITIVE_INFINITY;
      let best: Incoming | undefined;
      for (const incoming of candidates()) {
        if (incoming.claim !== undefined || incoming.committing || incoming.twinOf !== undefined) continue;
        if ((best !== undefined && best.arrival < incoming.arrival) || !accepts(incoming)) continue;
        const stream = streamFor(incoming.from, incoming.stream);
        const startMs = Math.max(
          withoutJump(nowMs, incoming.notBeforeMs, limits.retryMaxMs),
          withoutJump(nowMs, startsAtMs(stream, incoming, limits.holeWaitMs), limits.holeWaitMs),
        );
        if (startMs <= nowMs) best = incoming;
        else atMs = Math.min(atMs, startMs);
      }
      return best === undefined ? { atMs } : { incoming: best };
    },
    twins: (incoming) => index.twinsOf(incoming),
    lateTwins: () =>
      [...index.twins()].filter((each) => !each.committing && (each.twinOf === each || !messages.has(each.twinOf?.key ?? ""))),
    twinsOfFailed: () => [...index.twins()].filter(({ twinOf }) => twinOf?.box === "failed" && messages.has(twinOf.key)),
    nextArrival: () => ++arrivals,
    get lastArrival() {
      return arrivals;
    },
    due(nowMs, provenMs) {
      const expired: Incoming[] = [];
      const records: Kept[] = [];
      let nextMs = Number.POSITIVE_INFINITY;
      for (const incoming of messages.values()) {
        if (incoming.box === "failed" || incoming.claim !== undefined || incoming.committing) continue;
        const { expiresAtMs } = headOf(incoming);
        if (expiresAtMs > nowMs) nextMs = Math.min(nextMs, expiresAtMs);
        else if (isWhole(incoming)) expired.push(incoming);
        else
          records.push({
            kind: "passed",
            head: {
              from: incoming.from,
              stream: incoming.stream,
              seq: incoming.seq,
              digest: digestOf(incoming),
              expiresAtMs,
              generation: cursor.generation,
              position: 0,
            },
          });
      }
      if (nextForgetMs !== undefined && nowMs < nextForgetMs) return { expired, records, nextMs: Math.min(nextMs, nextForgetMs) };
      let firstMs = Number.POSITIVE_INFINITY;
      let isAnyDue = false;
      for (const stream of streams.values()) {
        const forgetMs = stream.maxExpiryMs + limits.forgetStreamMs;
        if (stream.messages.length > 0) continue;
        if (forgetMs > nowMs) firstMs = Math.min(firstMs, forgetMs);
        else {
          isAnyDue = true;
          if (forgetMs <= provenMs) records.push({ kind: "streamForgotten", head: { from: stream.from, stream: stream.stream } });
        }
      }
      nextForgetMs = isAnyDue ? undefined : firstMs;
      return { expired, records, nextMs: Math.min(nextMs, firstMs) };
    },
    boxOf(from, stream, seq) {
      const state = streams.get(streamKey(from, stream));
      return state === undefined ? undefined : messageOf(state, seq)?.box;
    },
    requested: (from) => tally.held(from),
    get waiting() {
      return index.size("contacts");
    },
    get requests() {
      return index.size("requests");
    },
    get failed() {
      return index.size("failed");
    },
  };
}

/** A pause that would take longer than any we make was reckoned by a clock that has gone back since: it is over. */
function withoutJump(nowMs: number, untilMs: number, longestMs: number): number {
  return Number.isFinite(untilMs) && untilMs > nowMs + longestMs ? 0 : untilMs;
}

/** Whether a part agrees with itself and with the parts of its message that are here already. */
function fits(arrival: Arrival, message: Incoming | undefined): boolean {
  const head = arrival.head;
  if (head === undefined) return false;
  if (head.parts < 1 || head.parts > MAX_PARTS || head.part >= head.parts || arrival.seq <= head.part) return false;
  if (head.parts !== Math.max(1, Math.ceil(head.wholeBytes / PART_BYTES))) return false;
  return message === undefined || sameMessage(headOf(message).head, head);
}

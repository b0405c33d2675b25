/**
 * The outbox: every message this agent sends, from its own disk to its end.
 *
 * States of a message are those of the delivery lattice. Below `accepted` its parts are unsealed (the recipient's keys
 * are not known yet), ready, in flight, or put off after a refusal.
 *
 * Inputs: `apply` (a record that became durable, or is read back), and what the session says about parts (`sent`,
 * `landed`, `putOff`). Outputs: payload locations nobody needs any more (`takeReleases`), what to send next, and the
 * records that time alone makes due (`due`).
 *
 * Invariants:
 * - Durable state changes by `apply` only, and the same records give the same state, live or read back.
 * - Sequence numbers of a stream are gapless over everything that became durable; what was reserved and not committed is
 *   given again after `unreserve`.
 * - A part has one envelope that counts. Another takes its place only while it is not in flight, and names those before it that
 *   anybody may have seen: so whoever gets two envelopes of one id knows that they say the same.
 * - A state only rises. An envelope is held until a relay has proven it stored or the message ended, and nothing is in flight;
 *   plain content until the message ended, so that it can be sealed anew.
 * - What is proven late, after a higher state is known, is kept beside the steps and changes no state.
 * - Evidence is held while a step that is held names it.
 * - Every message ends by its expiry + `unconfirmedAfterMs`.
 */
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES } from "../../wire/envelope.ts";
import { type MessageId, messageIdText } from "../../wire/ids.ts";
import type { Kept, KeptOutgoing, KeptSealedUnder, KeptStep, PayloadAt } from "../../wire/kept-agent.ts";
import { isTerminal, rank, rises } from "./delivery-lattice.ts";
import { createEvidenceShelf, type EvidenceShelf } from "./evidence-shelf.ts";
import { envelopeOf, isNewProof, isSealed, mayHaveLeft, newPart, type Outgoing, type OutgoingPart, openBytes } from "./outgoing.ts";
import { createSendQueue, type SendQueue } from "./send-queue.ts";

/** Handles of ended messages kept at most; the ones that ended first are forgotten first. */
export const MAX_ENDED = 4096;
/** Recipients whose stream is remembered: with one more, one of those nothing is open to gets a new stream when it is next written to. */
export const MAX_STREAMS = 16_384;

export interface OutboxLimits {
  readonly outboxMessages: number;
  readonly outboxBytes: number;
  readonly unconfirmedAfterMs: number;
  readonly forgetStreamMs: number;
}

export interface Outbox {
  /** What is ready to travel, put off, or under way. */
  readonly queue: SendQueue;
  /** `at`: where the record's payload lies; absent when a restatement says that it is gone. */
  apply(kept: Kept, at: PayloadAt | undefined): void;
  /** What was sealed so far may have been sent by the process before this one. */
  replayed(): void;
  /** Everything is dropped before a restatement is read. */
  reset(): void;
  /** The records that would make this state again, each with the location of its payload. */
  restate(): readonly { readonly kept: Kept; readonly restated?: PayloadAt }[];
  /** True while the payload at this place is needed. */
  holds(at: PayloadAt): boolean;
  takeReleases(): readonly PayloadAt[];

  /** Stream and first sequence number for `parts` parts to `recipient`; a fresh stream on first use since this opening. */
  reserve(recipient: string, parts: number): { readonly stream: Bytes; readonly seq: number };
  /** Reservations made since the last `keepReservations`. */
  readonly reservations: number;
  /** Takes back all but the first `count` of them. */
  unreserve(count: number): void;
  /** What was reserved is durable. */
  keepReservations(): void;
  hasRoom(bytes: number): boolean;

  find(id: MessageId): Outgoing | undefined;
  /** The message a part belongs to. */
  ofPart(stream: Bytes, seq: number): Outgoing | undefined;
  part(stream: Bytes, seq: number): OutgoingPart | undefined;
  /** The part whose envelope has this digest. */
  byDigest(digest: Bytes): OutgoingPart | undefined;
  /** What proves the steps. */
  readonly evidence: Pick<EvidenceShelf, "has" | "at" | "in" | "conflicts">;
  byRequest(requestIdHex: string): Outgoing | undefined;
  all(): Iterable<Outgoing>;
  /** Those that did not come to an end, in the order in which they were queued. */
  open(): Iterable<Outgoing>;
  /** Takes a part out of the queue whose envelope would be worth nothing where it arrives: it is to be sealed anew. */
  unfit(part: OutgoingPart): void;
  /** Plain content that lies in a segment of the log. */
  contentIn(segment: number): Iterable<OutgoingPart>;
  /** Messages with parts to seal, of one recipient: those nobody sealed yet in stream order, each that is to be sealed anew behind those it met. */
  unsealed(recipient: string): readonly Outgoing[];
  unsealedRecipients(): readonly string[];
  /** Everything of the stream below is at its end here. */
  floor(stream: Bytes): number;
  readonly openMessages: number;

  /** Records that are due at `nowMs`, and when to look again. */
  due(nowMs: number): { readonly records: readonly Kept[]; readonly nextMs: number };
}

interface OutStream {
  readonly bytes: Bytes;
  reserved: number;
  committed: number;
}

export function createOutbox(input: {
  readonly limits: OutboxLimits;
  readonly drawStream: () => Bytes;
  /** Other bounds than {@link MAX_ENDED} and {@link MAX_STREAMS}, so small that a few steps meet them. */
  readonly bounds?: { readonly ended: number; readonly streams: number };
}): Outbox {
  const { limits, bounds = { ended: MAX_ENDED, streams: MAX_STREAMS } } = input;
  // bound: outboxMessages of mail and of receipts, MAX_ENDED
  const messages = new Map<MessageId, Outgoing>();
  // bound: MAX_PARTS of each message
  const parts = new Map<MessageId, OutgoingPart>();
  // bound: one per message
  const requests = new Map<string, Outgoing>();
  // bound: MAX_STREAMS, and those of open messages
  const streams = new Map<string, OutStream>();
  // bound: one per stream, and per open message of an older one
  const openByStream = new Map<string, Set<number>>();
  // bound: one per stream, and per open message of an older one
  const nextByStream = new Map<string, number>();
  // bound: one per open message
  const unsealed = new Map<string, Set<Outgoing>>();
  // bound: outboxMessages of mail and of receipts
  const open = new Set<Outgoing>();
  // bound: MAX_ENDED, at the next sweep
  const ended = new Set<Outgoing>();
  /** None of those that ended is forgotten before this, so that a sweep need not look at each. */
  let endedDueMs = Number.POSITIVE_INFINITY;
  // bound: outboxMessages, at the next sweep
  const openReceipts = new Set<Outgoing>();
  // bound: two per part
  const held = new Set<string>();
  // bound: one per part
  const digests = new Map<string, OutgoingPart>();
  const queue = createSendQueue();
  // bound: until the store takes them, after each change
  let releases: PayloadAt[] = [];
  // bound: one per message of the change that is planned
  let reserved: { readonly stream: OutStream; readonly seq: number }[] = [];
  let openMail = 0;
  let openMailBytes = 0;

  const place = (at: PayloadAt): string => `${at.segment}:${at.offset}`;
  const hold = (at: PayloadAt): PayloadAt => {
    held.add(place(at));
    return at;
  };
  const release = (at: PayloadAt | undefined): undefined => {
    if (at !== undefined && held.delete(place(at))) releases.push(at);
    return undefined;
  };

  const shelf = createEvidenceShelf({ hold, release });

  const isOpen = (outgoing: Outgoing): boolean => !isTerminal(outgoing.state);
  const forgottenAtMs = ({ head }: Outgoing): number => head.expiresAtMs + limits.forgetStreamMs;

  /** Gives up what is no longer needed: plain content once ended, the envelope once proven stored or ended and landed. */
  const slim = (outgoing: Outgoing): void => {
    const over = isTerminal(outgoing.state);
    for (const part of outgoing.parts) {
      const needed = part.again ? !part.acked : rank(outgoing.state) < rank("stored");
      if (over) part.plain = release(part.plain);
      if ((over || !needed) && part.flights === 0) part.envelope = release(part.envelope);
    }
  };

  const seal = (outgoing: Outgoing): void => {
    const waiting = unsealed.get(outgoing.recipient) ?? new Set<Outgoing>();
    unsealed.set(outgoing.recipient, waiting.add(outgoing));
  };
  const sealNoMore = (outgoing: Outgoing): void => {
    const waiting = unsealed.get(outgoing.recipient);
    waiting?.delete(outgoing);
    if (waiting?.size === 0) unsealed.delete(outgoing.recipient);
  };

  const queued = (head: KeptOutgoing): void => {
    const id = messageIdText(head.stream, head.seq);
    if (messages.has(id)) return;
    const list: OutgoingPart[] = [];
    const outgoing: Outgoing = { id, head, recipient: recipientOf(head), parts: list, steps: [], late: [], state: "queued", trouble: "" };
    for (let index = 0; index < head.parts; index++) {
      const part = newPart(outgoing, head.seq + index);
      list.push(part);
      parts.set(messageIdText(head.stream, part.seq), part);
    }
    outgoing.steps.push({
      stream: head.stream,
      seq: head.seq,
      state: "queued",
      atMs: head.sentAtMs,
      by: EMPTY,
      proof: "none",
      detail: "",
      evidence: EMPTY,
    });
    messages.set(id, outgoing);
    open.add(outgoing);
    if (head.requestId.length > 0) requests.set(hex(head.requestId), outgoing);
    const streamKey = hex(head.stream);
    openByStream.set(streamKey, (openByStream.get(streamKey) ?? new Set<number>()).add(head.seq));
    const end = head.seq + head.parts;
    nextByStream.set(streamKey, Math.max(nextByStream.get(streamKey) ?? 1, end));
    const stream = streams.get(outgoing.recipient);
    if (stream !== undefined && equalBytes(stream.bytes, head.stream)) stream.committed = Math.max(stream.committed, end);
    seal(outgoing);
    if (head.class === "mail") {
      openMail++;
      openMailBytes += openBytes(outgoing);
    } else openReceipts.add(outgoing);
  };

  const close = (outgoing: Outgoing): void => {
    open.delete(outgoing);
    openByStream.get(hex(outgoing.head.stream))?.delete(outgoing.head.seq);
    sealNoMore(outgoing);
    for (const part of outgoing.parts) {
      queue.drop(part);
      part.unfit = "";
    }
    openReceipts.delete(outgoing);
    if (outgoing.head.class === "mail") {
      openMail--;
      openMailBytes -= openBytes(outgoing);
    }
  };

  const step = (head: KeptStep): void => {
    const outgoing = messages.get(messageIdText(head.stream, head.seq));
    if (outgoing === undefined) return;
    if (!rises(outgoing.state, head.state)) {
      if (!isNewProof(outgoing, head)) return;
      shelf.name(head.evidence);
      (outgoing.state === head.state ? outgoing.steps : outgoing.late).push(head);
      return;
    }
    shelf.name(head.evidence);
    const wasOpen = isOpen(outgoing);
    outgoing.state = head.state;
    outgoing.trouble = "";
    outgoing.steps.push(head);
    if (wasOpen && !isOpen(outgoing)) {
      close(outgoing);
      ended.add(outgoing);
      endedDueMs = Math.min(endedDueMs, forgottenAtMs(outgoing));
    }
    if (rank(head.state) >= rank("accepted")) for (const part of outgoing.parts) if (!part.again || !isOpen(outgoing)) queue.drop(part);
    slim(outgoing);
  };

  const name = (part: OutgoingPart, { digest, earlier = EMPTY }: Envelope): void => {
    if (digests.get(hex(part.digest)) === part) digests.delete(hex(part.digest));
    part.digest = digest;
    part.earlier = digestsIn(earlier);
    digests.set(hex(digest), part);
  };

  const sealed = (head: Envelope, at: PayloadAt | undefined): void => {
    const part = parts.get(messageIdText(head.stream, head.seq));
    if (part === undefined) return;
    const isSecond = part.bytes > 0;
    const before = part.earlier.some((each) => equalBytes(each, head.digest));
    // The recipient took an earlier one: that is the one to prove.
    if (before) return name(part, head);
    const isTooLate = part.flights > 0 || !isOpen(part.of) || equalBytes(part.digest, head.digest);
    if (isSecond && (head.certificate === undefined || isTooLate)) return;
    name(part, head);
    part.to = head.to;
    part.bytes = head.bytes;
    part.certificate = head.certificate ?? EMPTY;
    part.again = head.again ?? false;
    part.unfit = "";
    if (isSecond) {
      part.envelope = release(part.envelope);
      part.uncertain = false;
      part.refusals = 0;
    }
    if (isOpen(part.of)) {
      part.envelope = at === undefined ? undefined : hold(at);
      if (isSecond || part.again) queue.restore(part);
      if (at !== undefined && (part.again || rank(part.of.state) < rank("accepted"))) queue.ready(part);
    }
    if (isSealed(part.of)) sealNoMore(part.of);
    slim(part.of);
  };

  /** Once: an envelope that takes the place of one with a retired key, and meets that again, ends the message. */
  const keyRetired = ({ stream, seq, digest }: { readonly stream: Bytes; readonly seq: number; readonly digest: Bytes }): void => {
    const part = parts.get(messageIdText(stream, seq));
    if (part === undefined || !isOpen(part.of) || part.again || part.plain === undefined || part.bytes === 0) return;
    if (!equalBytes(part.digest, digest)) return;
    queue.withdraw(part);
    part.unfit = "key-retired";
    seal(part.of);
  };

  const forget = (id: MessageId): void => {
    const outgoing = messages.get(id);
    if (outgoing === undefined) return;
    if (isOpen(outgoing)) close(outgoing);
    messages.delete(id);
    ended.delete(outgoing);
    requests.delete(hex(outgoing.head.requestId));
    for (const { evidence } of [...outgoing.steps, ...outgoing.late]) shelf.unname(evidence);
    for (const part of outgoing.parts) {
      if (digests.get(hex(part.digest)) === part) digests.delete(hex(part.digest));
      parts.delete(messageIdText(outgoing.head.stream, part.seq));
      release(part.plain);
      // In flight it must still be readable: the link sequence number has to reach the relay.
      if (part.flights === 0) release(part.envelope);
    }
    const streamKey = hex(outgoing.head.stream);
    if (openByStream.get(streamKey)?.size === 0 && !equalBytes(streams.get(outgoing.recipient)?.bytes ?? EMPTY, outgoing.head.stream)) {
      openByStream.delete(streamKey);
      nextByStream.delete(streamKey);
    }
  };

  const forgetOldStream = (): void => {
    if (streams.size < bounds.streams) return;
    for (const [recipient, { bytes, reserved: given, committed }] of streams) {
      const key = hex(bytes);
      if (given !== committed || (openByStream.get(key)?.size ?? 0) > 0) continue;
      for (const map of [openByStream, nextByStream]) map.delete(key);
      streams.delete(recipient);
      return;
    }
  };

  queue.onLanded((part) => {
    if (!parts.has(messageIdText(part.of.head.stream, part.seq))) part.envelope = release(part.envelope);
    else slim(part.of);
  });

  return {
    queue,
    apply(kept, at) {
      if (kept.kind === "queued") queued(kept.head);
      else if (kept.kind === "part") {
        const part = parts.get(messageIdText(kept.head.stream, kept.head.seq));
        if (part === undefined || at === undefined || !isOpen(part.of)) return;
        part.plain = release(part.plain);
        part.plain = hold(at);
      } else if (kept.kind === "sealed" || kept.kind === "sealedUnder") sealed(kept.head, at);
      else if (kept.kind === "keyRetired") keyRetired(kept.head);
      else if (kept.kind === "step") step(kept.head);
      else if (kept.kind === "evidence") shelf.keep(kept.head.hash, at);
      else if (kept.kind === "conflict") shelf.conflict(kept.head);
      else if (kept.kind === "forgotten") forget(messageIdText(kept.head.stream, kept.head.seq));
    },
    replayed() {
      for (const part of parts.values()) if (part.bytes > 0) part.uncertain = true;
    },
    reset() {
      for (const map of [messages, parts, requests, streams, openByStream, nextByStream]) map.clear();
      for (const map of [unsealed, open, ended, openReceipts, held, digests]) map.clear();
      shelf.clear();
      queue.clear();
      releases = [];
      openMail = 0;
      openMailBytes = 0;
    },
    restate() {
      const records: { kept: Kept; restated?: PayloadAt }[] = [...shelf.restate()];
      for (const outgoing of messages.values()) {
        const { stream } = outgoing.head;
        records.push({ kept: { kind: "queued", head: outgoing.head } });
        for (const part of outgoing.parts) {
          if (part.plain !== undefined) records.push({ kept: { kind: "part", head: { stream, seq: part.seq } }, restated: part.plain });
          if (part.bytes > 0) {
            const kept = keptEnvelope(part);
            records.push(part.envelope === undefined ? { kept } : { kept, restated: part.envelope });
            if (part.unfit === "key-retired")
              records.push({ kept: { kind: "keyRetired", head: { stream, seq: part.seq, digest: part.digest } } });
          }
        }
        for (const head of [...outgoing.steps.slice(1), ...outgoing.late]) records.push({ kept: { kind: "step", head } });
      }
      return records;
    },
    holds: (at) => held.has(place(at)),
    takeReleases() {
      shelf.sweep();
      const taken = releases;
      releases = [];
      return taken;
    },
    reserve(recipient, count) {
      let stream = streams.get(recipient);
      if (stream === undefined) {
        forgetOldStream();
        stream = { bytes: input.drawStream(), reserved: 1, committed: 1 };
        streams.set(recipient, stream);
      }
      const seq = stream.reserved;
      stream.reserved += count;
      reserved.push({ stream, seq });
      return { stream: stream.bytes, seq };
    },
    get reservations() {
      return reserved.length;
    },
    unreserve(count) {
      for (const { stream, seq } of reserved.splice(count).reverse()) stream.reserved = Math.max(seq, stream.committed);
    },
    keepReservations() {
      reserved = [];
    },
    hasRoom: (bytes) => openMail < limits.outboxMessages && openMailBytes + bytes <= limits.outboxBytes,
    find: (id) => messages.get(id),
    ofPart: (stream, seq) => parts.get(messageIdText(stream, seq))?.of,
    part: (stream, seq) => parts.get(messageIdText(stream, seq)),
    byDigest: (digest) => digests.get(hex(digest)),
    evidence: shelf,
    byRequest: (requestIdHex) => requests.get(requestIdHex),
    all: () => messages.values(),
    open: () => open,
    unfit(part) {
      queue.withdraw(part);
      if (part.unfit === "") part.unfit = "certificate";
      seal(part.of);
    },
    *contentIn(segment) {
      for (const part of parts.values()) if (part.plain?.segment === segment) yield part;
    },
    unsealed: (recipient) => [...(unsealed.get(recipient) ?? [])],
    unsealedRecipients: () => [...unsealed.keys()],
    floor(stream) {
      const key = hex(stream);
      const [first] = openByStream.get(key) ?? [];
      return first ?? nextByStream.get(key) ?? 1;
    },
    get openMessages() {
      return openMail;
    },
    due(nowMs) {
      const records: Kept[] = [];
      let nextMs = Number.POSITIVE_INFINITY;
      for (const outgoing of open) {
        const { head } = outgoing;
        const { stream, seq } = head;
        const verdict = (state: "expired" | "unconfirmed", detail: string): void => {
          records.push({ kind: "step", head: { stream, seq, state, atMs: nowMs, by: EMPTY, proof: "none", detail, evidence: EMPTY } });
        };
        const neverSent = !mayHaveLeft(outgoing);
        const dueMs = head.class === "receipt" || neverSent ? head.expiresAtMs : head.expiresAtMs + limits.unconfirmedAfterMs;
        if (nowMs < dueMs) nextMs = Math.min(nextMs, dueMs);
        else if (head.class === "receipt") records.push({ kind: "forgotten", head: { stream, seq } });
        else if (neverSent) verdict("expired", "no relay took it in time");
        else verdict("unconfirmed", "nothing final was heard by expiry");
      }
      if (nowMs < endedDueMs) nextMs = Math.min(nextMs, endedDueMs);
      else {
        endedDueMs = Number.POSITIVE_INFINITY;
        for (const outgoing of ended) {
          const { stream, seq } = outgoing.head;
          const dueMs = forgottenAtMs(outgoing);
          endedDueMs = Math.min(endedDueMs, dueMs);
          if (nowMs < dueMs) nextMs = Math.min(nextMs, dueMs);
          else records.push({ kind: "forgotten", head: { stream, seq } });
        }
      }
      // Nobody waits for a receipt that cannot be delivered longer than for the newer ones: its message ends as unconfirmed there.
      for (const [over, most] of [
        [ended, bounds.ended],
        [openReceipts, limits.outboxMessages],
      ] as const) {
        let surplus = over.size - most;
        for (const outgoing of over) {
          if (surplus-- <= 0) break;
          records.push({ kind: "forgotten", head: { stream: outgoing.head.stream, seq: outgoing.head.seq } });
        }
      }
      return { records, nextMs };
    },
  };
}

/** A `sealed` record, or `sealedUnder` with more. */
type Envelope = Pick<KeptSealedUnder, "stream" | "seq" | "to" | "digest" | "bytes"> &
  Partial<Pick<KeptSealedUnder, "certificate" | "earlier" | "again">>;

function keptEnvelope(part: OutgoingPart): Kept {
  const { seq, certificate } = part;
  const { stream } = part.of.head;
  const head = { stream, seq, ...envelopeOf(part) };
  return certificate.length > 0 ? { kind: "sealedUnder", head } : { kind: "sealed", head };
}

function digestsIn(bytes: Bytes): readonly Bytes[] {
  return Array.from({ length: Math.floor(bytes.length / DIGEST_BYTES) }, (_, index) =>
    bytes.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
  );
}

/** The key of the stream a message travels in: the recipient as its author named it. */
function recipientOf(head: KeptOutgoing): string {
  return head.toName === "" ? hex(head.to) : `@${head.toName}`;
}

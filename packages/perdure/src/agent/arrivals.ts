/**
 * What the relay delivers: verified and opened, judged against what is known, kept, and only then seen by anybody.
 *
 * What must hold: nothing is handed over that was not verified; nothing is settled at the relay before what was decided
 * about it is durable. What can never be verified is settled without a trace in the inbox and reported; what cannot be
 * verified yet, or only not by the clocks as they are, is left at the relay and comes again with the next session: in the
 * end the relay's notice tells its sender. What this disk did not give ends the session, so that all of it comes again soon.
 */
import type { Host } from "../host/host.ts";
import type { OwnIdentity, VerifiedIdentity } from "../identity/index.ts";
import type { Arrival, Inbox, Judgement } from "../protocol/delivery/inbox.ts";
import { digestsOf, incomingKey, sameMessage, saysTheSame } from "../protocol/delivery/incoming.ts";
import type { MailboxCursor } from "../protocol/delivery/mailbox-cursor.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Bytes, EMPTY, hex } from "../wire/bytes.ts";
import { decodeDeliver } from "../wire/control.ts";
import { decodeEnvelope, envelopeFrom, envelopeId } from "../wire/envelope.ts";
import { isPerdureError } from "../wire/error.ts";
import { messageIdText } from "../wire/ids.ts";
import type { KeptIncoming } from "../wire/kept-agent.ts";
import type { SealedHead } from "../wire/sealed.ts";
import type { Admission } from "./admission.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Automatic } from "./automatic.ts";
import type { Homes } from "./homes.ts";
import type { Lookups } from "./lookups.ts";
import { noticeSteps } from "./notices.ts";
import { createOpening, type Delivered, NOTHING_NEW, type Opened, type Waiting } from "./opening.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import { type Receipts, receiptSteps } from "./receipts.ts";
import { createUndecided } from "./undecided.ts";
import { type ArrivedPart, findUntrue } from "./whole-content.ts";

/** Delivered bytes that may wait for verification and the disk; beyond it the session is given up and taken up again later. */
export const MAX_ARRIVAL_BYTES = 64 * 1024 * 1024;
const BATCH_FRAMES = 32;
/** Deliveries that wait for their signer's identity; what comes beyond them is left at the relay. */
const MAX_ASIDE = 256;
const RETIRED_KEY = "it was sealed to a key that this agent does not have any more; send it again, and it is sealed to the newest one";

export interface Arrivals {
  /** True, once, when more is pinned of a sender than its mail that was left at the relay was judged by. */
  release(idRaw: Bytes): boolean;
  /** Takes one deliver frame; false when too much is waiting. */
  take(payload: Bytes, relay: VerifiedIdentity): boolean;
  idle(): Promise<void>;
}

export interface ArrivalOptions {
  readonly host: Host;
  readonly own: OwnIdentity;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly cursor: MailboxCursor;
  readonly peers: Peers;
  readonly homes: Homes;
  readonly lookups: Lookups;
  readonly receipts: Receipts;
  readonly admission: Admission;
  readonly automatic: Automatic;
  readonly store: () => AgentStore;
  /** Positions may have become settled. */
  readonly onSettled: () => void;
  /** What was delivered cannot be kept now; it has to be delivered again. */
  readonly onUnkept: (error: unknown) => void;
  /** What was delivered cannot be judged now, because this disk does not give what that takes; it has to be delivered again. */
  readonly onUnread: () => void;
}

export function createArrivals(options: ArrivalOptions): Arrivals {
  const { host, own, inbox, outbox, cursor, receipts, admission, automatic, store } = options;
  const { clock, log } = host;
  // bound: what the relay may hand out at once: its sendQueueBytes
  let queue: Waiting[] = [];
  // bound: MAX_ASIDE
  const aside = new Set<Promise<void>>();
  const undecided = createUndecided(options.peers);
  let closed = false;
  let waitingBytes = 0;
  let running: Promise<void> | undefined;
  /** Digests of what the batch being planned keeps, which the inbox does not know yet. */
  // bound: BATCH_FRAMES
  const planned = new Map<string, readonly Bytes[]>();
  // bound: BATCH_FRAMES
  const plannedHeads = new Map<string, SealedHead>();

  const opening = createOpening({ ...options, undecided });

  const judge = (arrival: Arrival, seqKey: string, nowMs: number): Judgement => {
    const digests = digestsOf(arrival.digest, arrival.head);
    const known = planned.get(seqKey);
    if (known !== undefined && !saysTheSame(known, digests)) return "conflict";
    const judgement = inbox.judge(arrival, nowMs);
    if (judgement !== "new") return judgement;
    if (arrival.head !== undefined) {
      const key = incomingKey(arrival.from, arrival.stream, arrival.seq - arrival.head.part);
      const first = plannedHeads.get(key);
      if (first !== undefined && !sameMessage(first, arrival.head)) return "malformed";
      plannedHeads.set(key, arrival.head);
    }
    planned.set(seqKey, [...(known ?? []), ...digests]);
    return judgement;
  };

  /** Drops the parts with which a message would become whole and not be what it names. */
  const judgeWholes = async (delivered: readonly Delivered[], opened: readonly Opened[]): Promise<readonly Opened[]> => {
    const arrived = opened.map((each, index): ArrivedPart | undefined => {
      const { from, stream, seq } = (delivered[index] as Delivered).envelope;
      return each.kind === "mail" ? { from, stream, seq, head: each.part.head, content: each.part.content } : undefined;
    });
    const present = arrived.filter((part) => part !== undefined);
    try {
      const untrue = await findUntrue(present, { hash: host.crypto.hash, inbox, read: (at) => store().read(at) });
      return opened.map((each, index) => {
        const part = arrived[index];
        return part !== undefined && untrue.has(part)
          ? { kind: "drop", code: "malformed", why: "its parts are not the content they name" }
          : each;
      });
    } catch (error) {
      const code = isPerdureError(error) ? error.code : "internal";
      return opened.map((each) => (each.kind === "mail" && each.part.head.parts > 1 ? { kind: "hold", code, ...NOTHING_NEW } : each));
    }
  };

  /** A key this agent destroyed, or one of whoever else held its keys for a time and named inbox keys of its own. */
  const isOfPast = (keyId: Bytes): boolean => own.isDestroyed(keyId) || own.log.epochs.length > 1 || own.log.revoked.length > 0;

  /** Records for one delivery, and what may happen once they are durable. */
  const plan = (
    delivered: Delivered,
    opened: Opened,
    keep: (records: readonly Planned[]) => void,
    later: (work: () => void) => void,
  ): void => {
    const { frame, envelope } = delivered;
    const nowMs = clock.wallMs();
    const from = envelopeFrom(envelope);
    const id = envelopeId(envelope);
    const seqKey = incomingKey(envelope.from, envelope.stream, envelope.seq);
    const settlePosition = (): void => later(() => cursor.settlePosition(frame.generation, frame.position));
    const names = namesOf(delivered);
    if (opened.kind === "drop") {
      const isLate = opened.code === "unknown-inbox-key" && envelope.class === "mail" && isOfPast(envelope.inboxKeyId);
      log.write("warn", "agent.rejected", { from, id, code: isLate ? "key-retired" : opened.code, why: opened.why });
      // Nobody can open it any more, and so nobody can say more of it than that.
      const { stream, seq, digest } = names;
      const said = { stream, seq, outcome: "refused", digest, code: "key-retired", why: RETIRED_KEY, attempts: 0, atMs: nowMs } as const;
      if (isLate) receipts.add(names.from, said, envelope.expiresAtMs);
      return settlePosition();
    }
    if (opened.kind === "hold") {
      keep(opened.pins);
      return log.write("warn", "agent.held", { from, id, code: opened.code });
    }
    if (opened.kind === "ask") return;
    if (opened.kind === "notice") {
      keep(noticeSteps(options, envelope, opened.said, opened.by));
      return settlePosition();
    }
    const head = opened.kind === "known" ? undefined : opened.part.head;
    const arrival: Arrival = { ...envelope, ...(head === undefined ? {} : { head }) };
    const allPassed = digestsOf(names.digest, head)
      .toReversed()
      .map((digest): Planned => ({ kept: { kind: "passed", head: { ...names, expiresAtMs: envelope.expiresAtMs, digest } } }));
    const judgement = judge(arrival, seqKey, nowMs);
    if (judgement === "pending") {
      // Its message may come to its end in the same batch.
      return later(() => {
        // What waits in `requests` is on this disk for good: the relay need not keep it.
        const { stream, seq } = envelope;
        if (inbox.judge(arrival, nowMs) === "settled" || inbox.boxOf(envelope.from, stream, seq) === "requests")
          cursor.settlePosition(frame.generation, frame.position);
        else cursor.hold(frame.generation, frame.position, seqKey);
      });
    }
    if (judgement === "settled") return settlePosition();
    if (judgement === "expired" || opened.kind === "known") {
      log.write("info", "agent.too-late", { from, id });
      // Mail stays with the relay, whose signed notice tells its sender; settled here it would end without a word.
      return envelope.class === "mail" ? undefined : settlePosition();
    }
    keep(opened.pins);
    if (opened.kind === "receipt" && (judgement === "new" || judgement === "too-busy")) {
      // A receipt says the same however often it comes: it is read although nothing can be remembered of one more stream.
      if (judgement === "new") keep(allPassed);
      else settlePosition();
      keep(opened.said.entries.flatMap((entry) => automatic.refused(envelope.from, entry)));
      keep(
        receiptSteps(outbox, host.crypto.hash, opened.part, opened.said.entries, (entry) =>
          log.write("error", "agent.receipt-mismatch", { from, id: messageIdText(entry.stream, entry.seq), digest: hex(entry.digest) }),
        ),
      );
      return;
    }
    const refuse = (code: string, why: string): void => {
      if (opened.kind !== "mail" || opened.part.head.part !== 0) return;
      const { stream, seq, digest } = names;
      receipts.add(names.from, { stream, seq, outcome: "refused", digest, code, why, attempts: 0, atMs: nowMs }, envelope.expiresAtMs);
    };
    if (judgement === "new") {
      const name = opened.part.sender.name ?? "";
      const arrivalNumber = inbox.nextArrival();
      const admitted = admission.admit({ ...names, name, head: opened.part.head }, nowMs);
      if (admitted.kind === "refuse") {
        // Nothing is kept of what is not wanted, so that it costs no room however much comes.
        log.write("info", "agent.not-admitted", { from, id, code: admitted.code });
        refuse(admitted.code, admitted.why);
        return settlePosition();
      }
      if (admitted.kind === "greeted") {
        log.write("info", "agent.greeted", { from, id });
        const { stream, seq, digest } = names;
        const entry = { stream, seq, outcome: "done", digest, code: "", why: "", attempts: 1, atMs: nowMs } as const;
        keep([...allPassed, ...admitted.records]);
        receipts.add(names.from, entry, envelope.expiresAtMs);
        return settlePosition();
      }
      const firstSeq = names.seq - opened.part.head.part;
      keep([
        {
          kept: {
            kind: "received",
            head: {
              ...names,
              storedAtMs: frame.storedAtMs,
              receivedAtMs: nowMs,
              expiresAtMs: envelope.expiresAtMs,
              arrival: arrivalNumber,
              fromName: name,
              head: withoutBundle(opened.part.head),
            },
          },
          payload: opened.part.content,
        },
      ]);
      if (admitted.box === "requests") {
        const { from: sender, stream } = names;
        const place = { box: "requests", arrival: arrivalNumber, failures: 0, crashes: 0, notBeforeMs: 0 } as const;
        keep([{ kept: { kind: "put", head: { from: sender, stream, seq: firstSeq, ...place } } }]);
      }
      return later(() =>
        log.write("debug", "agent.received", {
          from,
          id: messageIdText(names.stream, names.seq - opened.part.head.part),
          part: opened.part.head.part,
          parts: opened.part.head.parts,
          bytes: opened.part.content.length,
          digest: hex(envelope.digest),
          position: frame.position,
          atMs: nowMs,
          box: admitted.box,
          keyed: opened.part.head.idempotencyKey !== "",
        }),
      );
    }
    // A conflict, one stream too many, or parts that do not belong together: the sender is told, nothing is kept.
    log.write("error", "agent.not-taken", { from, id, code: codeOf(judgement), digest: hex(envelope.digest) });
    const why =
      judgement === "conflict"
        ? "another message has the same id"
        : judgement === "too-busy"
          ? "too many streams of this sender are open"
          : "its parts do not belong together";
    refuse(codeOf(judgement), why);
    settlePosition();
  };

  /** Comes again once its signer was asked for, whatever the answer. */
  const setAside = ({ payload, relay }: Waiting, asking: Promise<unknown>): void => {
    const waits = asking.then(() => {
      aside.delete(waits);
      if (closed) return;
      queue.push({ payload, relay, asked: true });
      running ??= run();
    });
    aside.add(waits);
  };

  const batch = async (): Promise<void> => {
    const taken = queue.splice(0, BATCH_FRAMES);
    const delivered: Delivered[] = [];
    let bytes = 0;
    for (const waiting of taken) {
      const { payload } = waiting;
      bytes += payload.length;
      try {
        const frame = decodeDeliver(payload);
        delivered.push({ frame, envelope: decodeEnvelope(frame.envelope), waiting });
      } catch (error) {
        log.write("error", "agent.rejected", { code: isPerdureError(error) ? error.code : "internal", why: String(error) });
      }
    }
    const found = await opening.open(delivered, () => aside.size >= MAX_ASIDE);
    const ready = delivered.filter((each) => found.has(each));
    const again = delivered.filter((each) => !found.has(each)).map(({ waiting }) => waiting);
    for (const { payload } of again) bytes -= payload.length;
    queue.unshift(...again);
    const opened = await judgeWholes(
      ready,
      ready.map((each) => found.get(each) as Opened),
    );
    for (const [index, { waiting }] of ready.entries()) {
      const each = opened[index];
      if (each?.kind !== "ask") continue;
      bytes -= waiting.payload.length;
      setAside(waiting, each.asking);
    }
    let after: (() => void)[] = [];
    try {
      await store().commit({
        onFailure: "give-up",
        plan: () => {
          const records: Planned[] = [];
          after = [];
          planned.clear();
          plannedHeads.clear();
          admission.begin();
          for (const [index, each] of ready.entries()) {
            plan(
              each,
              opened[index] as Opened,
              (kept) => records.push(...kept),
              (work) => after.push(work),
            );
          }
          return { records, result: undefined };
        },
        applied: () => {
          for (const work of after) work();
        },
      });
      options.onSettled();
      if (opened.some((each) => each.kind === "hold" && each.code === "disk-failed")) options.onUnread();
    } catch (error) {
      options.onUnkept(error);
      // What came behind it is not judged without what could not be kept: all of it is delivered again.
      for (const { payload } of queue.splice(0)) bytes += payload.length;
    } finally {
      waitingBytes -= bytes;
    }
  };

  const run = async (): Promise<void> => {
    while (queue.length > 0) await batch();
    running = undefined;
  };

  return {
    release: undecided.release,
    take(payload, relay) {
      if (waitingBytes + payload.length > MAX_ARRIVAL_BYTES) return false;
      waitingBytes += payload.length;
      queue.push({ payload, relay, asked: false });
      running ??= run();
      return true;
    },
    async idle() {
      closed = true;
      queue = [];
      while (running !== undefined) await running;
    },
  };
}

/** Copies: what is kept must not hold on to the transport message it came in. */
function namesOf({ frame, envelope }: Delivered): Pick<KeptIncoming, "from" | "stream" | "seq" | "digest" | "generation" | "position"> {
  return {
    from: envelope.from.slice(),
    stream: envelope.stream.slice(),
    seq: envelope.seq,
    digest: envelope.digest.slice(),
    generation: frame.generation.slice(),
    position: frame.position,
  };
}

function withoutBundle(head: SealedHead): SealedHead {
  const { thread, wholeHash, logHead, certificateHash, inReplyTo } = head;
  const ref = inReplyTo === undefined ? undefined : { stream: inReplyTo.stream.slice(), seq: inReplyTo.seq };
  return {
    ...head,
    thread: thread.slice(),
    wholeHash: wholeHash.slice(),
    logHead: logHead.slice(),
    certificateHash: certificateHash.slice(),
    inReplyTo: ref,
    bundle: EMPTY,
  };
}

function codeOf(judgement: string): string {
  return judgement === "conflict" ? "id-conflict" : judgement;
}

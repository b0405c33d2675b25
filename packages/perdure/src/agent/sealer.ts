/**
 * Sealing what is queued, recipient by recipient in the order of their streams, and keeping every envelope on disk before
 * it may travel. A recipient whose keys are not known yet is asked for again after a pause; the others do not wait for it.
 *
 * What the agent's relay has not taken yet is sealed anew when its certificate will not hold as long as the message lasts, and any part
 * once when its recipient had destroyed the key, or when the agent's relay had it to pass on and the recipient's relay did not prove to
 * have it before the certificate's end: where that stores it later, the recipient may leave it there. The new envelope takes the old
 * one's place as it becomes durable, names those before it that somebody may have, and travels under the same id.
 */
import type { Host } from "../host/host.ts";
import { createSealingSecrets, type OwnIdentity, sealPart, type VerifiedIdentity } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { isFit, type Outgoing, type OutgoingPart, seenDigests } from "../protocol/delivery/outgoing.ts";
import { FIXED } from "../settings/fixed.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, concat, EMPTY, equalBytes, fromHex, hex } from "../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
import type { KeptSealedUnder, PayloadAt } from "../wire/kept-agent.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { SEALED_EXTENSIONS } from "../wire/sealed.ts";
import type { AgentStore } from "./agent-store.ts";
import type { Lookups } from "./lookups.ts";
import type { Recipient } from "./outgoing-records.ts";
import { MAX_PEERS } from "./peers.ts";
import type { Planned } from "./planned.ts";

/** Parts sealed at once and kept in one batch. */
const BATCH_PARTS = 16;

export interface Sealer {
  /** There may be something to seal. */
  kick(): void;
  /**
   * Whether the envelope of a part would be worth nothing where it arrives, and the part can be sealed anew. So is what was sealed before
   * the agent moved: it names a home to which nobody should answer.
   */
  isOutdated(part: OutgoingPart): boolean;
  /** The part does not travel before it has another envelope. */
  sealAnew(part: OutgoingPart): void;
  /** Of a part that is under way. One that can not be read back (`disk-failed`) is outdated from then on. */
  readEnvelope(part: OutgoingPart): Promise<Bytes>;
  /** What is to be sealed anew because it was under way for longer than its certificate holds. */
  overtaken(nowMs: number): readonly Planned[];
  /** A session began: recipients that could not be found out may be asked for again. */
  connected(): void;
  /** One history of an agent counts: what waited for that need not wait for the next time its relay is asked. */
  decided(idRaw: Bytes): void;
  /** The recipient has this message, and so our bundle that travelled with it. */
  confirmed(outgoing: Outgoing): void;
  /** Forgets secrets whose time is over. */
  sweep(): void;
  idle(): Promise<void>;
}

export interface SealerOptions {
  readonly host: Host;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly outbox: Outbox;
  readonly store: () => AgentStore;
  readonly lookups: Lookups;
  /** Off in tests, which then see mail that nobody takes. */
  readonly reseals: boolean;
  readonly closing: AbortSignal;
  /** Records for having written to somebody by one's own will. */
  readonly writtenTo: (idRaw: Bytes) => readonly Planned[];
  /** Ends what is queued for an agent that was retired. */
  readonly onRetired: (recipient: VerifiedIdentity, messages: readonly Outgoing[]) => Promise<void>;
  /** Parts became ready to travel. */
  readonly onSealed: () => void;
}

export function createSealer({
  host,
  settings,
  own,
  outbox,
  store,
  lookups,
  reseals,
  closing,
  writtenTo,
  onRetired,
  onSealed,
}: SealerOptions): Sealer {
  // bound: one per recipient of an open message, outboxMessages
  const notBefore = new Map<string, number>();
  /** Recipients whose agents are frozen, and how long they were put off last: an owner may take days to decide. */
  // bound: one per recipient of an open message, outboxMessages
  const frozen = new Map<string, { readonly idRaw: Bytes; readonly pauseMs: number }>();
  /** SHA-256 of the bundle that travelled with a message, and of the newest one each recipient has. */
  const attachedTo = new WeakMap<Outgoing, string>();
  // bound: MAX_PEERS
  const hasOurs = new Map<string, string>();
  // bound: one per recipient of an open message, outboxMessages
  const active = new Map<string, Promise<void>>();
  /** Recipients for whom something came while they were being sealed for. */
  // bound: one per recipient of an open message, outboxMessages
  const again = new Set<string>();
  const secrets = createSealingSecrets(host);
  let cancelRetry = (): void => {};

  /** Places in the log that hold something else than was written there. */
  const spoilt = new WeakSet<PayloadAt>();

  /** `undefined` when it can not be read back: then its message is lost, and nobody waits for it any more. */
  const contentOf = async ({ id, head: { stream, seq, class: kind } }: Outgoing, at: PayloadAt): Promise<Bytes | undefined> => {
    try {
      return await store().read(at);
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "log-damaged") throw error;
      host.log.write("warn", "agent.damaged", { id, why: error.message });
      const head = { stream, seq, state: "lost" as const, atMs: host.clock.wallMs(), by: EMPTY, proof: "none" as const };
      const kept: Planned["kept"] =
        kind === "receipt"
          ? { kind: "forgotten", head: { stream, seq } }
          : { kind: "step", head: { ...head, detail: "its content can not be read back from this disk", evidence: EMPTY } };
      await store().commit({ onFailure: "try-again", plan: () => ({ records: [{ kept }], result: undefined }) });
      return undefined;
    }
  };

  const sealOne = async (part: OutgoingPart, recipient: VerifiedIdentity): Promise<Sealed | undefined> => {
    const { of, seq } = part;
    const { head } = of;
    if (part.plain === undefined) return undefined;
    const earlier = seenDigests(part);
    const again = part.again || part.unfit === "key-retired";
    const content = await contentOf(of, part.plain);
    if (content === undefined) return undefined;
    const bundle = own.bundle();
    const bundleHash = hex(host.crypto.hash.sha256(bundle));
    const isKnown = hasOurs.get(of.recipient) === bundleHash;
    if (!isKnown) attachedTo.set(of, bundleHash);
    // Of the same moment as what is sealed: see there.
    const certificate = own.certificateHash;
    const envelope = await sealPart({
      crypto: host.crypto,
      random: host.random,
      own,
      recipient,
      class: head.class,
      stream: head.stream,
      seq,
      expiresAtMs: head.expiresAtMs,
      content,
      secrets,
      head: {
        version: WIRE_VERSION,
        thread: head.thread,
        depth: head.depth,
        auto: head.auto,
        inReplyTo: head.inReplyTo,
        collapseKey: head.collapseKey,
        idempotencyKey: head.idempotencyKey,
        contentType: head.contentType,
        fileName: head.fileName,
        part: seq - head.seq,
        parts: head.parts,
        wholeBytes: head.wholeBytes,
        wholeHash: head.wholeHash,
        floor: Math.min(head.seq, outbox.floor(head.stream)),
        sentAtMs: head.sentAtMs,
        bundle: isKnown ? EMPTY : bundle,
        extensions: [
          { code: SEALED_EXTENSIONS.invite, bytes: head.invite },
          { code: SEALED_EXTENSIONS.resealed, bytes: concat(...earlier) },
        ].filter(({ bytes }) => bytes.length > 0),
      },
    });
    const { stream, to, digest, bytes, suite } = envelope;
    const kept = { stream, seq, to, digest, bytes: bytes.length, certificate, earlier: concat(...earlier), again };
    return { part, kept, before: part.digest, payload: bytes, suite };
  };

  /** Whether the message is still open, and its part has the envelope that this one replaces, which is not on its way just now. */
  const takesPlace = ({ part, before }: Sealed): boolean =>
    part.plain !== undefined && (part.bytes === 0 || (part.unfit !== "" && part.flights === 0 && equalBytes(part.digest, before)));

  const keep = async (parts: readonly OutgoingPart[], recipient: VerifiedIdentity): Promise<void> => {
    const envelopes = await Promise.all(parts.map((part) => sealOne(part, recipient)));
    const all = envelopes.filter((envelope) => envelope !== undefined);
    let fresh: readonly Sealed[] = [];
    const isOwnWill = parts.some(({ of }) => of.head.class === "mail" && of.head.depth === 0);
    await store().commit({
      onFailure: "try-again",
      plan: () => {
        fresh = all.filter(takesPlace);
        for (const { part, kept, before } of fresh)
          if (part.bytes > 0)
            host.log.write("info", "agent.sealed-anew", {
              id: part.of.id,
              seq: part.seq,
              digest: hex(kept.digest),
              before: hex(before),
              names: hex(kept.earlier),
            });
        const records = fresh.map(({ kept, payload }): Planned => ({ kept: { kind: "sealedUnder", head: kept }, payload }));
        return { records: [...(isOwnWill ? writtenTo(recipient.idRaw) : []), ...records], result: undefined };
      },
      applied: () => {
        for (const { part, kept, suite } of fresh)
          host.log.write("debug", "agent.sealed", {
            id: part.of.id,
            seq: part.seq,
            to: agentIdText(kept.to),
            digest: hex(kept.digest),
            suite,
          });
        onSealed();
      },
    });
  };

  const troubled = (recipient: string, why: string): void => {
    for (const outgoing of outbox.unsealed(recipient)) outgoing.trouble = why;
  };

  const sealFor = async (recipient: string): Promise<void> => {
    const identity = await lookups.resolve(recipientOf(recipient));
    if (identity?.retired === true) return await onRetired(identity, outbox.unsealed(recipient));
    if (identity?.frozen === true) {
      const pauseMs = Math.min(2 * (frozen.get(recipient)?.pauseMs ?? settings.redialMaxMs / 2), FIXED.frozenAskMaxMs.value);
      frozen.set(recipient, { idRaw: identity.idRaw, pauseMs });
      notBefore.set(recipient, host.clock.monotonicMs() + pauseMs);
      return troubled(recipient, "identity-forked: two histories of it contradict each other; this waits until its owner decides");
    }
    frozen.delete(recipient);
    if (identity?.inboxKey === undefined) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      troubled(
        recipient,
        identity === undefined ? lookups.trouble(recipientOf(recipient)) : "its keys have run out and it shows no new ones",
      );
      return;
    }
    for (;;) {
      const parts: OutgoingPart[] = [];
      for (const outgoing of outbox.unsealed(recipient)) {
        for (const part of outgoing.parts) if (isToSeal(part) && parts.length < BATCH_PARTS) parts.push(part);
        if (parts.length >= BATCH_PARTS) break;
      }
      const [first] = parts;
      if (first === undefined || closing.aborted) return;
      const isSame = ({ to }: OutgoingPart): boolean => equalBytes(to, first.to);
      await keep(parts.filter(isSame), await boundTo(first, identity));
    }
  };

  /** Whom a part was sealed to before stays whom it is for, whoever bears the name by now. */
  const boundTo = async ({ to }: OutgoingPart, named: VerifiedIdentity): Promise<VerifiedIdentity> => {
    if (to.length === 0 || equalBytes(to, named.idRaw)) return named;
    const bound = await lookups.resolve({ idRaw: to, name: "" });
    if (bound !== undefined && !bound.frozen) return bound;
    throw new PerdureError("unknown-agent", `${agentIdText(to)} cannot be found`, { retry: "after" });
  };

  /** Each recipient for itself: one whose relay does not answer holds up nobody else. */
  const seal = async (recipient: string): Promise<void> => {
    try {
      do {
        again.delete(recipient);
        await sealFor(recipient);
        // What was just learnt of it, too, makes it look again: a pause holds all the same.
      } while (again.has(recipient) && !notBefore.has(recipient) && !closing.aborted);
    } catch (error) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      const code = isPerdureError(error) ? error.code : "internal";
      const why = error instanceof Error ? error.message : String(error);
      troubled(recipient, `${code}: ${why}`);
      host.log.write("warn", "agent.not-sealed", { to: recipient, code, why });
    }
    active.delete(recipient);
    again.delete(recipient);
    arm();
  };

  /** Looks again when the first pause is over. */
  const arm = (): void => {
    cancelRetry();
    for (const map of [notBefore, frozen])
      for (const recipient of map.keys()) if (outbox.unsealed(recipient).length === 0) map.delete(recipient);
    if (notBefore.size === 0 || closing.aborted) return;
    const nextMs = Math.min(...notBefore.values());
    cancelRetry = host.clock.after(Math.max(1, nextMs - host.clock.monotonicMs()), kick);
  };

  const kick = (): void => {
    if (closing.aborted) return;
    const nowMs = host.clock.monotonicMs();
    for (const recipient of outbox.unsealedRecipients()) {
      if (active.has(recipient)) {
        again.add(recipient);
        continue;
      }
      const untilMs = notBefore.get(recipient);
      if (untilMs !== undefined && nowMs < untilMs) continue;
      notBefore.delete(recipient);
      active.set(recipient, seal(recipient));
    }
    arm();
  };

  const readEnvelope = async ({ of, envelope }: OutgoingPart): Promise<Bytes> => {
    if (envelope === undefined) throw new PerdureError("internal", `the envelope of ${of.id} is gone while it is under way`);
    try {
      return await store().read(envelope);
    } catch (error) {
      if (!isPerdureError(error) || error.code !== "log-damaged") throw error;
      spoilt.add(envelope);
      host.log.write("warn", "agent.damaged", { id: of.id, why: error.message });
      throw new PerdureError("disk-failed", error.message, { retry: "after", cause: error });
    }
  };

  return {
    kick,
    readEnvelope,
    isOutdated: ({ unfit, certificate, plain, envelope, of }) =>
      unfit !== "" ||
      (envelope !== undefined && spoilt.has(envelope)) ||
      (reseals &&
        plain !== undefined &&
        certificate.length > 0 &&
        !equalBytes(certificate, own.certificateHash) &&
        (own.certificateHoldsUntilMs(certificate) < of.head.expiresAtMs || own.isBeforeMove(certificate))),
    overtaken(nowMs) {
      if (!reseals || own.certificateHoldsUntilMs(own.certificateHash) <= nowMs) return [];
      return [...outbox.open()].flatMap((outgoing) =>
        partsOvertaken(outgoing, nowMs)
          .filter(({ certificate }) => !equalBytes(certificate, own.certificateHash))
          .filter(({ certificate }) => !wasStoredBy(outgoing, own.certificateHoldsUntilMs(certificate), nowMs))
          .map(({ of, seq, digest }): Planned => ({ kept: { kind: "keyRetired", head: { stream: of.head.stream, seq, digest } } })),
      );
    },
    sealAnew(part) {
      outbox.unfit(part);
      kick();
    },
    connected() {
      notBefore.clear();
      kick();
    },
    decided(idRaw) {
      for (const [recipient, each] of frozen) {
        if (!equalBytes(each.idRaw, idRaw)) continue;
        frozen.delete(recipient);
        notBefore.delete(recipient);
        kick();
      }
    },
    confirmed(outgoing) {
      const attached = attachedTo.get(outgoing);
      if (attached !== undefined) hasOurs.set(outgoing.recipient, attached);
      for (const oldest of hasOurs.keys()) {
        if (hasOurs.size <= MAX_PEERS) break;
        hasOurs.delete(oldest);
      }
    },
    sweep: secrets.sweep,
    async idle() {
      cancelRetry();
      await Promise.all(active.values());
      secrets.forgetAll();
    },
  };
}

interface Sealed {
  readonly part: OutgoingPart;
  readonly kept: KeptSealedUnder;
  /** Digest of the envelope it takes the place of. */
  readonly before: Bytes;
  readonly payload: Bytes;
  readonly suite: number;
}

/** Parts that the own relay has proven to have for another one to store, and that were not sealed anew before. */
function partsOvertaken({ head, state, parts, ...outgoing }: Outgoing, nowMs: number): readonly OutgoingPart[] {
  const isUnderWay = head.class === "mail" && (state === "accepted" || state === "stored") && nowMs < head.expiresAtMs;
  const isInCustody = [...outgoing.steps, ...outgoing.late].some((step) => step.state === "accepted" && step.proof === "statement");
  const isOnce = (part: OutgoingPart): boolean => !part.again && part.plain !== undefined && part.certificate.length > 0;
  return isUnderWay && isInCustody ? parts.filter((part) => isOnce(part) && isFit(part) && part.flights === 0) : [];
}

/** Whether a relay proved to have it before `endMs`, or could have by then and its proof is still to come. */
function wasStoredBy({ steps }: Outgoing, endMs: number, nowMs: number): boolean {
  if (nowMs <= endMs + FIXED.lateProofMs.value) return true;
  return steps.some(({ state, proof, atMs }) => state === "stored" && proof === "statement" && atMs <= endMs);
}

/** One on its way under its old envelope waits for the answer: see `takesPlace`. */
function isToSeal(part: OutgoingPart): boolean {
  return part.plain !== undefined && !isFit(part) && part.flights === 0;
}

function recipientOf(key: string): Recipient {
  return key.startsWith("@") ? { idRaw: EMPTY, name: key.slice(1) } : { idRaw: fromHex(key) as Bytes, name: "" };
}

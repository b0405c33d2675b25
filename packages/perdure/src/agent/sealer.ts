/**
 * Sealing what is queued, recipient by recipient in the order of their streams, and keeping every envelope on disk before
 * it may travel. A recipient whose keys are not known yet is asked for again after a pause; the others do not wait for it.
 */
import type { Host } from "../host/host.ts";
import { type OwnIdentity, sealPart, type VerifiedIdentity } from "../identity/index.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Outgoing, OutgoingPart } from "../protocol/delivery/outgoing.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, EMPTY, fromHex, hex } from "../wire/bytes.ts";
import type { Envelope } from "../wire/envelope.ts";
import { isPerdureError } from "../wire/error.ts";
import { agentIdText } from "../wire/ids.ts";
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
  /** A session began: recipients that could not be found out may be asked for again. */
  connected(): void;
  /** The recipient has this message, and so our bundle that travelled with it. */
  confirmed(outgoing: Outgoing): void;
  idle(): Promise<void>;
}

export interface SealerOptions {
  readonly host: Host;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly outbox: Outbox;
  readonly store: () => AgentStore;
  readonly lookups: Lookups;
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
  closing,
  writtenTo,
  onRetired,
  onSealed,
}: SealerOptions): Sealer {
  // bound: one per recipient of an open message, outboxMessages
  const notBefore = new Map<string, number>();
  /** SHA-256 of the bundle that travelled with a message, and of the newest one each recipient has. */
  const attachedTo = new WeakMap<Outgoing, string>();
  // bound: MAX_PEERS
  const hasOurs = new Map<string, string>();
  // bound: one per recipient of an open message, outboxMessages
  const active = new Map<string, Promise<void>>();
  /** Recipients for whom something came while they were being sealed for. */
  // bound: one per recipient of an open message, outboxMessages
  const again = new Set<string>();
  let cancelRetry = (): void => {};

  const sealOne = async (part: OutgoingPart, recipient: VerifiedIdentity): Promise<Envelope | undefined> => {
    const { of, seq } = part;
    const { head } = of;
    if (part.plain === undefined) return undefined;
    const content = await store().read(part.plain);
    const bundle = own.bundle();
    const bundleHash = hex(host.crypto.hash.sha256(bundle));
    const isKnown = hasOurs.get(of.recipient) === bundleHash;
    if (!isKnown) attachedTo.set(of, bundleHash);
    return await sealPart({
      crypto: host.crypto,
      random: host.random,
      own,
      recipient,
      class: head.class,
      stream: head.stream,
      seq,
      expiresAtMs: head.expiresAtMs,
      content,
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
        extensions: head.invite.length === 0 ? [] : [{ code: SEALED_EXTENSIONS.invite, bytes: head.invite }],
      },
    });
  };

  const keep = async (parts: readonly OutgoingPart[], recipient: VerifiedIdentity): Promise<void> => {
    const envelopes = await Promise.all(parts.map((part) => sealOne(part, recipient)));
    const fresh = envelopes.filter((envelope) => envelope !== undefined);
    const isOwnWill = parts.some(({ of }) => of.head.class === "mail" && of.head.depth === 0);
    await store().commit({
      onFailure: "try-again",
      plan: () => ({
        records: [
          ...(isOwnWill ? writtenTo(recipient.idRaw) : []),
          ...fresh.map((envelope) => ({
            kept: {
              kind: "sealed",
              head: { stream: envelope.stream, seq: envelope.seq, to: envelope.to, digest: envelope.digest, bytes: envelope.bytes.length },
            } as const,
            payload: envelope.bytes,
          })),
        ],
        result: undefined,
      }),
      applied: () => {
        for (const envelope of fresh) {
          host.log.write("debug", "agent.sealed", {
            id: outbox.ofPart(envelope.stream, envelope.seq)?.id,
            seq: envelope.seq,
            to: agentIdText(envelope.to),
            digest: hex(envelope.digest),
          });
        }
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
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      return troubled(recipient, "identity-forked: two histories of it contradict each other; this waits until its owner decides");
    }
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
        for (const part of outgoing.parts) if (part.bytes === 0 && part.plain !== undefined && parts.length < BATCH_PARTS) parts.push(part);
        if (parts.length >= BATCH_PARTS) break;
      }
      if (parts.length === 0 || closing.aborted) return;
      await keep(parts, identity);
    }
  };

  /** Each recipient for itself: one whose relay does not answer holds up nobody else. */
  const seal = async (recipient: string): Promise<void> => {
    try {
      do {
        again.delete(recipient);
        await sealFor(recipient);
      } while (again.has(recipient) && !closing.aborted);
    } catch (error) {
      notBefore.set(recipient, host.clock.monotonicMs() + settings.redialMaxMs);
      const code = isPerdureError(error) ? error.code : "internal";
      const why = error instanceof Error ? error.message : String(error);
      troubled(recipient, `${code}: ${why}`);
      host.log.write("warn", "agent.not-sealed", { to: recipient, code, why });
    }
    active.delete(recipient);
    arm();
  };

  /** Looks again when the first pause is over. */
  const arm = (): void => {
    cancelRetry();
    for (const recipient of notBefore.keys()) if (outbox.unsealed(recipient).length === 0) notBefore.delete(recipient);
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

  return {
    kick,
    connected() {
      notBefore.clear();
      kick();
    },
    confirmed(outgoing) {
      const attached = attachedTo.get(outgoing);
      if (attached !== undefined) hasOurs.set(outgoing.recipient, attached);
      for (const oldest of hasOurs.keys()) {
        if (hasOurs.size <= MAX_PEERS) break;
        hasOurs.delete(oldest);
      }
    },
    async idle() {
      cancelRetry();
      await Promise.all(active.values());
    },
  };
}

function recipientOf(key: string): Recipient {
  return key.startsWith("@") ? { idRaw: EMPTY, name: key.slice(1) } : { idRaw: fromHex(key) as Bytes, name: "" };
}

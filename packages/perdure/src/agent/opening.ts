/**
 * Verifies and opens what was delivered: of each sender in order, those of different senders side by side.
 *
 * What must hold: each is judged by what is pinned of its sender when that is done, and so by all that the ones before it said. What
 * follows one that says something new of the sender's keys waits until that is kept, and what follows one whose signer has to be asked
 * for waits for the answer too.
 */
import type { Host } from "../host/host.ts";
import { type OpenedPart, type OwnIdentity, openPart, type VerifiedIdentity, verifyNotice } from "../identity/index.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import type { DeliverFrame } from "../wire/control.ts";
import type { Envelope } from "../wire/envelope.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { type Receipt, receipt } from "../wire/sealed.ts";
import type { Notice } from "../wire/statement.ts";
import type { Homes } from "./homes.ts";
import type { Lookups } from "./lookups.ts";
import { refuseForeignNotice } from "./notices.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import type { Undecided } from "./undecided.ts";

/** Verdicts on envelopes that trying again does not change. */
const HOPELESS: ReadonlySet<string> = new Set([
  "wrong-recipient",
  "unknown-inbox-key",
  "malformed",
  "wrong-commitment",
  "bad-signature",
  "not-deterministic",
  "too-large",
  "record-rolled-back",
]);

/** Verdicts that more of the sender may change. */
const UNDECIDED: ReadonlySet<string> = new Set(["unknown-agent", "identity-forked"]);

export interface Waiting {
  readonly payload: Bytes;
  readonly relay: VerifiedIdentity;
  /** Its signer was asked for. */
  readonly asked: boolean;
}

export interface Delivered {
  readonly frame: DeliverFrame;
  readonly envelope: Envelope;
  readonly waiting: Waiting;
}

/** What to keep of whoever signed. */
interface Taught {
  readonly pins: readonly Planned[];
  /** Whether mail of the same sender may be judged otherwise by it. */
  readonly teaches: boolean;
}

type Judged =
  | ({ readonly kind: "mail"; readonly part: OpenedPart } & Taught)
  | ({ readonly kind: "receipt"; readonly said: Receipt; readonly part: OpenedPart } & Taught)
  | { readonly kind: "notice"; readonly said: Notice; readonly by: VerifiedIdentity }
  | { readonly kind: "known" }
  | { readonly kind: "drop"; readonly code: string; readonly why: string }
  | ({ readonly kind: "hold"; readonly code: string } & Taught);

type Verified = Judged | { readonly kind: "ask"; readonly look: () => Promise<unknown> };

export type Opened =
  | Judged
  /** Who signed it has to be asked for first, which is under way and never rejects; others do not wait for that. */
  | { readonly kind: "ask"; readonly asking: Promise<unknown> };

export const NOTHING_NEW: Taught = { pins: [], teaches: false };

export interface OpeningOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "log">;
  readonly own: OwnIdentity;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly peers: Peers;
  readonly homes: Homes;
  readonly lookups: Lookups;
  /** Senders whose mail is held until more is known of them. */
  readonly undecided: Pick<Undecided, "hold">;
}

export interface Opening {
  /**
   * What became of each; one that is not in the answer follows another of its sender that has to be kept first. `full`: no more can wait
   * for their signer.
   */
  open(delivered: readonly Delivered[], full: () => boolean): Promise<ReadonlyMap<Delivered, Opened>>;
}

export function createOpening(options: OpeningOptions): Opening {
  const { host, own, inbox, peers, undecided } = options;
  const { clock } = host;
  /** Questions under way, by sender. */
  // bound: one per delivery that waits for its signer
  const questions = new Map<string, Promise<unknown>>();

  const learn = async (identity: VerifiedIdentity): Promise<Taught> => {
    const before = peers.pinned(identity.idRaw);
    if (before !== undefined && equalBytes(before.bundle, identity.bundle)) return NOTHING_NEW;
    const teaches = before === undefined || before.frozen !== identity.frozen || !equalBytes(before.logHead, identity.logHead);
    return { pins: await peers.learn(identity), teaches };
  };

  const openNotice = async (envelope: Envelope, relay: VerifiedIdentity, asked: boolean): Promise<Verified> => {
    const isOwn = equalBytes(envelope.from, relay.idRaw);
    if (!isOwn) refuseForeignNotice(options, envelope);
    const by = isOwn ? relay : await peers.load(envelope.from);
    const ask = (): Verified => {
      const from = envelope.from.slice();
      return { kind: "ask", look: () => options.lookups.relay(from, true) };
    };
    if (by === undefined) {
      if (!asked) return ask();
      throw new PerdureError("unknown-agent", "the relay that gives a notice is not known yet", { retry: "after" });
    }
    try {
      return { kind: "notice", said: await verifyNotice({ crypto: host.crypto, relay: by, body: envelope.body }), by };
    } catch (error) {
      // The relay may have another certificate than the one that is pinned.
      const isOutdated = isPerdureError(error) && (error.code === "bad-signature" || error.code === "certificate-expired");
      if (isOwn || asked || !isOutdated) throw error;
      return ask();
    }
  };

  const openVerified = async ({ envelope, frame, waiting: { relay } }: Delivered, asked: boolean): Promise<Verified> => {
    const nowMs = clock.wallMs();
    if (envelope.class === "notice") return await openNotice(envelope, relay, asked);
    if (envelope.expiresAtMs <= nowMs || isKnown(inbox.judge(envelope, nowMs))) return { kind: "known" };
    await peers.load(envelope.from);
    const known = (): VerifiedIdentity | undefined => peers.pinned(envelope.from);
    let frozen: VerifiedIdentity | undefined;
    const onFrozen = (sender: VerifiedIdentity): void => {
      frozen = sender;
    };
    const { storedAtMs } = frame;
    const part = await openPart({ crypto: host.crypto, own, envelope, known, nowMs, storedAtMs, opened: own.opened, onFrozen }).catch(
      (error: unknown) => {
        const isUnknown = isPerdureError(error) && (error.code === "unknown-agent" || error.code === "identity-forked");
        if (!isUnknown || (asked && frozen === undefined)) throw error;
        return undefined;
      },
    );
    if (frozen !== undefined && asked) return { kind: "hold", code: "identity-forked", ...(await learn(frozen)) };
    if (part === undefined) {
      const idRaw = envelope.from.slice();
      return { kind: "ask", look: () => options.lookups.resolve({ idRaw, name: "" }) };
    }
    const taught = await learn(part.sender);
    if (envelope.class === "receipt") return { kind: "receipt", said: receipt.decode(part.content), part, ...taught };
    return { kind: "mail", part, ...taught };
  };

  const openOrNot = async (delivered: Delivered, asked: boolean): Promise<Verified> => {
    try {
      return await openVerified(delivered, asked);
    } catch (error) {
      const code = isPerdureError(error) ? error.code : "internal";
      const why = error instanceof Error ? error.message : String(error);
      return HOPELESS.has(code) ? { kind: "drop", code, why } : { kind: "hold", code, ...NOTHING_NEW };
    }
  };

  const open = async (delivered: Delivered, asked: boolean): Promise<Verified> => {
    const { from } = delivered.envelope;
    const judgedBy = peers.bundle(from);
    const opened = await openOrNot(delivered, asked);
    // Whoever was asked about it, or for something else, answered meanwhile: what it was judged by counts no more.
    if (!isSame(peers.bundle(from), judgedBy)) return await open(delivered, asked);
    if (opened.kind === "hold" && UNDECIDED.has(opened.code)) undecided.hold(from, judgedBy);
    return opened;
  };

  const ask = (sender: string, look: () => Promise<unknown>): Promise<unknown> => {
    const asking = look()
      .catch(() => undefined)
      .finally(() => questions.delete(sender));
    questions.set(sender, asking);
    return asking;
  };

  const openInOrder = async (
    sender: string,
    delivered: readonly Delivered[],
    full: () => boolean,
    found: Map<Delivered, Opened>,
  ): Promise<void> => {
    for (const each of delivered) {
      const asked = each.waiting.asked || full();
      const asking = questions.get(sender);
      if (!asked && asking !== undefined) {
        found.set(each, { kind: "ask", asking });
        continue;
      }
      const opened = await open(each, asked);
      found.set(each, opened.kind === "ask" ? { kind: "ask", asking: ask(sender, opened.look) } : opened);
      if ("teaches" in opened && opened.teaches) return;
    }
  };

  return {
    async open(delivered, full) {
      const found = new Map<Delivered, Opened>();
      const bySender = Map.groupBy(delivered, ({ envelope }) => hex(envelope.from));
      await Promise.all([...bySender].map(async ([sender, theirs]) => await openInOrder(sender, theirs, full, found)));
      return found;
    },
  };
}

function isSame(one: Bytes | undefined, other: Bytes | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && equalBytes(one, other));
}

function isKnown(judgement: string): boolean {
  return judgement === "settled" || judgement === "pending" || judgement === "expired";
}

/**
 * Into which box a new message goes, and whether it is taken at all, by what its sender is to this agent.
 *
 *   blocked                                   refused, nothing kept
 *   a greeting with a good invite             the sender becomes a contact, the greeting is done, nobody sees it, and what
 *                                             waited of the sender moves to contacts
 *   an answer to what was asked of the sender contacts
 *   a contact, or anybody where they are welcome  contacts
 *   a stranger                                requests, as far as their share goes; beyond it refused
 *
 * What must hold: no stranger's message reaches a handler unless the owner said so; what is not taken is refused in a signed
 * receipt; strangers together and each of them hold a bounded share of this agent's disk.
 */
import type { Host } from "../host/host.ts";
import type { ContactBook } from "../protocol/contacts/contact-book.ts";
import { COUNTED_DEPTH, type LoopGuard } from "../protocol/contacts/loop-guard.ts";
import type { Inbox } from "../protocol/delivery/inbox.ts";
import type { Outbox } from "../protocol/delivery/outbox.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, equalBytes, hex } from "../wire/bytes.ts";
import { messageIdText } from "../wire/ids.ts";
import { INVITE_SECRET_BYTES } from "../wire/invite.ts";
import { GREETING_CONTENT_TYPE, SEALED_EXTENSIONS, type SealedHead } from "../wire/sealed.ts";
import type { Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";
import type { WaitingRequests } from "./waiting-requests.ts";

/** A share is never smaller than this, unless the whole is. */
const SHARE_MESSAGES = 64;
const SHARE_BYTES = 16 * 1024 * 1024;

export interface NewMail {
  readonly from: Bytes;
  readonly stream: Bytes;
  /** Of this part. */
  readonly seq: number;
  /** Name the sender's record claims. */
  readonly name: string;
  readonly head: SealedHead;
}

/** First part of a message. */
type NewMessage = Pick<NewMail, "from" | "stream" | "seq">;

export type Admitted =
  | { readonly kind: "take"; readonly box: "contacts" | "requests" }
  | { readonly kind: "refuse"; readonly code: string; readonly why: string }
  /** Done at once, with these records. */
  | { readonly kind: "greeted"; readonly records: readonly Planned[] };

export interface Admission {
  /** A batch is planned anew: what an earlier plan counted is forgotten. */
  begin(): void;
  admit(mail: NewMail, nowMs: number): Admitted;
}

export interface AdmissionOptions {
  readonly host: Pick<Host, "crypto">;
  readonly settings: Settings;
  readonly book: ContactBook;
  readonly guard: LoopGuard;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly peers: Peers;
  readonly requests: WaitingRequests;
  /** False only in tests of this very mechanism. */
  readonly enabled: boolean;
}

export function createAdmission({ host, settings, book, guard, inbox, outbox, peers, requests, enabled }: AdmissionOptions): Admission {
  /** What this batch plans to put into `requests`, by sender, which the inbox does not hold yet. */
  // bound: one per sender in the batch that is planned
  const planned = new Map<string, { messages: number; bytes: number; readonly first: Map<string, NewMessage> }>();
  /** Uses of invites and standings this batch plans. */
  // bound: one per invite in the batch that is planned
  const used = new Map<string, number>();
  // bound: one per sender in the batch that is planned
  const welcomed = new Set<string>();

  const asked = ({ from, head }: NewMail): boolean => {
    const ref = head.inReplyTo;
    const question = ref === undefined ? undefined : outbox.find(messageIdText(ref.stream, ref.seq));
    if (question === undefined || question.head.class !== "mail") return false;
    const to = question.head.to.length > 0 ? question.head.to : peers.named(question.head.toName)?.idRaw;
    return to !== undefined && equalBytes(to, from);
  };

  const requested = (mail: NewMail): Admitted => {
    const { from, stream, seq, head } = mail;
    const firstSeq = seq - head.part;
    const id = messageIdText(stream, firstSeq);
    // Parts after the first of a message that was taken belong to what was weighed then.
    if (inbox.boxOf(from, mail.stream, firstSeq) === "requests") return { kind: "take", box: "requests" };
    const mine = planned.get(hex(from)) ?? { messages: 0, bytes: 0, first: new Map<string, NewMessage>() };
    if (mine.first.has(id)) return { kind: "take", box: "requests" };
    const everybody = [...planned.values()].reduce(
      (sum, each) => ({ messages: sum.messages + each.messages, bytes: sum.bytes + each.bytes }),
      inbox.requested(),
    );
    const sender = inbox.requested(from);
    const room = { messages: settings.mailboxMessages, bytes: settings.mailboxBytes };
    const strangers = shareOf(room, settings.strangersPercent);
    const one = shareOf(room, settings.senderPercent);
    const bytes = head.wholeBytes;
    if (sender.messages + mine.messages >= one.messages || sender.bytes + mine.bytes + bytes > one.bytes)
      return { kind: "refuse", code: "mailbox-full", why: "too much of this sender waits for its owner to take the sender in" };
    if (everybody.messages >= strangers.messages || everybody.bytes + bytes > strangers.bytes)
      return { kind: "refuse", code: "mailbox-full", why: "too much mail of strangers waits for its owner; send it again later" };
    mine.messages++;
    mine.bytes += bytes;
    mine.first.set(id, { from, stream, seq: firstSeq });
    planned.set(hex(from), mine);
    return { kind: "take", box: "requests" };
  };

  const greeted = (mail: NewMail, nowMs: number): Admitted => {
    const isContact = book.standing(mail.from) === "contact" || welcomed.has(hex(mail.from));
    const secret = mail.head.extensions.find(({ code }) => code === SEALED_EXTENSIONS.invite)?.bytes;
    const hash = secret?.length === INVITE_SECRET_BYTES ? host.crypto.hash.sha256(secret) : undefined;
    const uses = hash === undefined ? 0 : (used.get(hex(hash)) ?? 0);
    const worth = hash === undefined ? "unknown" : book.weighInvite(hash, nowMs, uses);
    if (isContact) return { kind: "greeted", records: [] };
    if (hash !== undefined && worth === "good") {
      used.set(hex(hash), uses + 1);
      welcomed.add(hex(mail.from));
      const accepted = book.accepted(hash, { idRaw: mail.from, name: mail.name }, nowMs, uses).map((kept) => ({ kept }));
      const earlier = [...(planned.get(hex(mail.from))?.first.values() ?? [])].map(requests.move);
      return { kind: "greeted", records: [...accepted, ...requests.letIn(({ from }) => equalBytes(from, mail.from)), ...earlier] };
    }
    if (worth === "used") return { kind: "refuse", code: "invite-used", why: "this invite was accepted as often as it may be" };
    if (worth === "expired") return { kind: "refuse", code: "expired", why: "this invite is no longer valid" };
    return requested(mail);
  };

  return {
    begin() {
      planned.clear();
      used.clear();
      welcomed.clear();
    },
    admit(mail, nowMs) {
      if (!enabled) return { kind: "take", box: "contacts" };
      const { from, head } = mail;
      const standing = book.standing(from);
      if (standing === "blocked") return { kind: "refuse", code: "blocked", why: "its owner does not want mail from this sender" };
      if (head.contentType === GREETING_CONTENT_TYPE) return greeted(mail, nowMs);
      if (asked(mail)) return { kind: "take", box: "contacts" };
      const held = head.depth >= COUNTED_DEPTH ? guard.pause(head.thread, from) : undefined;
      if (held !== undefined) return { kind: "refuse", code: "loop-paused", why: held.why };
      // A message stays together, also when its sender was taken in between its parts.
      const begun = inbox.boxOf(from, mail.stream, mail.seq - head.part);
      if (begun === "contacts" || begun === "requests") return { kind: "take", box: begun };
      if (standing === "contact" || welcomed.has(hex(from)) || book.policy.strangers === "welcome")
        return { kind: "take", box: "contacts" };
      return requested(mail);
    },
  };
}

interface Room {
  readonly messages: number;
  readonly bytes: number;
}

function shareOf(whole: Room, percent: number): Room {
  const part = (all: number, least: number): number => Math.min(all, Math.max(least, Math.floor((all * percent) / 100)));
  return { messages: part(whole.messages, SHARE_MESSAGES), bytes: part(whole.bytes, SHARE_BYTES) };
}

/** Mail comes into a mailbox and goes out of it. Every load it counts in rises and falls with it, each in one addition. */
import { type Bytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES, type Envelope } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import { knows } from "./contact-list.ts";
import {
  type AgentState,
  emptyLoad,
  type Load,
  type Mailbox,
  type Place,
  type RelayState,
  type Sender,
  type StoredMail,
} from "./mailbox-state.ts";

const STREAM_BYTES = 8;

/** Whose mail it is: the way it came, and under which key its sender's share of a mailbox is counted. */
export interface Origin {
  readonly key: string;
  readonly via: AgentState | undefined;
  readonly author: AgentState | undefined;
}

/** The relay itself: its notices count in no share. */
export const OWN_ORIGIN: Origin = { key: "", via: undefined, author: undefined };

/** Whose mail it is that comes over a session of `carrier`. */
export function originOf(carrier: AgentState, from: Bytes): Origin {
  if (carrier.peer === undefined) return { key: carrier.key, via: undefined, author: carrier };
  return { key: carrier.key + hex(from), via: carrier, author: undefined };
}

/** An envelope takes its place in the mailbox of `owner`. */
export function keepMail(
  state: RelayState,
  owner: AgentState,
  position: number,
  envelope: Envelope,
  origin: Origin,
  storedAtMs: number,
  place: Place | undefined,
): StoredMail {
  const { mailbox } = owner;
  const mail: StoredMail = {
    place,
    sizeBytes: envelope.bytes.length,
    storedAtMs,
    expiresAtMs: envelope.expiresAtMs,
    wantsNotice: envelope.class === "mail",
    sender: mailbox.senders.get(origin.key) ?? addSender(state, owner, envelope.from, origin),
    label: labelOf(envelope, mailbox.route),
    seq: envelope.seq,
  };
  mailbox.stored.set(position, mail);
  mailbox.earliestExpiryMs = Math.min(mailbox.earliestExpiryMs, mail.expiresAtMs);
  count(state, mailbox, mail, 1, mail.sizeBytes);
  return mail;
}

/** Takes a message out of the waiting ones; its place is still held in the log until it is released there. */
export function dropMail(state: RelayState, mailbox: Mailbox, position: number): StoredMail | undefined {
  const mail = mailbox.stored.get(position);
  if (mail === undefined) return undefined;
  mailbox.stored.delete(position);
  if (mailbox.stored.size === 0) mailbox.earliestExpiryMs = Number.POSITIVE_INFINITY;
  count(state, mailbox, mail, -1, -mail.sizeBytes);
  if (mail.sender.mail.messages + mail.sender.other.messages > 0) return mail;
  mailbox.senders.delete(mail.sender.key);
  if (mailbox.route && mail.sender.author !== undefined) mail.sender.author.routes--;
  return mail;
}

function count(state: RelayState, mailbox: Mailbox, { sender, wantsNotice }: StoredMail, messages: number, bytes: number): void {
  state.storedMessages += messages;
  state.storedBytes += bytes;
  mailbox.storedBytes += bytes;
  add(wantsNotice ? sender.mail : sender.other, messages, bytes);
  if (sender.author !== undefined) add(sender.author.authored, messages, bytes);
  if (mailbox.route) {
    add(state.routed, messages, bytes);
    if (sender.author !== undefined) add(sender.author.outbound, messages, bytes);
    return;
  }
  if (sender.stranger) add(wantsNotice ? mailbox.strangers.mail : mailbox.strangers.other, messages, bytes);
  if (sender.via?.peer === undefined) return;
  add(sender.via.peer.charged, messages, bytes);
  add(state.relayed, messages, bytes);
}

function add(load: Load, messages: number, bytes: number): void {
  load.messages += messages;
  load.bytes += bytes;
}

function addSender(state: RelayState, owner: AgentState, from: Bytes, { key, via, author }: Origin): Sender {
  const sender: Sender = {
    key,
    from: author?.idRaw ?? from.slice(),
    via,
    author,
    stranger: isStranger(state, owner, from, { via, author }),
    mail: emptyLoad(),
    other: emptyLoad(),
  };
  owner.mailbox.senders.set(key, sender);
  if (owner.mailbox.route && author !== undefined) author.routes++;
  return sender;
}

/** Whether mail of that origin is from somebody the agent of the mailbox does not know. */
export function isStranger(state: RelayState, owner: AgentState, from: Bytes, { via, author }: Omit<Origin, "key">): boolean {
  if (owner.mailbox.route || (via === undefined && author === undefined)) return false;
  return !knows(owner.contacts, from, via?.idRaw ?? state.relayId);
}

/** The contact list of `owner` is another one: who was a stranger may be none, and the other way round. */
export function recountStrangers(state: RelayState, owner: AgentState): void {
  const { senders, strangers } = owner.mailbox;
  for (const load of [strangers.mail, strangers.other]) add(load, -load.messages, -load.bytes);
  for (const sender of senders.values()) {
    sender.stranger = isStranger(state, owner, sender.from, sender);
    if (!sender.stranger) continue;
    add(strangers.mail, sender.mail.messages, sender.mail.bytes);
    add(strangers.other, sender.other.messages, sender.other.bytes);
  }
}

/** Stream, digest and recipient as one short string, cheaper to keep by the hundred thousand than byte arrays. */
function labelOf({ stream, digest, to }: Envelope, withRecipient: boolean): string {
  return withRecipient ? String.fromCharCode(...stream, ...digest, ...to) : String.fromCharCode(...stream, ...digest);
}

/** `to` is empty where the mailbox is the recipient's own. */
export function readLabel(label: string): { readonly stream: Bytes; readonly digest: Bytes; readonly to: Bytes } {
  const bytes = new Uint8Array(label.length);
  for (let index = 0; index < label.length; index++) bytes[index] = label.charCodeAt(index);
  const end = STREAM_BYTES + DIGEST_BYTES;
  return { stream: bytes.slice(0, STREAM_BYTES), digest: bytes.slice(STREAM_BYTES, end), to: bytes.slice(end, end + AGENT_ID_BYTES) };
}

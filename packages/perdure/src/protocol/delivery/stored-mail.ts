/** Mail comes into a mailbox and goes out of it. Every load it counts in rises and falls with it, each in one addition. */
import { type Bytes, EMPTY, hex } from "../../wire/bytes.ts";
import { BOUND_HEADER_BYTES, type Envelope, FROM_AT, STREAM_AT, TO_AT } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import { knows } from "./contact-list.ts";
import type { RestingRow } from "./index-reading.ts";
import {
  type AgentState,
  emptyLoad,
  type Load,
  type Mailbox,
  type Origin,
  type Place,
  type RelayState,
  type Sender,
  type StoredMail,
} from "./mailbox-state.ts";
import type { Places } from "./places.ts";

/** The relay itself: its notices count in no share. */
export const OWN_ORIGIN: Origin = { key: "", via: undefined, author: undefined };

/** Whose mail it is that comes over a session of `carrier`. */
export function originOf(carrier: AgentState, envelope: Pick<Envelope, "from">): Origin {
  if (carrier.origin !== undefined) return carrier.origin;
  const { from } = envelope;
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
): void {
  const { mailbox } = owner;
  const { bytes, seq, expiresAtMs } = envelope;
  const wantsNotice = envelope.class === "mail";
  const sizeBytes = bytes.length;
  const sender = mailbox.senders.get(origin.key) ?? addSender(state, owner, bytes, FROM_AT, origin);
  mailbox.stored.put(
    position,
    {
      sizeBytes,
      storedAtMs,
      expiresAtMs,
      wantsNotice,
      sender,
      seq,
      stream: bytes,
      streamAt: STREAM_AT,
      digest: bytes,
      digestAt: BOUND_HEADER_BYTES,
      // Who an agent's mail is for, its mailbox says.
      to: mailbox.route ? bytes : EMPTY,
      toAt: TO_AT,
    },
    place,
  );
  mailbox.earliestExpiryMs = Math.min(mailbox.earliestExpiryMs, expiresAtMs);
  countMail(state, mailbox, { sender, wantsNotice }, 1, sizeBytes);
}

/** Mail that counts already, or is about to, gets a row. */
export function putRow({ mailbox }: AgentState, position: number, row: RestingRow, sender: Sender): void {
  mailbox.stored.put(position, { ...row, sender }, row.place);
  mailbox.earliestExpiryMs = Math.min(mailbox.earliestExpiryMs, row.expiresAtMs);
}

/**
 * Takes a message out of the waiting ones; true when it was one of them. Its place, which is told, is still held in the log until it is
 * released there.
 */
export function dropMail(state: RelayState, mailbox: Mailbox, position: number, places?: Places): boolean {
  const mail = mailbox.stored.take(position, places);
  if (mail === undefined) return false;
  if (mailbox.stored.size === 0) mailbox.earliestExpiryMs = Number.POSITIVE_INFINITY;
  countMail(state, mailbox, mail, -1, -mail.sizeBytes);
  if (mail.sender.mail.messages + mail.sender.other.messages > 0) return true;
  mailbox.senders.delete(mail.sender.key);
  if (mailbox.route && mail.sender.author !== undefined) mail.sender.author.routes--;
  return true;
}

/** So many messages more or less of that sender wait. */
export function countMail(
  state: RelayState,
  mailbox: Mailbox,
  { sender, wantsNotice }: Pick<StoredMail, "sender" | "wantsNotice">,
  messages: number,
  bytes: number,
): void {
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

/** Not by taking away what is there: less zero is minus zero, which is no small integer, and from then on every number of every load is an object. */
function clear(load: Load): void {
  load.messages = 0;
  load.bytes = 0;
}

/** Whoever has mail of that origin in the mailbox, or is about to. */
export function senderOf(state: RelayState, owner: AgentState, from: Bytes, origin: Origin): Sender {
  return owner.mailbox.senders.get(origin.key) ?? addSender(state, owner, from, 0, origin);
}

/** Its id stands in `bytes` from `at` on. */
function addSender(state: RelayState, owner: AgentState, bytes: Bytes, at: number, origin: Origin): Sender {
  const { key, via, author } = origin;
  const sender: Sender = {
    key,
    from: author?.idRaw ?? bytes.slice(at, at + AGENT_ID_BYTES),
    via,
    author,
    stranger: isStranger(state, owner, bytes, at, origin),
    mail: emptyLoad(),
    other: emptyLoad(),
  };
  owner.mailbox.senders.set(key, sender);
  if (owner.mailbox.route && author !== undefined) author.routes++;
  return sender;
}

/** Whether mail of that origin, whose writer's id stands in `bytes` from `at` on, is from somebody the agent of the mailbox does not know. */
export function isStranger(state: RelayState, owner: AgentState, bytes: Bytes, at: number, { via, author }: Omit<Origin, "key">): boolean {
  if (owner.mailbox.route || (via === undefined && author === undefined)) return false;
  return !knows(owner.contacts, bytes, at, via?.idRaw ?? state.relayId);
}

/** The contact list of `owner` is another one: who was a stranger may be none, and the other way round. */
export function recountStrangers(state: RelayState, owner: AgentState): void {
  const { senders, strangers } = owner.mailbox;
  for (const load of [strangers.mail, strangers.other]) clear(load);
  for (const sender of senders.values()) {
    sender.stranger = isStranger(state, owner, sender.from, 0, sender);
    if (!sender.stranger) continue;
    add(strangers.mail, sender.mail.messages, sender.mail.bytes);
    add(strangers.other, sender.other.messages, sender.other.bytes);
  }
}

/**
 * Who may fill how much of what. Mail that comes from a peer is charged to that peer, whoever it says wrote it; a sender is
 * known by its id and the way its mail comes, so that no peer can use up the share of somebody else's sender. What somebody
 * may fill therefore never depends on how many identities somebody made.
 */
import type { Settings } from "../../settings/register.ts";
import { type Envelope, FROM_AT } from "../../wire/envelope.ts";
import type { LimitHit } from "../../wire/error.ts";
import type { AgentState, Load, Mailbox, Origin, RelayState } from "./mailbox-state.ts";
import { isStranger } from "./stored-mail.ts";

export type ShareLimits = Pick<
  Settings,
  | "mailboxMessages"
  | "mailboxBytes"
  | "storeMessages"
  | "storeBytes"
  | "peerPercent"
  | "peersPercent"
  | "routePercent"
  | "senderPercent"
  | "senderStoredPercent"
  | "strangersPercent"
  | "relayPeers"
>;

/** What is used up, in words and by name. */
export interface Lack {
  readonly why: string;
  readonly limit: LimitHit;
}

/** No share is smaller, unless the whole is. */
const SHARE_MESSAGES = 64;
const SHARE_BYTES = 16 * 1024 * 1024;
const SHARE_ROUTES = 16;

const NOTHING: Load = { messages: 0, bytes: 0 };

/** Why an envelope has no room in the mailbox of `owner`; `undefined` when it has. */
export function lackOfRoom(
  state: RelayState,
  limits: ShareLimits,
  pools: boolean,
  owner: AgentState,
  envelope: Envelope,
  origin: Origin,
): Lack | undefined {
  const { mailbox } = owner;
  const size = envelope.bytes.length;
  const ofSender = pools ? lackOfSender(limits, origin, size) : undefined;
  if (ofSender !== undefined) return ofSender;
  const waiting: Load = { messages: mailbox.stored.size, bytes: mailbox.storedBytes };
  if (pools && mailbox.route) return lackOnRoute(state, limits, owner, waiting, size, origin);
  const whole: Load = { messages: limits.mailboxMessages, bytes: limits.mailboxBytes };
  if (!fits(waiting, whole, size)) return fullMailbox(owner, waiting, whole);
  return pools ? (lackOfPeer(state, limits, origin.via, size) ?? lackInMailbox(state, limits, owner, whole, envelope, origin)) : undefined;
}

function fullMailbox({ id }: AgentState, waiting: Load, whole: Load): Lack {
  const why = `the mailbox of ${id} is full`;
  return waiting.messages < whole.messages
    ? { why, limit: { name: "mailboxBytes", value: whole.bytes, remaining: Math.max(0, whole.bytes - waiting.bytes) } }
    : { why, limit: { name: "mailboxMessages", value: whole.messages, remaining: 0 } };
}

/** Everything that waits of an agent here, wherever it waits. */
function lackOfSender(limits: ShareLimits, { author }: Origin, size: number): Lack | undefined {
  const { storeMessages, storeBytes, senderStoredPercent } = limits;
  if (
    author === undefined ||
    fitsShare(author.authored.messages, author.authored.bytes, storeMessages, storeBytes, senderStoredPercent, size)
  )
    return undefined;
  return usedUp(limits, "senderStoredPercent", "as much mail of this sender waits here as may");
}

/** Mail that is to be passed on. */
function lackOnRoute(
  state: RelayState,
  limits: ShareLimits,
  peer: AgentState,
  waiting: Load,
  size: number,
  origin: Origin,
): Lack | undefined {
  const { storeMessages, storeBytes, routePercent, peersPercent, senderPercent } = limits;
  if (!fitsShare(waiting.messages, waiting.bytes, storeMessages, storeBytes, routePercent, size))
    return usedUp(limits, "routePercent", `as much mail waits for the relay ${peer.id} as may`);
  if (!fitsShare(state.routed.messages, state.routed.bytes, storeMessages, storeBytes, peersPercent, size))
    return usedUp(limits, "peersPercent", "as much mail waits for other relays as may");
  const { messages, bytes } = loadOf(peer.mailbox, origin);
  const [routeMessages, routeBytes] = [
    sharePart(storeMessages, routePercent, SHARE_MESSAGES),
    sharePart(storeBytes, routePercent, SHARE_BYTES),
  ];
  if (!fitsShare(messages, bytes, routeMessages, routeBytes, senderPercent, size))
    return usedUp(limits, "senderPercent", `as much mail of this sender waits for the relay ${peer.id} as may`);
  if (origin.author !== undefined && !peer.mailbox.senders.has(origin.key) && origin.author.routes >= routesOf(limits))
    return usedUp(limits, "senderPercent", "mail of this sender waits for as many other relays as may");
  if (origin.author === undefined) return undefined;
  const { outbound } = origin.author;
  const [allMessages, allBytes] = [
    sharePart(storeMessages, peersPercent, SHARE_MESSAGES),
    sharePart(storeBytes, peersPercent, SHARE_BYTES),
  ];
  if (fitsShare(outbound.messages, outbound.bytes, allMessages, allBytes, senderPercent, size)) return undefined;
  return usedUp(limits, "senderPercent", "as much mail of this sender waits for other relays as may");
}

function lackOfPeer(state: RelayState, limits: ShareLimits, via: AgentState | undefined, size: number): Lack | undefined {
  if (via?.peer === undefined) return undefined;
  const { storeMessages, storeBytes, peerPercent, peersPercent } = limits;
  const { charged } = via.peer;
  if (!fitsShare(charged.messages, charged.bytes, storeMessages, storeBytes, peerPercent, size))
    return usedUp(limits, "peerPercent", `as much mail of the relay ${via.id} waits here as may`);
  if (fitsShare(state.relayed.messages, state.relayed.bytes, storeMessages, storeBytes, peersPercent, size)) return undefined;
  return usedUp(limits, "peersPercent", "as much mail of other relays waits here as may");
}

function lackInMailbox(
  state: RelayState,
  limits: ShareLimits,
  owner: AgentState,
  whole: Load,
  envelope: Envelope,
  origin: Origin,
): Lack | undefined {
  const { mailbox } = owner;
  const size = envelope.bytes.length;
  const sender = mailbox.senders.get(origin.key);
  // Nothing counts as the relay's own.
  const counted = origin.via === undefined && origin.author === undefined ? undefined : sender;
  const messages = counted === undefined ? 0 : counted.mail.messages + counted.other.messages;
  const bytes = counted === undefined ? 0 : counted.mail.bytes + counted.other.bytes;
  if (!fitsShare(messages, bytes, whole.messages, whole.bytes, limits.senderPercent, size))
    return usedUp(limits, "senderPercent", `as much mail of this sender waits for ${owner.id} as may`);
  if (!(sender?.stranger ?? isStranger(state, owner, envelope.bytes, FROM_AT, origin))) return undefined;
  const strangers = envelope.class === "mail" ? mailbox.strangers.mail : mailbox.strangers.other;
  if (fits(strangers, share(whole, limits.strangersPercent), size)) return undefined;
  return usedUp(limits, "strangersPercent", `as much mail of senders it does not know waits for ${owner.id} as may`);
}

/** Whether the agent of that mailbox does not know who wrote it. */
export function isFromStranger(state: RelayState, owner: AgentState, envelope: Envelope, origin: Origin): boolean {
  return owner.mailbox.senders.get(origin.key)?.stranger ?? isStranger(state, owner, envelope.bytes, FROM_AT, origin);
}

function usedUp(limits: ShareLimits, name: keyof ShareLimits, why: string): Lack {
  return { why, limit: { name, value: limits[name], remaining: 0 } };
}

/** A relay that mail waits for cannot be forgotten for another: nobody alone may name so many that no place is left. */
function routesOf({ relayPeers, senderPercent }: ShareLimits): number {
  return Math.min(relayPeers, Math.max(SHARE_ROUTES, Math.floor((relayPeers * senderPercent) / 100)));
}

/** What waits of that sender; nothing counts as the relay's own. */
function loadOf({ senders }: Mailbox, { key, via, author }: Origin): Load {
  const sender = via === undefined && author === undefined ? undefined : senders.get(key);
  if (sender === undefined) return NOTHING;
  const { mail, other } = sender;
  return { messages: mail.messages + other.messages, bytes: mail.bytes + other.bytes };
}

function share(whole: Load, percent: number): Load {
  return { messages: sharePart(whole.messages, percent, SHARE_MESSAGES), bytes: sharePart(whole.bytes, percent, SHARE_BYTES) };
}

function sharePart(whole: number, percent: number, least: number): number {
  return Math.min(whole, Math.max(least, Math.floor((whole * percent) / 100)));
}

/** The same as `fits` with a share, of numbers: it is asked for every message. */
function fitsShare(messages: number, bytes: number, wholeMessages: number, wholeBytes: number, percent: number, more: number): boolean {
  return messages < sharePart(wholeMessages, percent, SHARE_MESSAGES) && bytes + more <= sharePart(wholeBytes, percent, SHARE_BYTES);
}

function fits(load: Load, limit: Load, bytes: number): boolean {
  return load.messages < limit.messages && load.bytes + bytes <= limit.bytes;
}

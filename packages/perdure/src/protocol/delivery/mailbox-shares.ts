/**
 * Who may fill how much of what. Mail that comes from a peer is charged to that peer, whoever it says wrote it; a sender is
 * known by its id and the way its mail comes, so that no peer can use up the share of somebody else's sender. What somebody
 * may fill therefore never depends on how many identities somebody made.
 */
import type { Envelope } from "../../wire/envelope.ts";
import type { AgentState, Load, RelayState } from "./mailbox-state.ts";
import { isStranger, type Origin } from "./stored-mail.ts";

export interface ShareLimits {
  readonly mailboxMessages: number;
  readonly mailboxBytes: number;
  readonly storeMessages: number;
  readonly storeBytes: number;
  /** Of the store: mail from one peer, mail from all or to all, mail to one. */
  readonly peerPercent: number;
  readonly peersPercent: number;
  readonly routePercent: number;
  /** Of a mailbox or a route: one sender; of a mailbox: all that its agent does not know. */
  readonly senderPercent: number;
  readonly strangersPercent: number;
}

/** No share is smaller, unless the whole is. */
const SHARE_MESSAGES = 64;
const SHARE_BYTES = 16 * 1024 * 1024;

const NOTHING: Load = { messages: 0, bytes: 0 };

/** Why an envelope has no room in the mailbox of `owner`, as a sentence's subject and verb; `undefined` when it has. */
export function lackOfRoom(
  state: RelayState,
  limits: ShareLimits,
  pools: boolean,
  owner: AgentState,
  envelope: Envelope,
  origin: Origin,
): string | undefined {
  const { mailbox } = owner;
  const whole: Load = { messages: limits.mailboxMessages, bytes: limits.mailboxBytes };
  const size = envelope.bytes.length;
  const waiting: Load = { messages: mailbox.stored.size, bytes: mailbox.storedBytes };
  if (!pools || !mailbox.route) {
    if (!fits(waiting, whole, size)) return `the mailbox of ${owner.id} is full`;
    if (!pools) return undefined;
  }
  const store: Load = { messages: limits.storeMessages, bytes: limits.storeBytes };
  const isOwn = origin.via === undefined && origin.author === undefined;
  const sender = isOwn ? undefined : mailbox.senders.get(origin.key);
  const theirs: Load =
    sender === undefined
      ? NOTHING
      : { messages: sender.mail.messages + sender.other.messages, bytes: sender.mail.bytes + sender.other.bytes };
  if (mailbox.route) {
    const route = share(store, limits.routePercent);
    const routes = share(store, limits.peersPercent);
    if (!fits(waiting, route, size)) return `as much mail waits for the relay ${owner.id} as may`;
    if (!fits(state.routed, routes, size)) return "as much mail waits for other relays as may";
    if (!fits(theirs, share(route, limits.senderPercent), size))
      return `as much mail of this sender waits for the relay ${owner.id} as may`;
    if (origin.author !== undefined && !fits(origin.author.outbound, share(routes, limits.senderPercent), size))
      return "as much mail of this sender waits for other relays as may";
    return undefined;
  }
  if (origin.via?.peer !== undefined) {
    if (!fits(origin.via.peer.charged, share(store, limits.peerPercent), size))
      return `as much mail of the relay ${origin.via.id} waits here as may`;
    if (!fits(state.relayed, share(store, limits.peersPercent), size)) return "as much mail of other relays waits here as may";
  }
  if (!fits(theirs, share(whole, limits.senderPercent), size)) return `as much mail of this sender waits for ${owner.id} as may`;
  if (!(sender?.stranger ?? isStranger(state, owner, envelope.from, origin))) return undefined;
  const strangers = envelope.class === "mail" ? mailbox.strangers.mail : mailbox.strangers.other;
  if (fits(strangers, share(whole, limits.strangersPercent), size)) return undefined;
  return `as much mail of senders it does not know waits for ${owner.id} as may`;
}

function share(whole: Load, percent: number): Load {
  return {
    messages: Math.min(whole.messages, Math.max(SHARE_MESSAGES, Math.floor((whole.messages * percent) / 100))),
    bytes: Math.min(whole.bytes, Math.max(SHARE_BYTES, Math.floor((whole.bytes * percent) / 100))),
  };
}

function fits(load: Load, limit: Load, bytes: number): boolean {
  return load.messages < limit.messages && load.bytes + bytes <= limit.bytes;
}

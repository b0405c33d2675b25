/**
 * The other relays a relay remembers, a bounded number of them. Whoever wants mail passed on may name a new one, so the one that
 * was met longest ago and has nothing waiting makes room.
 */
import { type Bytes, concat, equalBytes, hex, utf8 } from "../../wire/bytes.ts";
import { isBanned } from "./bans.ts";
import { type AgentState, createAgentState, emptyLoad, findPeer, type RelayState } from "./mailbox-state.ts";

type Sha256 = (bytes: Bytes) => Bytes;

const MAILBOX_DOMAIN = utf8("perdure/peer-mailbox/0");
/** Urls remembered of one relay. */
const URLS_PER_PEER = 4;
const MAX_URL_BYTES = 512;

/** The peer of that id while the log is read, new if need be. Records about its mailbox may come before any that says whose it is. */
export function recallPeer(state: RelayState, sha256: Sha256, relayId: Bytes): AgentState {
  return findPeer(state, relayId) ?? addPeer(state, sha256, relayId);
}

/** A peer that is new. Positions its mailbox had before it was forgotten are never given again: the log may still say they are settled. */
export function createPeer(state: RelayState, sha256: Sha256, relayId: Bytes): AgentState {
  const peer = addPeer(state, sha256, relayId);
  const { mailbox } = peer;
  mailbox.nextPosition = Math.max(mailbox.nextPosition, state.routeFloor);
  mailbox.syncedTail = mailbox.nextPosition - 1;
  if (mailbox.syncedTail > 0) mailbox.settled.add(1, mailbox.syncedTail);
  return peer;
}

function addPeer(state: RelayState, sha256: Sha256, relayId: Bytes): AgentState {
  const keptId = sha256(concat(MAILBOX_DOMAIN, relayId));
  const nameless = state.agents.get(hex(keptId));
  const blank = createAgentState(relayId, keptId, { urls: [], seenAtMs: 0, charged: emptyLoad(), passedOn: 0, relayedIn: 0 });
  const peer = nameless === undefined ? blank : { ...blank, links: nameless.links, proofs: nameless.proofs };
  if (nameless !== undefined) {
    state.agents.delete(peer.key);
    const { settled, nextPosition, epoch } = nameless.mailbox;
    for (const [first, last] of settled.ranges) peer.mailbox.settled.add(first, last);
    peer.mailbox.nextPosition = Math.max(nextPosition, (settled.ranges.at(-1)?.[1] ?? 0) + 1);
    peer.mailbox.syncedTail = peer.mailbox.nextPosition - 1;
    peer.mailbox.epoch = epoch;
  }
  state.peers.set(hex(relayId), peer);
  state.routes.set(peer.key, peer);
  return peer;
}

/** Forgets peers until there are less than `limit`; false when each of the rest has something waiting or under way. */
export function makeRoomForPeer(state: RelayState, limit: number, isAttached: (peer: AgentState) => boolean): boolean {
  while (state.peers.size >= limit) {
    let oldest: AgentState | undefined;
    for (const each of state.peers.values()) {
      if (each.mailbox.stored.size > 0 || (each.peer?.charged.messages ?? 0) > 0 || isAttached(each)) continue;
      // A relay that never answered goes before one that did.
      if (oldest === undefined || rankOf(each) < rankOf(oldest)) oldest = each;
    }
    if (oldest === undefined) return false;
    state.peers.delete(hex(oldest.idRaw));
    state.routes.delete(oldest.key);
    state.routeFloor = Math.max(state.routeFloor, oldest.mailbox.nextPosition);
  }
  return true;
}

function rankOf({ bundle, peer }: AgentState): number {
  return (peer?.seenAtMs ?? 0) + (bundle.length > 0 ? Number.MAX_SAFE_INTEGER / 2 : 0);
}

/** Whether mail waits for this peer, and may go there. */
export function isWanted(state: RelayState, { idRaw, peer, mailbox }: AgentState): boolean {
  return peer !== undefined && mailbox.stored.size > 0 && !isBanned(state, idRaw);
}

/** What was learnt of a peer. True when that is something new. */
export function notePeer(peer: AgentState, url: string | undefined, bundle: Bytes | undefined): boolean {
  const facts = peer.peer;
  if (facts === undefined) return false;
  const isNewer = bundle !== undefined && bundle.length > 0 && !equalBytes(bundle, peer.bundle);
  if (isNewer) peer.bundle = bundle.slice();
  const urls =
    url === undefined || utf8(url).length > MAX_URL_BYTES
      ? facts.urls
      : withUrl(facts.urls, url, bundle !== undefined, peer.bundle.length > 0);
  const moved = urls.join("\n") !== facts.urls.join("\n");
  facts.urls = urls;
  return isNewer || moved;
}

/** Hearsay stands behind what a relay that was met has said itself, and never moves what is known already. */
function withUrl(urls: readonly string[], url: string, proven: boolean, met: boolean): readonly string[] {
  if (proven) return [url, ...urls.filter((each) => each !== url)].slice(0, URLS_PER_PEER);
  if (urls.includes(url)) return urls;
  const before = met ? 1 : 0;
  return [...urls.slice(0, before), url, ...urls.slice(before)].slice(0, URLS_PER_PEER);
}

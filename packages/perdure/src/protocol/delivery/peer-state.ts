/**
 * The other relays a relay remembers, a bounded number of them. Whoever wants mail passed on may name a new one, so the one that
 * was met longest ago and has nothing waiting makes room.
 */
import { type Bytes, concat, equalBytes, hex, utf8 } from "../../wire/bytes.ts";
import { isBanned } from "./bans.ts";
import { type AgentState, createAgentState, emptyLoad, findPeer, type Peer, type RelayState } from "./mailbox-state.ts";

type Sha256 = (bytes: Bytes) => Bytes;

const MAILBOX_DOMAIN = utf8("perdure/peer-mailbox/1");
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
  const blank = createAgentState(state.mails, relayId, keptId, {
    urls: [],
    // bound: URLS_PER_PEER
    tellers: new Map(),
    kept: false,
    seenAtMs: 0,
    charged: emptyLoad(),
    passedOn: 0,
    relayedIn: 0,
  });
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

/** Forgets peers until there are less than `limit`; false when too many of the rest have something waiting or under way. */
export function makeRoomForPeer(state: RelayState, limit: number, isAttached: (peer: AgentState) => boolean): boolean {
  const tooMany = state.peers.size - limit + 1;
  if (tooMany <= 0) return true;
  const isIdle = (each: AgentState): boolean =>
    each.mailbox.stored.size === 0 && (each.peer?.charged.messages ?? 0) === 0 && !isAttached(each);
  // A relay that never answered goes before one that did. Of those the one that stands first was named first: anybody may name many, and
  // looking for it must cost little.
  for (const each of state.peers.values()) {
    if (tooMany > 1) break;
    if (each.bundle.length > 0 || !isIdle(each)) continue;
    forgetPeer(state, each);
    return true;
  }
  const idle = [...state.peers.values()].filter(isIdle);
  if (idle.length < tooMany) return false;
  for (const peer of idle.sort((a, b) => rankOf(a) - rankOf(b)).slice(0, tooMany)) forgetPeer(state, peer);
  return true;
}

export function forgetPeer(state: RelayState, peer: AgentState): void {
  state.peers.delete(hex(peer.idRaw));
  state.routes.delete(peer.key);
  state.routeFloor = Math.max(state.routeFloor, peer.mailbox.nextPosition);
}

function rankOf({ bundle, peer }: AgentState): number {
  return (peer?.seenAtMs ?? 0) + (bundle.length > 0 ? Number.MAX_SAFE_INTEGER / 2 : 0);
}

/** Whether mail waits for this peer, and may go there. */
export function isWanted(state: RelayState, { idRaw, peer, mailbox }: AgentState): boolean {
  return peer !== undefined && mailbox.stored.size > 0 && !isBanned(state, idRaw);
}

/** What was learnt of a peer; `teller` is who says that it is there, when it was not found there. True when that is something new. */
export function notePeer(peer: AgentState, url: string | undefined, bundle: Bytes | undefined, teller = ""): boolean {
  const facts = peer.peer;
  if (facts === undefined) return false;
  const isNewer = bundle !== undefined && bundle.length > 0 && !equalBytes(bundle, peer.bundle);
  if (isNewer) peer.bundle = bundle.slice();
  const before = facts.urls;
  if (url !== undefined && utf8(url).length <= MAX_URL_BYTES)
    facts.urls = bundle === undefined ? withHearsay(facts, url, peer.bundle.length > 0, teller) : withProven(facts, url);
  return isNewer || before.join("\n") !== facts.urls.join("\n");
}

function withProven({ urls, tellers }: Peer, url: string): readonly string[] {
  tellers.delete(url);
  return [url, ...urls.filter((each) => each !== url)].slice(0, URLS_PER_PEER);
}

/**
 * Hearsay stands behind what a relay that was met has said itself. What is too much makes room first among what the same teller said,
 * then among what those said who said most: nobody alone pushes out what others say.
 */
function withHearsay({ urls, tellers }: Peer, url: string, met: boolean, teller: string): readonly string[] {
  if (urls.includes(url)) return urls;
  const before = met ? 1 : 0;
  const next = [...urls.slice(0, before), url, ...urls.slice(before)];
  tellers.set(url, teller);
  if (next.length > URLS_PER_PEER) {
    const said = (each: string): number => next.filter((other) => tellers.get(other) === tellers.get(each)).length;
    const hearsay = next.slice(before).filter((each) => each !== url);
    const most = Math.max(...hearsay.map(said));
    const [oldest] = hearsay.filter((each) => said(each) === most).slice(-1);
    next.splice(next.indexOf(oldest ?? url), 1);
  }
  for (const each of tellers.keys()) if (!next.includes(each)) tellers.delete(each);
  return next;
}

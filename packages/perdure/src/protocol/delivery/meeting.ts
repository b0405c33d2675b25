/** What a relay is told of other relays: where they are, who they proved to be, and what they proved to have stored. */
import { concat, equalBytes } from "../../wire/bytes.ts";
import { encodeKept, MAX_KEPT_PROOF_BYTES } from "../../wire/kept-relay.ts";
import type { RelayInput } from "./mailbox-events.ts";
import { encodePeer } from "./mailbox-replay.ts";
import { type AgentState, findAgent, findPeer, type Peer } from "./mailbox-state.ts";
import { createPeer, forgetPeer, makeRoomForPeer, notePeer } from "./peer-state.ts";
import { keepVouched } from "./proof-shelf.ts";
import { noteLimited, type RelayMachine } from "./relay-machine.ts";

/** How often it is written down that a relay was met again. */
const SEEN_EVERY_MS = 3_600_000;

/**
 * The peer of that id with what was learnt of it; `undefined` when there is no room for a new one or for its bundle, or it is this
 * relay itself. A `bundle` means it was met.
 */
export function meetPeer(
  machine: RelayMachine,
  { relayId, url, bundle, teller }: Pick<Extract<RelayInput, { readonly kind: "peer" }>, "relayId" | "url" | "bundle" | "teller">,
  nowMs: number,
): AgentState | undefined {
  const { state, limits, defences, attachments, journal, sha256 } = machine;
  const known = findPeer(state, relayId);
  if (known === undefined && bundle !== undefined && defences.pools) keepNewcomersFew(machine);
  if (equalBytes(relayId, state.relayId) || (bundle !== undefined && bundle.length > limits.bundleBytes)) return undefined;
  if (known === undefined && !makeRoomForPeer(state, limits.relayPeers, (each) => attachments.of(each).length > 0)) return undefined;
  const peer = known ?? createPeer(state, sha256, relayId);
  const facts = peer.peer;
  if (facts === undefined) return undefined;
  const isNews = notePeer(peer, url, bundle, teller);
  const isSeen = bundle !== undefined && nowMs - facts.seenAtMs >= SEEN_EVERY_MS;
  if (known !== undefined && !isNews && !isSeen) return peer;
  if (bundle !== undefined || known === undefined) facts.seenAtMs = nowMs;
  if (bundle !== undefined || facts.kept) keepPeer(machine, peer);
  journal.fact("relay.peer", () => ({ agent: peer.id, url: facts.urls[0], met: peer.bundle.length > 0 }));
  return peer;
}

/**
 * Who makes up relays and connects with all of them keeps their places: those of which nothing ever came and for which nothing waits
 * have a share, and of them the one that is known longest makes room for a new one.
 */
function keepNewcomersFew({ state, limits, attachments, journal, counters }: RelayMachine): void {
  const most = Math.max(1, Math.floor((limits.relayPeers * limits.newcomerPeersPercent) / 100));
  const newcomers = [...state.peers.values()].filter(
    (each) => each.peer !== undefined && isNewcomer(each, each.peer) && attachments.of(each).length > 0,
  );
  const [first] = newcomers;
  if (first === undefined || newcomers.length < most) return;
  const limit = { name: "newcomerPeersPercent", value: limits.newcomerPeersPercent, remaining: 0 };
  noteLimited(counters, limit.name);
  for (const attachment of attachments.of(first)) {
    attachment.superseded = true;
    journal.goodbye(attachment.session, "too-busy", "other relays want to be known too", { retry: "after", afterMs: 60_000, limit });
  }
  forgetPeer(state, first);
}

function isNewcomer({ mailbox }: AgentState, { passedOn, relayedIn, charged }: Peer): boolean {
  return passedOn + relayedIn + charged.messages + mailbox.stored.size === 0;
}

/**
 * Writes down who a peer is. That is done once it was met or mail waits for it: names that nobody answers to cost no disk, and are
 * forgotten with the process.
 */
export function keepPeer({ journal }: RelayMachine, peer: AgentState): void {
  const { peer: facts, mailbox, keptId } = peer;
  if (facts === undefined) return;
  journal.record(encodePeer(peer, facts));
  if (!facts.kept && mailbox.syncedTail > 0) {
    journal.record(encodeKept("mailbox", { agentId: keptId, nextPosition: mailbox.syncedTail + 1, epoch: mailbox.epoch }));
    journal.record(encodeKept("settled", { agentId: keptId, ranges: [[1, mailbox.syncedTail]] }));
  }
  facts.kept = true;
}

/** Hearsay, or what a handshake showed. Nothing is learnt while the disk takes nothing. */
export function hearOfPeer(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "peer" }>, nowMs: number): void {
  if (machine.trouble === undefined) meetPeer(machine, input, nowMs);
}

/** Agents of ours get another relay's proof, now or when they attach next. It is written down once for all of them: most of it is digests. */
export function vouch(machine: RelayMachine, { senders, number, proof }: Extract<RelayInput, { readonly kind: "vouch" }>): void {
  const { state, attachments, journal, trouble } = machine;
  if (proof.length > MAX_KEPT_PROOF_BYTES) return;
  const known: AgentState[] = [];
  for (const sender of senders) {
    const agent = findAgent(state, sender);
    if (agent !== undefined) known.push(agent);
  }
  const told = keepVouched(known, number, proof);
  if (told.length === 0) return;
  if (trouble === undefined) journal.record(encodeKept("vouched", { senders: concat(...told.map(({ keptId }) => keptId)), number, proof }));
  for (const agent of told) {
    const theirs = attachments.of(agent);
    const session = (theirs.find(({ consume }) => consume) ?? theirs[0])?.session;
    if (session !== undefined) journal.emit({ kind: "proof", session, proof });
  }
}

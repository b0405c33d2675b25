/** What a relay is told of other relays: where they are, who they proved to be, and what they proved to have stored. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { encodeKept, MAX_KEPT_PROOF_BYTES } from "../../wire/kept-relay.ts";
import type { RelayInput } from "./mailbox-events.ts";
import { encodePeer } from "./mailbox-replay.ts";
import { type AgentState, findAgent, findPeer } from "./mailbox-state.ts";
import { createPeer, makeRoomForPeer, notePeer } from "./peer-state.ts";
import { keepProof } from "./proof-shelf.ts";
import type { RelayMachine } from "./relay-machine.ts";

/** How often it is written down that a relay was met again. */
const SEEN_EVERY_MS = 3_600_000;

/**
 * The peer of that id with what was learnt of it; `undefined` when there is no room for a new one or for its bundle, or it is this
 * relay itself. A `bundle` means it was met.
 */
export function meetPeer(
  { state, limits, attachments, journal, sha256 }: RelayMachine,
  relayId: Bytes,
  url: string | undefined,
  bundle: Bytes | undefined,
  nowMs: number,
): AgentState | undefined {
  const known = findPeer(state, relayId);
  if (equalBytes(relayId, state.relayId) || (bundle !== undefined && bundle.length > limits.bundleBytes)) return undefined;
  if (known === undefined && !makeRoomForPeer(state, limits.relayPeers, (each) => attachments.of(each).length > 0)) return undefined;
  const peer = known ?? createPeer(state, sha256, relayId);
  const facts = peer.peer;
  if (facts === undefined) return undefined;
  const isNews = notePeer(peer, url, bundle);
  const isSeen = bundle !== undefined && nowMs - facts.seenAtMs >= SEEN_EVERY_MS;
  if (known !== undefined && !isNews && !isSeen) return peer;
  if (bundle !== undefined || known === undefined) facts.seenAtMs = nowMs;
  journal.record(encodePeer(peer, facts));
  const { mailbox } = peer;
  if (known === undefined && mailbox.syncedTail > 0) {
    journal.record(encodeKept("mailbox", { agentId: peer.keptId, nextPosition: mailbox.nextPosition, epoch: mailbox.epoch }));
    journal.record(encodeKept("settled", { agentId: peer.keptId, ranges: [[1, mailbox.syncedTail]] }));
  }
  journal.fact("relay.peer", { agent: peer.id, url: facts.urls[0], met: peer.bundle.length > 0 });
  return peer;
}

/** Hearsay, or what a handshake showed. Nothing is learnt while the disk takes nothing. */
export function hearOfPeer(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "peer" }>, nowMs: number): void {
  if (machine.trouble === undefined) meetPeer(machine, input.relayId, input.url, input.bundle, nowMs);
}

/** An agent of ours gets another relay's proof, now or when it attaches next. */
export function vouch(machine: RelayMachine, { sender, number, proof }: Extract<RelayInput, { readonly kind: "vouch" }>): void {
  const { state, attachments, journal, trouble } = machine;
  const agent = findAgent(state, sender);
  if (agent === undefined || proof.length > MAX_KEPT_PROOF_BYTES || !keepProof(agent, "vouched", number, proof)) return;
  if (trouble === undefined) journal.record(encodeKept("proof", { sender: agent.keptId, number, proof }));
  const theirs = attachments.of(agent);
  const session = (theirs.find(({ consume }) => consume) ?? theirs[0])?.session;
  if (session !== undefined) journal.emit({ kind: "proof", session, proof });
}

/**
 * The relay's state from its log, and the small state restated at the head of each new segment.
 *
 * A restatement says only what is durable: a record that is not may follow it, and must not be missed when it never does. A
 * record that is durable may follow it too, so every record is applied in a way that does not mind being applied twice.
 */
import { type Bytes, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES, peekEnvelope } from "../../wire/envelope.ts";
import { AGENT_ID_BYTES } from "../../wire/ids.ts";
import { decodeKept, encodeKept, KEPT_RANGES, type KeptMail, type KeptRecord } from "../../wire/kept-relay.ts";
import { storedLeaf } from "../../wire/statement.ts";
import { encodeChain, replayChain } from "./attach-passes.ts";
import { noteBan } from "./bans.ts";
import { ByteRows } from "./byte-rows.ts";
import { createContactList } from "./contact-list.ts";
import { withoutRanges } from "./interval-set.ts";
import {
  type AgentState,
  addAgent,
  findAgent,
  findPeer,
  linkOf,
  NO_LINK,
  noteRefused,
  ownerOf,
  type Peer,
  type Place,
  type RelayState,
  recallRefused,
  register,
  senderOnLink,
} from "./mailbox-state.ts";
import { forgetPeer, notePeer, recallPeer } from "./peer-state.ts";
import { keepProof, relayOf, shelfOf } from "./proof-shelf.ts";
import { storedWithin } from "./settling.ts";
import {
  addToLeaf,
  durablePending,
  forgetPending,
  leafMessages,
  type PendingLeaf,
  proofsOf,
  recallPending,
  recallStatement,
} from "./statements.ts";
import { dropMail, keepMail, OWN_ORIGIN, originOf, recountStrangers } from "./stored-mail.ts";
import { readLabel } from "./stored-mails.ts";
import { noteTicket } from "./tickets.ts";

type Sha256 = (bytes: Bytes) => Bytes;

/** Applies one record of the log, which lies at `place`; returns the places nothing needs any more. */
export function replayRecord(state: RelayState, sha256: Sha256, record: Bytes, place: Place): readonly Place[] {
  const kept = decodeKept(record);
  if (kept.kind === "mail") return replayMail(state, sha256, kept.mail, place);
  return [place, ...replaySmall(state, sha256, kept)];
}

/**
 * Applies mail of a segment whose index could not be read, when everything else was replayed: what it says of links is restated. Whether it
 * is needed.
 */
export function rereadMail(state: RelayState, sha256: Sha256, record: Bytes, place: Place): boolean {
  const kept = decodeKept(record);
  if (kept.kind !== "mail") return false;
  const { link, position, storedAtMs, relayedBy, routedTo } = kept.mail;
  const envelope = peekEnvelope(kept.mail.envelope);
  const owner = routedTo === undefined ? agentOf(state, envelope.to) : findPeer(state, routedTo);
  if (owner === undefined || owner.mailbox.settled.has(position) || owner.mailbox.stored.has(position)) return false;
  const carrier = relayedBy === undefined ? agentOf(state, envelope.from) : recallPeer(state, sha256, relayedBy);
  keepMail(state, owner, position, envelope, equalBytes(link, NO_LINK) ? OWN_ORIGIN : originOf(carrier, envelope), storedAtMs, place);
  return true;
}

function agentOf(state: RelayState, idRaw: Bytes): AgentState {
  return findAgent(state, idRaw) ?? addAgent(state, idRaw);
}

/** The agent or the peer whose mailbox and links stand under that id in the log. */
function keeperOf(state: RelayState, keptId: Bytes): AgentState {
  return ownerOf(state, hex(keptId)) ?? addAgent(state, keptId);
}

function replayMail(state: RelayState, sha256: Sha256, mail: KeptMail, place: Place): readonly Place[] {
  const envelope = peekEnvelope(mail.envelope);
  const owner = mail.routedTo === undefined ? agentOf(state, envelope.to) : recallPeer(state, sha256, mail.routedTo);
  const { mailbox } = owner;
  mailbox.nextPosition = Math.max(mailbox.nextPosition, mail.position + 1);
  mailbox.syncedTail = mailbox.nextPosition - 1;
  const isOwn = equalBytes(mail.link, NO_LINK);
  const carrier = mail.relayedBy !== undefined ? recallPeer(state, sha256, mail.relayedBy) : isOwn ? owner : agentOf(state, envelope.from);
  if (!isOwn) {
    const link = linkOf(carrier, mail.link);
    if (mail.linkSeq > link.upTo) {
      link.upTo = mail.linkSeq;
      link.synced = mail.linkSeq;
      addToLeaf(state.statements, carrier, link, mail.linkSeq, mail.envelope);
    }
  }
  if (mailbox.settled.has(mail.position)) return [place];
  const before = mailbox.stored.get(mail.position);
  if (before !== undefined && equalBytes(readLabel(before.label).digest, envelope.digest)) return [place];
  // A position was given again because what first had it could not be read then, and can now: that was given up.
  const given = before?.place;
  if (before !== undefined) dropMail(state, mailbox, mail.position);
  keepMail(state, owner, mail.position, envelope, isOwn ? OWN_ORIGIN : originOf(carrier, envelope), mail.storedAtMs, place);
  return given === undefined ? [] : [given];
}

function replaySmall(state: RelayState, sha256: Sha256, kept: Exclude<KeptRecord, { readonly kind: "mail" }>): readonly Place[] {
  switch (kept.kind) {
    case "start":
      return [];
    case "registration":
      register(state, agentOf(state, kept.value.agentId), kept.value);
      return [];
    case "refusal": {
      const { sender, link: raw, linkSeq } = kept.value;
      const keeper = keeperOf(state, sender);
      const link = linkOf(keeper, raw);
      if (linkSeq <= link.upTo) return [];
      link.upTo = linkSeq;
      link.synced = linkSeq;
      noteRefused(link, linkSeq);
      addToLeaf(state.statements, keeper, link, linkSeq, undefined);
      return [];
    }
    case "epoch": {
      const { mailbox } = keeperOf(state, kept.value.agentId);
      mailbox.epoch = Math.max(mailbox.epoch, kept.value.epoch);
      return [];
    }
    case "settled":
      return kept.value.ranges.flatMap(([first, last]) => replaySettled(state, kept.value.agentId, first as number, last as number));
    case "ending":
      return replaySettled(state, kept.value.agentId, kept.value.position, kept.value.position);
    case "statement": {
      const { statement, signature, leaves } = kept.value;
      if (!recallStatement(state.statements, sha256, statement, leaves)) return [];
      const proofs = proofsOf(sha256, statement, signature, leaves);
      for (const [index, leaf] of leaves.entries()) {
        const { sender, link } = storedLeaf.decode(leaf);
        state.unclaimed.push({ sender, link, number: state.statements.number, proof: proofs[index] as Bytes });
      }
      claimProofs(state);
      return [];
    }
    case "mailbox": {
      const { mailbox } = keeperOf(state, kept.value.agentId);
      mailbox.nextPosition = Math.max(mailbox.nextPosition, kept.value.nextPosition);
      mailbox.syncedTail = mailbox.nextPosition - 1;
      mailbox.epoch = Math.max(mailbox.epoch, kept.value.epoch);
      return [];
    }
    case "link": {
      const keeper = keeperOf(state, kept.value.sender);
      const link = linkOf(keeper, kept.value.link);
      // Mail that still waits was read before it; what of that no statement covers is restated behind.
      forgetPending(state.statements, { sender: keeper.idRaw, link: kept.value.link, lastSeq: kept.value.upTo });
      link.upTo = Math.max(link.upTo, kept.value.upTo);
      link.synced = link.upTo;
      // Newer numbers may have been read before it, and then what was refused earlier is said only here.
      recallRefused(link, kept.value.refused);
      return [];
    }
    case "pending": {
      const digests = new ByteRows(DIGEST_BYTES, kept.value.digests);
      const writers = new ByteRows(AGENT_ID_BYTES, kept.value.writers);
      const sender = senderOnLink(state, kept.value.sender, kept.value.link) ?? { peer: undefined };
      recallPending(state.statements, { ...kept.value, refused: [...kept.value.refused], digests, writers }, leafMessages(sender));
      return [];
    }
    case "peer": {
      const { relayId, urls, bundle, seenAtMs } = kept.value;
      const owner = recallPeer(state, sha256, relayId);
      notePeer(owner, undefined, bundle);
      if (owner.peer === undefined) return [];
      Object.assign(owner.peer, { urls, seenAtMs, kept: true });
      // The newest stand last, for the word on all of them.
      state.peers.delete(hex(relayId));
      state.peers.set(hex(relayId), owner);
      return [];
    }
    case "routes":
      state.routeFloor = Math.max(state.routeFloor, kept.value.floor);
      return forgetOthers(state, kept.value.peers);
    case "contacts": {
      const { agentId, version, open, contacts, blocked } = kept.value;
      const agent = agentOf(state, agentId);
      agent.contacts = createContactList(version, open, contacts, blocked);
      recountStrangers(state, agent);
      return [];
    }
    case "doors":
      state.tickets.clear();
      state.bans.clear();
      return [];
    case "pass":
      replayChain(agentOf(state, kept.value.agentId), kept.value);
      return [];
    case "passKey":
      state.passKey = kept.value.key.slice();
      return [];
    case "ticket":
      noteTicket(state, kept.value);
      return [];
    case "ban":
      noteBan(state, kept.value);
      return [];
    case "head":
      if (kept.value.number > state.statements.number) {
        state.statements.number = kept.value.number;
        state.statements.hash = kept.value.hash;
      }
      return [];
    case "proof": {
      const { sender, number, proof } = kept.value;
      keepProof(keeperOf(state, sender), shelfOf(state, proof), number, proof);
      return [];
    }
    case "vouched": {
      const { senders, number, proof } = kept.value;
      const by = relayOf(proof);
      for (const sender of new ByteRows(AGENT_ID_BYTES, senders)) keepProof(keeperOf(state, sender), "vouched", number, proof, by);
      return [];
    }
  }
}

/**
 * Gives proofs to the agents they are for. The records of a batch that begins a segment lie before the restatement that says who these
 * are: those of a statement among them are claimed when all is read.
 */
export function claimProofs(state: RelayState): void {
  for (const unclaimed of state.unclaimed.splice(0)) {
    const { sender, link, number, proof } = unclaimed;
    const stated = senderOnLink(state, sender, link);
    if (stated === undefined) state.unclaimed.push(unclaimed);
    // The proof of another relay's leaf is kept beside the statement.
    else if (stated.peer === undefined) keepProof(stated, "proofs", number, proof);
  }
}

function replaySettled(state: RelayState, agentId: Bytes, first: number, last: number): readonly Place[] {
  const { mailbox } = keeperOf(state, agentId);
  mailbox.settled.add(first, last);
  const released: Place[] = [];
  for (const position of storedWithin(mailbox, first, last)) {
    const place = mailbox.stored.placeOf(position);
    if (dropMail(state, mailbox, position) && place !== undefined) released.push(place);
  }
  return released;
}

/** Of all peers that were read of, the newest are left, and whose mailbox somebody has: mail of the others was let go of. */
function forgetOthers(state: RelayState, left: number): readonly Place[] {
  const released: Place[] = [];
  for (const peer of [...state.peers.values()].slice(0, Math.max(0, state.peers.size - left))) {
    for (const position of [...peer.mailbox.stored.keys()]) {
      const place = peer.mailbox.stored.placeOf(position);
      if (dropMail(state, peer.mailbox, position) && place !== undefined) released.push(place);
    }
    if (peer.peer?.charged.messages === 0) forgetPeer(state, peer);
  }
  for (const agent of [...state.agents.values()])
    if (agent.bundle.length === 0 && agent.mailbox.stored.size === 0) state.agents.delete(agent.key);
  return released;
}

/** The small state as records; what is stored is not in it. */
export function restate(state: RelayState): readonly Bytes[] {
  const records: Bytes[] = state.passKey.length === 0 ? [] : [encodeKept("passKey", { key: state.passKey })];
  // Mail waits for one that is not kept where the record of who it is was lost by damage.
  const peers = [...state.peers.values()].filter(({ peer, mailbox }) => peer?.kept === true || mailbox.stored.size > 0);
  const agents = [...state.agents.values()];
  const nameless = agents.filter(({ bundle, mailbox }) => bundle.length === 0 && mailbox.stored.size > 0);
  for (const owner of [...agents, ...peers]) records.push(...factsOf(owner), ...progressOf(owner));
  records.push(encodeKept("routes", { floor: state.routeFloor, peers: peers.length }));
  // Agents whose registration was lost by damage: "routes" forgets whoever is not registered and for whom nothing was read yet, and what
  // waits for them may be told by an index, which comes last.
  for (const owner of nameless) records.push(...progressOf(owner));
  records.push(encodeKept("doors", { tickets: state.tickets.size, bans: state.bans.size }));
  for (const ticket of state.tickets.values()) records.push(encodeKept("ticket", ticket));
  for (const ban of state.bans.values()) records.push(encodeKept("ban", { ...ban, banned: true }));
  const { statements } = state;
  if (statements.number > 0) records.push(encodeKept("head", { number: statements.number, hash: statements.hash }));
  for (const leaf of durablePending(statements, (sender, link) => senderOnLink(state, sender, link)?.links.get(hex(link))?.synced ?? 0))
    records.push(encodePending(leaf));
  return records;
}

/** Who the owner of a mailbox is, and whom it knows. */
function factsOf(owner: AgentState): readonly Bytes[] {
  if (owner.peer !== undefined) return [encodePeer(owner, owner.peer)];
  const { idRaw: agentId, contacts, passes } = owner;
  const records: Bytes[] = [];
  if (owner.bundle.length > 0) records.push(encodeRegistration(owner));
  if (contacts !== undefined) records.push(encodeKept("contacts", { agentId, ...contacts }));
  for (const chain of passes.values()) records.push(...encodeChain(owner, chain));
  return records;
}

export function encodeRegistration({ idRaw: agentId, name, recordVersion, standing, bundle }: AgentState): Bytes {
  return encodeKept("registration", { agentId, name, recordVersion, standing, bundle });
}

export function encodePeer({ idRaw, bundle }: AgentState, { urls, seenAtMs }: Peer): Bytes {
  return encodeKept("peer", { relayId: idRaw, urls, bundle, seenAtMs });
}

/** How far a mailbox and its links got. */
function progressOf({ keptId, mailbox, links, proofs, vouched }: AgentState): readonly Bytes[] {
  const records = [encodeKept("mailbox", { agentId: keptId, nextPosition: mailbox.syncedTail + 1, epoch: mailbox.epoch })];
  // A position above the tail is given again when its record never becomes durable; nothing may be known of it before. What leaves is gone
  // once that is durable, and the notice that was written with it is too.
  const ranges = withoutRanges(mailbox.settled.ranges, mailbox.leaving)
    .filter(([first]) => first <= mailbox.syncedTail)
    .map(([first, last]) => [first, Math.min(last, mailbox.syncedTail)] as const);
  for (let at = 0; at < ranges.length; at += KEPT_RANGES)
    records.push(encodeKept("settled", { agentId: keptId, ranges: ranges.slice(at, at + KEPT_RANGES) }));
  for (const { raw, synced, refused } of links.values()) {
    records.push(encodeKept("link", { sender: keptId, link: raw, upTo: synced, refused: refused.filter((linkSeq) => linkSeq <= synced) }));
  }
  for (const { number, proof } of [...proofs, ...vouched]) records.push(encodeKept("proof", { sender: keptId, number, proof }));
  return records;
}

function encodePending(leaf: PendingLeaf): Bytes {
  return encodeKept("pending", {
    sender: leaf.sender,
    link: leaf.link,
    firstSeq: leaf.firstSeq,
    lastSeq: leaf.lastSeq,
    refused: leaf.refused,
    digests: leaf.digests.bytes,
    writers: leaf.writers.bytes,
  });
}

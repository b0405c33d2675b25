/**
 * The relay's state from its log, and the small state restated at the head of each new segment.
 *
 * A restatement says only what is durable: a record that is not may follow it, and must not be missed when it never does. A
 * record that is durable may follow it too, so every record is applied in a way that does not mind being applied twice.
 */
import { type Bytes, concat, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES, decodeEnvelope } from "../../wire/envelope.ts";
import { decodeKept, encodeKept, KEPT_RANGES, type KeptMail, type KeptRecord } from "../../wire/kept-relay.ts";
import { storedLeaf } from "../../wire/statement.ts";
import {
  type AgentState,
  addAgent,
  dropMail,
  findAgent,
  keepMail,
  labelOf,
  linkOf,
  NO_LINK,
  noteRefused,
  type Place,
  type RelayState,
  register,
} from "./mailbox-state.ts";
import { keepProof } from "./proof-shelf.ts";
import { storedWithin } from "./settling.ts";
import { addToLeaf, durablePending, forgetPending, type PendingLeaf, proofsOf, recallPending, recallStatement } from "./statements.ts";

type Sha256 = (bytes: Bytes) => Bytes;

/** Applies one record of the log, which lies at `place`; returns the places nothing needs any more. */
export function replayRecord(state: RelayState, sha256: Sha256, record: Bytes, place: Place): readonly Place[] {
  const kept = decodeKept(record);
  if (kept.kind === "mail") return replayMail(state, kept.mail, place);
  return [place, ...replaySmall(state, sha256, kept)];
}

function agentOf(state: RelayState, idRaw: Bytes): AgentState {
  return findAgent(state, idRaw) ?? addAgent(state, idRaw);
}

function replayMail(state: RelayState, mail: KeptMail, place: Place): readonly Place[] {
  const envelope = decodeEnvelope(mail.envelope);
  const { mailbox } = agentOf(state, envelope.to);
  mailbox.nextPosition = Math.max(mailbox.nextPosition, mail.position + 1);
  mailbox.syncedTail = mailbox.nextPosition - 1;
  const fromLink = !equalBytes(mail.link, NO_LINK);
  if (fromLink) {
    const link = linkOf(agentOf(state, envelope.from), mail.link);
    if (mail.linkSeq > link.upTo) {
      link.upTo = mail.linkSeq;
      link.synced = mail.linkSeq;
      addToLeaf(state.statements, envelope.from, mail.link, mail.linkSeq, envelope.digest);
    }
  }
  if (mailbox.settled.has(mail.position) || mailbox.stored.has(mail.position)) return [place];
  keepMail(state, mailbox, mail.position, {
    place,
    sizeBytes: mail.envelope.length,
    storedAtMs: mail.storedAtMs,
    expiresAtMs: envelope.expiresAtMs,
    wantsNotice: envelope.class === "mail",
    from: findAgent(state, envelope.from)?.idRaw ?? envelope.from.slice(),
    label: labelOf(envelope.stream, envelope.digest),
    seq: envelope.seq,
  });
  return [];
}

function replaySmall(state: RelayState, sha256: Sha256, kept: Exclude<KeptRecord, { readonly kind: "mail" }>): readonly Place[] {
  switch (kept.kind) {
    case "start":
      return [];
    case "registration":
      register(state, agentOf(state, kept.value.agentId), kept.value.bundle, kept.value.name, kept.value.recordVersion);
      return [];
    case "refusal": {
      const { sender, link: raw, linkSeq } = kept.value;
      const link = linkOf(agentOf(state, sender), raw);
      if (linkSeq <= link.upTo) return [];
      link.upTo = linkSeq;
      link.synced = linkSeq;
      noteRefused(link, linkSeq);
      addToLeaf(state.statements, sender, raw, linkSeq, undefined);
      return [];
    }
    case "epoch": {
      const { mailbox } = agentOf(state, kept.value.agentId);
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
        keepProof(agentOf(state, storedLeaf.decode(leaf).sender), state.statements.number, proofs[index] as Bytes);
      }
      return [];
    }
    case "mailbox": {
      const { mailbox } = agentOf(state, kept.value.agentId);
      mailbox.nextPosition = Math.max(mailbox.nextPosition, kept.value.nextPosition);
      mailbox.syncedTail = mailbox.nextPosition - 1;
      mailbox.epoch = Math.max(mailbox.epoch, kept.value.epoch);
      return [];
    }
    case "link": {
      const link = linkOf(agentOf(state, kept.value.sender), kept.value.link);
      // Mail that still waits was read before it; what of that no statement covers is restated behind.
      forgetPending(state.statements, { ...kept.value, lastSeq: kept.value.upTo });
      if (kept.value.upTo <= link.upTo) return [];
      link.upTo = kept.value.upTo;
      link.synced = kept.value.upTo;
      link.refused.splice(0, link.refused.length, ...kept.value.refused);
      return [];
    }
    case "pending": {
      const digests = Array.from({ length: kept.value.digests.length / DIGEST_BYTES }, (_, index) =>
        kept.value.digests.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
      );
      recallPending(state.statements, { ...kept.value, refused: [...kept.value.refused], digests });
      return [];
    }
    case "peer":
    case "contacts":
    case "ticket":
    case "ban":
      return [];
    case "head":
      if (kept.value.number > state.statements.number) {
        state.statements.number = kept.value.number;
        state.statements.hash = kept.value.hash;
      }
      return [];
    case "proof":
      keepProof(agentOf(state, kept.value.sender), kept.value.number, kept.value.proof);
      return [];
  }
}

function replaySettled(state: RelayState, agentId: Bytes, first: number, last: number): readonly Place[] {
  const { mailbox } = agentOf(state, agentId);
  mailbox.settled.add(first, last);
  const released: Place[] = [];
  for (const position of storedWithin(mailbox, first, last)) {
    const place = dropMail(state, mailbox, position)?.place;
    if (place !== undefined) released.push(place);
  }
  return released;
}

/** The small state as records; what is stored is not in it. */
export function restate(state: RelayState): readonly Bytes[] {
  const records: Bytes[] = [];
  for (const agent of state.agents.values()) {
    const { idRaw: agentId, mailbox } = agent;
    if (agent.bundle.length > 0)
      records.push(encodeKept("registration", { agentId, name: agent.name, recordVersion: agent.recordVersion, bundle: agent.bundle }));
    records.push(encodeKept("mailbox", { agentId, nextPosition: mailbox.syncedTail + 1, epoch: mailbox.epoch }));
    // A position above the tail is given again when its record never becomes durable; nothing may be known of it before.
    const ranges = mailbox.settled.ranges
      .filter(([first]) => first <= mailbox.syncedTail)
      .map(([first, last]) => [first, Math.min(last, mailbox.syncedTail)] as const);
    for (let at = 0; at < ranges.length; at += KEPT_RANGES)
      records.push(encodeKept("settled", { agentId, ranges: ranges.slice(at, at + KEPT_RANGES) }));
    for (const { raw, synced, refused } of agent.links.values()) {
      records.push(
        encodeKept("link", { sender: agentId, link: raw, upTo: synced, refused: refused.filter((linkSeq) => linkSeq <= synced) }),
      );
    }
    for (const { number, proof } of agent.proofs) records.push(encodeKept("proof", { sender: agentId, number, proof }));
  }
  const { statements } = state;
  if (statements.number > 0) records.push(encodeKept("head", { number: statements.number, hash: statements.hash }));
  for (const leaf of durablePending(statements, (sender, link) => findAgent(state, sender)?.links.get(hex(link))?.synced ?? 0))
    records.push(encodePending(leaf));
  return records;
}

function encodePending(leaf: PendingLeaf): Bytes {
  return encodeKept("pending", {
    sender: leaf.sender,
    link: leaf.link,
    firstSeq: leaf.firstSeq,
    lastSeq: leaf.lastSeq,
    refused: leaf.refused,
    digests: concat(...leaf.digests),
  });
}

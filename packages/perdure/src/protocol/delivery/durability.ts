/** What follows when records are durable: acknowledgements, releases, welcomes, statements. Nothing of these comes earlier. */
import { type Bytes, equalBytes, hex } from "../../wire/bytes.ts";
import { encodeKept } from "../../wire/kept-relay.ts";
import { confirmed, welcome } from "./attaching.ts";
import type { Attachment } from "./attachments.ts";
import { answerPosition, applySettle, wake } from "./consuming.ts";
import { type AgentState, senderOnLink } from "./mailbox-state.ts";
import { keepProof } from "./proof-shelf.ts";
import type { RelayMachine } from "./relay-machine.ts";
import { answerPublished } from "./standing.ts";
import { finishStatement, proofsOf } from "./statements.ts";

export function becomeDurable(machine: RelayMachine, upTo: number): void {
  const { attachments, journal } = machine;
  const acked = new Set<Attachment>();
  const answered = new Set<Attachment>();
  const risen = new Set<AgentState>();
  const { effects, small } = journal.durable(upTo);
  const released = small;
  for (const effect of effects) {
    if (effect.kind === "used") {
      const { link } = effect.attachment;
      link.synced = Math.max(link.synced, effect.linkSeq);
      effect.attachment.unackedBytes -= effect.bytes;
      acked.add(effect.attachment);
    } else if (effect.kind === "stored") {
      effect.agent.mailbox.syncedTail = Math.max(effect.agent.mailbox.syncedTail, effect.position);
      risen.add(effect.agent);
    } else if (effect.kind === "let-go") {
      released.addAll(effect.places);
      // Effects come true in the order of their steps.
      effect.left?.mailbox.leaving.splice(0, effect.left.ranges.length);
      if (effect.attachment !== undefined) answered.add(effect.attachment);
    } else if (effect.kind === "attached") welcome(machine, effect.attachment);
    else if (effect.kind === "confirmed") confirmed(machine, effect.attachment);
    else if (effect.kind === "published") answerPublished(machine, effect);
    else tellSenders(machine);
  }
  journal.fact("relay.batch-synced", () => ({ ticket: upTo }));
  for (const attachment of acked) acknowledge(machine, attachment);
  for (const agent of risen) raiseTail(machine, agent);
  for (const attachment of answered) if (attachments.get(attachment.session) !== undefined) answerPosition(machine, attachment);
  if (released.length === 0) return;
  journal.emit({ kind: "release", places: released });
  journal.fact("relay.released", () => ({ records: released.length }));
}

function raiseTail(machine: RelayMachine, { mailbox }: AgentState): void {
  if (machine.distrustDisk) wake(machine, mailbox);
  const attachment = mailbox.consumer === undefined ? undefined : machine.attachments.get(mailbox.consumer.session);
  if (attachment !== undefined && mailbox.deferred.length > 0) applySettle(machine, attachment);
}

/** Tells whoever holds the link now, which may be a later session than the one that sent. */
export function acknowledge({ attachments, defences, journal }: RelayMachine, by: Attachment): void {
  const gone = by.superseded || attachments.get(by.session) === undefined;
  const holder = gone ? attachments.holderOf(by.agent, by.link) : by;
  if (holder === undefined || !defences.ackAfterSync) return;
  journal.emit({ kind: "ack", session: holder.session, upTo: holder.link.synced });
  journal.fact("relay.ack-sent", () => ({ agent: holder.agent.id, link: hex(holder.link.raw), upTo: holder.link.synced }));
}

/** The statement that was under way is signed: it goes to the log. */
export function writeStatement({ state, journal, sha256 }: RelayMachine, signature: Bytes): void {
  const { underWay } = state.statements;
  if (underWay === undefined || underWay.written) return;
  underWay.written = true;
  journal.record(encodeKept("statement", { statement: underWay.bytes, signature, leaves: underWay.leaves }));
  // What a leaf of another relay was made of is nowhere else; those of agents are told from the statement alone.
  underWay.proofs = proofsOf(sha256, underWay.bytes, signature, underWay.leaves, underWay.taken, underWay.tree);
  underWay.taken.forEach(({ sender, link, writers }, index) => {
    const peer = writers.length === 0 ? undefined : senderOnLink(state, sender, link);
    if (peer === undefined) return;
    journal.record(encodeKept("proof", { sender: peer.keptId, number: underWay.number, proof: underWay.proofs[index] as Bytes }));
  });
  journal.whenDurable({ kind: "stated", signature });
}

/** The statement is in the log: its senders get their proofs. */
function tellSenders({ state: relay, attachments, counters, journal, sha256 }: RelayMachine): void {
  const done = finishStatement(relay.statements, sha256);
  counters.statements++;
  done.taken.forEach((leaf, index) => {
    const sender = senderOnLink(relay, leaf.sender, leaf.link);
    const proof = done.proofs[index];
    if (sender === undefined || proof === undefined) return;
    keepProof(sender, "proofs", done.number, proof);
    const theirs = attachments.of(sender).filter(({ role }) => role !== "forwarder");
    const session = (theirs.find((each) => equalBytes(each.link.raw, leaf.link)) ?? theirs[0])?.session;
    if (session !== undefined) journal.emit({ kind: "proof", session, proof });
  });
  journal.fact("relay.statement", () => ({
    number: done.number,
    hash: hex(relay.statements.hash),
    leaves: done.leaves.length,
    covers: done.taken.map(({ link, firstSeq, lastSeq }) => `${hex(link)}:${firstSeq}-${lastSeq}`).join(" "),
  }));
}

/** Mail comes in over a link, or from the relay itself as a notice; mail that nobody settled ends. */
import { type Bytes, concat, hex } from "../../wire/bytes.ts";
import { type Envelope, encodeEnvelope, envelopeId, SUITE_UNSEALED } from "../../wire/envelope.ts";
import { KEY_ID_BYTES } from "../../wire/ids.ts";
import { encodeKept, encodeKeptMail } from "../../wire/kept-relay.ts";
import type { Attachment } from "./attachments.ts";
import { handedOver, wake } from "./consuming.ts";
import { acknowledge } from "./durability.ts";
import { isLive } from "./handing-out.ts";
import { admit } from "./mailbox-admission.ts";
import type { Reason, RelayInput } from "./mailbox-events.ts";
import {
  type AgentState,
  dropMail,
  findAgent,
  keepMail,
  labelOf,
  NO_LINK,
  noteRefused,
  readLabel,
  type StoredMail,
} from "./mailbox-state.ts";
import { openTail, type RelayMachine } from "./relay-machine.ts";
import { addToLeaf } from "./statements.ts";

export function takeMail(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "mail" }>, nowMs: number): void {
  const { state, limits, counters, journal } = machine;
  const attachment = machine.attachments.get(input.session);
  if (attachment === undefined || attachment.superseded) return;
  const { link } = attachment;
  const { linkSeq, envelope } = input;
  if (linkSeq <= link.upTo) {
    counters.duplicates++;
    if (linkSeq <= link.synced) acknowledge(machine, attachment);
    return;
  }
  const wrong = breaksTheWindow(machine, attachment, linkSeq, envelope.length);
  if (wrong !== undefined) return journal.goodbye(input.session, "malformed", wrong, { retry: "now" });
  link.upTo = linkSeq;
  attachment.unackedBytes += envelope.length;
  journal.whenDurable({ kind: "used", link, linkSeq, attachment, bytes: envelope.length });
  const admission = admit(state, limits, machine.trouble, attachment.agent, input.hopLimit, envelope, nowMs);
  if ("reason" in admission) refuse(machine, attachment, linkSeq, admission.reason);
  else accept(machine, attachment, linkSeq, admission.envelope, admission.recipient, nowMs);
  if (machine.defences.ackAfterSync) return;
  journal.emit({ kind: "ack", session: input.session, upTo: linkSeq });
  journal.fact("relay.ack-sent", { agent: attachment.agent.id, link: hex(attachment.link.raw), upTo: linkSeq });
}

function breaksTheWindow({ limits }: RelayMachine, { link, unackedBytes }: Attachment, linkSeq: number, bytes: number): string | undefined {
  if (linkSeq !== link.upTo + 1) return `mail ${linkSeq} came where ${link.upTo + 1} was due`;
  if (linkSeq > link.synced + limits.windowFrames) return `more than ${limits.windowFrames} frames of mail without an acknowledgement`;
  // A sender may count bytes a little differently, and one message may always travel.
  if (unackedBytes + bytes > 2 * limits.windowBytes)
    return `more than twice ${limits.windowBytes} bytes of mail without an acknowledgement`;
  return undefined;
}

function refuse({ state, counters, journal }: RelayMachine, { agent, link, session }: Attachment, linkSeq: number, reason: Reason): void {
  noteRefused(link, linkSeq);
  addToLeaf(state.statements, agent.idRaw, link.raw, linkSeq, undefined);
  journal.record(encodeKept("refusal", { sender: agent.idRaw, link: link.raw, linkSeq }));
  counters.refused.set(reason.code, (counters.refused.get(reason.code) ?? 0) + 1);
  journal.emit({ kind: "refuse", session, linkSeq, reason });
  journal.fact("relay.refused", { agent: agent.id, link: hex(link.raw), linkSeq, code: reason.code });
}

function accept(
  machine: RelayMachine,
  { agent, link }: Attachment,
  linkSeq: number,
  envelope: Envelope,
  recipient: AgentState,
  nowMs: number,
): void {
  machine.counters.accepted++;
  addToLeaf(machine.state.statements, agent.idRaw, link.raw, linkSeq, envelope.digest);
  const position = store(machine, recipient, envelope, link.raw, linkSeq, nowMs);
  machine.journal.fact("relay.mail-appended", {
    agent: recipient.id,
    from: agent.id,
    id: envelopeId(envelope),
    digest: hex(envelope.digest),
    class: envelope.class,
    link: hex(link.raw),
    linkSeq,
    generation: machine.generationText,
    position,
    ticket: machine.journal.nextTicket,
  });
}

/** Gives the envelope the next position of its mailbox, and hands it on at once to a consumer that has everything before it. */
function store(machine: RelayMachine, recipient: AgentState, envelope: Envelope, link: Bytes, linkSeq: number, nowMs: number): number {
  const { state, journal } = machine;
  const { mailbox } = recipient;
  const position = mailbox.nextPosition++;
  const mail: StoredMail = {
    place: undefined,
    sizeBytes: envelope.bytes.length,
    storedAtMs: nowMs,
    expiresAtMs: envelope.expiresAtMs,
    wantsNotice: envelope.class === "mail",
    from: findAgent(state, envelope.from)?.idRaw ?? envelope.from.slice(),
    label: labelOf(envelope.stream, envelope.digest),
    seq: envelope.seq,
  };
  keepMail(state, mailbox, position, mail);
  journal.record(encodeKeptMail({ link, linkSeq, position, storedAtMs: nowMs, envelope: envelope.bytes }), mail);
  journal.whenDurable({ kind: "stored", agent: recipient, position });
  const { consumer } = mailbox;
  if (consumer === undefined || !isLive(consumer, position, openTail(machine, mailbox))) wake(machine, mailbox);
  else {
    journal.emit({ kind: "deliver", session: consumer.session, position, storedAtMs: nowMs, envelope: envelope.bytes });
    handedOver(machine, recipient, consumer, position);
  }
  return position;
}

/** A durable message expired or was found damaged: it is let go of, and its sender is told in the same batch. */
export function endMail(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "end" }>, nowMs: number): void {
  const { state, counters, journal } = machine;
  const agent = state.agents.get(input.agent);
  if (agent !== undefined && input.position > agent.mailbox.syncedTail) return;
  const mail = agent === undefined ? undefined : dropMail(state, agent.mailbox, input.position);
  if (agent === undefined || mail === undefined) return;
  agent.mailbox.settled.add(input.position);
  journal.record(encodeKept("ending", { agentId: agent.idRaw, position: input.position, ending: input.ending }));
  journal.whenDurable({ kind: "let-go", places: mail.place === undefined ? [] : [mail.place], attachment: undefined });
  counters[input.ending]++;
  const sender = input.notice === undefined ? undefined : noticed(machine, mail);
  const { stream, digest } = readLabel(mail.label);
  journal.fact(`relay.${input.ending}`, {
    agent: agent.id,
    generation: machine.generationText,
    position: input.position,
    id: `${hex(stream)}.${mail.seq}`,
    digest: hex(digest),
    noticed: sender !== undefined,
  });
  if (input.notice !== undefined && sender !== undefined) storeNotice(machine, sender, input.notice, nowMs);
}

/** Who gets the notice: nobody when the sender's own mailbox is full, who then ends the message by its own verdict. */
function noticed({ state, limits }: RelayMachine, mail: StoredMail): AgentState | undefined {
  const sender = findAgent(state, mail.from);
  const room =
    sender !== undefined && sender.mailbox.stored.size < limits.mailboxMessages && sender.mailbox.storedBytes < limits.mailboxBytes;
  return room ? sender : undefined;
}

function storeNotice(machine: RelayMachine, sender: AgentState, body: Bytes, nowMs: number): void {
  const { sha256, generation, relayId, limits } = machine;
  const stream = sha256(concat(generation, sender.idRaw)).slice(0, NO_LINK.length);
  const envelope = encodeEnvelope(
    {
      class: "notice",
      from: relayId,
      to: sender.idRaw,
      stream,
      seq: sender.mailbox.noticeSeq++,
      expiresAtMs: nowMs + limits.noticeExpiryMs,
      inboxKeyId: new Uint8Array(KEY_ID_BYTES),
      suite: SUITE_UNSEALED,
    },
    body,
    sha256,
  );
  store(machine, sender, envelope, NO_LINK, 0, nowMs);
}

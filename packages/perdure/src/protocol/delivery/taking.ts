/** Mail comes in over a link, or from the relay itself as a notice; mail that nobody settled ends. */
import { type Bytes, concat, hex } from "../../wire/bytes.ts";
import type { MailFrame } from "../../wire/control.ts";
import { type Envelope, encodeEnvelope, envelopeId, SUITE_UNSEALED } from "../../wire/envelope.ts";
import { agentIdText, KEY_ID_BYTES } from "../../wire/ids.ts";
import { encodeKept, encodeKeptMail } from "../../wire/kept-relay.ts";
import type { Attachment } from "./attachments.ts";
import { handedOver, wake } from "./consuming.ts";
import { acknowledge } from "./durability.ts";
import { isLive } from "./handing-out.ts";
import { type Accepted, admit, tooFast } from "./mailbox-admission.ts";
import type { Reason, RelayInput } from "./mailbox-events.ts";
import { lackOfRoom } from "./mailbox-shares.ts";
import { type AgentState, NO_LINK, noteRefused, type Origin, ownerOf, type StoredMail } from "./mailbox-state.ts";
import { keepPeer } from "./meeting.ts";
import { Places } from "./places.ts";
import { noteLimited, openTail, type RelayMachine } from "./relay-machine.ts";
import { addToLeaf } from "./statements.ts";
import { dropMail, keepMail, OWN_ORIGIN } from "./stored-mail.ts";
import { readLabel } from "./stored-mails.ts";

export function takeMails(machine: RelayMachine, { session, mails }: Extract<RelayInput, { readonly kind: "mails" }>, nowMs: number): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined || attachment.superseded || attachment.role === "forwarder") return;
  const isPaid = payTogether(machine, attachment, mails);
  let before: Accepted | undefined;
  for (const mail of mails) {
    before = takeMail(machine, attachment, mail, isPaid, before, nowMs) ?? before;
    if (attachment.superseded) return;
  }
}

/** Takes what the rates ask for all of them at once; false where each has to be looked at by itself. */
function payTogether(machine: RelayMachine, attachment: Attachment, mails: readonly MailFrame[]): boolean {
  const { agent, role, link } = attachment;
  if (!machine.defences.rates) return false;
  let due = link.upTo;
  let bytes = 0;
  for (const { linkSeq, envelope } of mails) {
    // What came before, leaves a gap or is beyond the window is not charged.
    if (linkSeq !== ++due) return false;
    bytes += envelope.length;
  }
  if (beyondTheWindow(machine, attachment, due, bytes) !== undefined) return false;
  return machine.rates.mails(agent.key, role === "peer", mails.length, bytes);
}

/** What became of it, where it was stored. */
function takeMail(
  machine: RelayMachine,
  attachment: Attachment,
  { linkSeq, hopLimit, home, envelope }: MailFrame,
  isPaid: boolean,
  before: Accepted | undefined,
  nowMs: number,
): Accepted | undefined {
  const { counters, journal } = machine;
  const { link } = attachment;
  if (linkSeq <= link.upTo) {
    counters.duplicates++;
    if (linkSeq <= link.synced) acknowledge(machine, attachment);
    return undefined;
  }
  const wrong = breaksTheWindow(machine, attachment, linkSeq, envelope.length);
  if (wrong !== undefined) {
    journal.goodbye(attachment.session, "malformed", wrong, { retry: "now" });
    return undefined;
  }
  link.upTo = linkSeq;
  attachment.unackedBytes += envelope.length;
  journal.usedWhenDurable(attachment, linkSeq, envelope.length);
  if (isPaid) attachment.tooFast = 0;
  const limited = isPaid ? undefined : overRate(machine, attachment, envelope.length);
  const admission = limited ?? admit(machine, { carrier: attachment.agent, hopLimit, home, bytes: envelope }, before, nowMs);
  const isStored = !("reason" in admission);
  if (isStored) accept(machine, attachment, linkSeq, admission, nowMs);
  else refuse(machine, attachment, linkSeq, admission.reason);
  if (!machine.defences.ackAfterSync) acknowledgeAtOnce(machine, attachment, linkSeq);
  return isStored ? admission : undefined;
}

function acknowledgeAtOnce({ journal }: RelayMachine, { agent, link, session }: Attachment, upTo: number): void {
  journal.emit({ kind: "ack", session, upTo });
  journal.fact("relay.ack-sent", () => ({ agent: agent.id, link: hex(link.raw), upTo }));
}

function breaksTheWindow(machine: RelayMachine, attachment: Attachment, linkSeq: number, bytes: number): string | undefined {
  const due = attachment.link.upTo + 1;
  return linkSeq === due ? beyondTheWindow(machine, attachment, linkSeq, bytes) : `mail ${linkSeq} came where ${due} was due`;
}

/** What is wrong with mail up to that number, with so many bytes more. */
function beyondTheWindow({ limits }: RelayMachine, attachment: Attachment, linkSeq: number, bytes: number): string | undefined {
  const { link, unackedBytes, role } = attachment;
  const windowFrames = role === "peer" ? limits.peerWindowFrames : limits.windowFrames;
  const windowBytes = role === "peer" ? limits.peerWindowBytes : limits.windowBytes;
  if (linkSeq > link.synced + windowFrames) return `more than ${windowFrames} frames of mail without an acknowledgement`;
  // A sender may count bytes a little differently, and one message may always travel.
  if (unackedBytes + bytes > 2 * windowBytes) return `more than twice ${windowBytes} bytes of mail without an acknowledgement`;
  return undefined;
}

/** Who has been told to slow down has at most a window under way; beyond two of them it is not listening, and is not served further. */
function overRate(machine: RelayMachine, attachment: Attachment, bytes: number): { readonly reason: Reason } | undefined {
  const { rates, defences, limits, journal } = machine;
  const { agent, role, session } = attachment;
  const hit = defences.rates ? rates.mail(agent.key, role === "peer", bytes) : undefined;
  attachment.tooFast = hit === undefined ? 0 : attachment.tooFast + 1;
  if (hit === undefined) return undefined;
  const reason = tooFast(hit);
  if (attachment.tooFast <= 2 * (role === "peer" ? limits.peerWindowFrames : limits.windowFrames)) return { reason };
  attachment.superseded = true;
  journal.emit({ kind: "goodbye", session, reason });
  return { reason };
}

function refuse({ state, counters, journal }: RelayMachine, { agent, link, session }: Attachment, linkSeq: number, reason: Reason): void {
  noteRefused(link, linkSeq);
  addToLeaf(state.statements, agent, link, linkSeq, undefined);
  journal.record(encodeKept("refusal", { sender: agent.keptId, link: link.raw, linkSeq }));
  counters.refused.set(reason.code, (counters.refused.get(reason.code) ?? 0) + 1);
  if (reason.limit !== undefined) noteLimited(counters, reason.limit.name);
  journal.emit({ kind: "refuse", session, linkSeq, reason });
  journal.fact("relay.refused", () => ({ agent: agent.id, link: hex(link.raw), linkSeq, code: reason.code }));
}

function accept(
  machine: RelayMachine,
  { agent, link }: Attachment,
  linkSeq: number,
  { envelope, owner, origin }: Accepted,
  nowMs: number,
): void {
  machine.counters.accepted++;
  if (agent.peer !== undefined) {
    machine.counters.relayed++;
    agent.peer.relayedIn++;
  }
  addToLeaf(machine.state.statements, agent, link, linkSeq, envelope.bytes);
  const position = store(machine, owner, envelope, origin, link.raw, linkSeq, nowMs);
  if (machine.journal.wants("relay.mail-appended")) tellAppended(machine, { agent, owner, envelope, link: link.raw, linkSeq, position });
}

function tellAppended(
  { journal, generationText, defences }: RelayMachine,
  {
    agent,
    owner,
    envelope,
    link,
    linkSeq,
    position,
  }: {
    readonly agent: AgentState;
    readonly owner: AgentState;
    readonly envelope: Envelope;
    readonly link: Bytes;
    readonly linkSeq: number;
    readonly position: number;
  },
): void {
  journal.fact("relay.mail-appended", {
    agent: owner.id,
    from: agent.id,
    id: envelopeId(envelope),
    digest: hex(envelope.digest),
    class: envelope.class,
    bytes: envelope.bytes.length,
    link: hex(link),
    linkSeq,
    generation: generationText,
    position,
    ticket: journal.nextTicket,
    ...(owner.peer === undefined ? {} : { routed: true, to: agentIdText(envelope.to) }),
    ...(agent.peer === undefined ? {} : { relayed: true }),
    ...(agent.peer === undefined && defences.fromCheck ? {} : { author: agentIdText(envelope.from) }),
  });
}

/** Gives the envelope the next position of its mailbox, and hands it on at once to a consumer that has everything before it. */
function store(
  machine: RelayMachine,
  owner: AgentState,
  envelope: Envelope,
  origin: Origin,
  link: Bytes,
  linkSeq: number,
  nowMs: number,
): number {
  const { state, journal } = machine;
  const { mailbox } = owner;
  if (owner.peer?.kept === false) keepPeer(machine, owner);
  const position = mailbox.nextPosition++;
  keepMail(state, owner, position, envelope, origin, nowMs, undefined);
  const routedTo = owner.peer === undefined ? undefined : owner.idRaw;
  const relayedBy = origin.via?.idRaw;
  journal.recordMail(
    encodeKeptMail({ link, linkSeq, position, storedAtMs: nowMs, envelope: envelope.bytes, routedTo, relayedBy }),
    owner,
    position,
  );
  const { consumer } = mailbox;
  if (consumer === undefined) {
    if (owner.peer !== undefined) journal.emit({ kind: "peer-wanted", relayId: owner.idRaw });
  } else if (!isLive(consumer, position, openTail(machine, mailbox))) wake(machine, mailbox);
  else {
    journal.deliver(consumer.session, position, nowMs, envelope.bytes);
    handedOver(machine, owner, consumer, position);
  }
  return position;
}

/** A durable message expired or was found damaged: it is let go of, and its sender is told in the same batch. */
export function endMail(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "end" }>, nowMs: number): void {
  const { state, counters, journal } = machine;
  const owner = ownerOf(state, input.agent);
  if (owner !== undefined && input.position > owner.mailbox.syncedTail) return;
  const mail = owner?.mailbox.stored.get(input.position);
  if (owner === undefined || mail === undefined) return;
  const { mailbox } = owner;
  dropMail(state, mailbox, input.position);
  const ranges = [[input.position, input.position]] as const;
  mailbox.settled.add(input.position);
  mailbox.leaving.push(...ranges);
  journal.record(encodeKept("ending", { agentId: owner.keptId, position: input.position, ending: input.ending }));
  const places = new Places();
  if (mail.place !== undefined) places.add(mail.place.segment, mail.place.offset, mail.place.length);
  journal.whenDurable({ kind: "let-go", places, attachment: undefined, left: { mailbox, ranges } });
  counters[input.ending]++;
  const { stream, digest } = readLabel(mail.label);
  const notice = input.notice === undefined ? undefined : tell(machine, mail, input.notice, nowMs);
  journal.fact(`relay.${input.ending}`, () => ({
    agent: owner.id,
    generation: machine.generationText,
    position: input.position,
    id: `${hex(stream)}.${mail.seq}`,
    digest: hex(digest),
    atMs: nowMs,
    expiresAtMs: mail.expiresAtMs,
    noticed: notice !== undefined,
    ...notice,
    ...(owner.peer === undefined ? {} : { routed: true }),
  }));
}

/**
 * A notice goes the way the mail came: into the sender's mailbox, or to the relay that passed it on. Where it waits; `undefined` when
 * there is no room there: the sender then ends the message by its own verdict.
 */
function tell(
  machine: RelayMachine,
  { sender: { from, via, author } }: StoredMail,
  body: Bytes,
  nowMs: number,
): { readonly noticeFor: string; readonly noticeAt: number; readonly noticeTicket: number } | undefined {
  const { state, sha256, generation, relayId, limits, defences } = machine;
  const owner = via ?? author;
  if (owner === undefined) return undefined;
  const { mailbox } = owner;
  const envelope = encodeEnvelope(
    {
      class: "notice",
      from: relayId,
      to: from,
      stream: sha256(concat(generation, owner.keptId, from)).slice(0, NO_LINK.length),
      seq: mailbox.noticeSeq,
      expiresAtMs: nowMs + limits.noticeExpiryMs,
      inboxKeyId: new Uint8Array(KEY_ID_BYTES),
      suite: SUITE_UNSEALED,
    },
    body,
    sha256,
  );
  if (lackOfRoom(state, limits, defences.pools, owner, envelope, OWN_ORIGIN) !== undefined) return undefined;
  mailbox.noticeSeq++;
  const noticeAt = store(machine, owner, envelope, OWN_ORIGIN, NO_LINK, 0, nowMs);
  return { noticeFor: owner.id, noticeAt, noticeTicket: machine.journal.nextTicket };
}

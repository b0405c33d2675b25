/**
 * The relay's machine: registrations, mailboxes, links, settles, epochs, expiry and statements.
 *
 * A message moves: taken (in the log's memory, handed to a consumer that is up to date) -> durable (acknowledged) -> settled or ended (its
 * record released once that is durable). Inputs and outputs are in `mailbox-events.ts`; every input may come at any time.
 *
 * What always holds, unless a defence is switched off:
 * - Ack implies sync: an `ack` up to n leaves only when everything of that link up to n is durable, refusals included.
 * - A link sequence number is taken or refused once, in order; a repeated one changes nothing, a leap ends the session.
 * - Positions of a mailbox are gapless. A settle counts only from the current consumer, with the current generation and
 *   epoch, and never beyond the durable tail; what it asked beyond is applied as the tail rises.
 * - A record is released only after the settle or ending that lets go of it is durable.
 * - Attaching as consumer raises the epoch; the consumer before is told `fenced`, and its frames count no more.
 * - A mailbox is handed out in order of position; mail that was refused is nowhere.
 */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { type Envelope, encodeEnvelope, envelopeId, SUITE_UNSEALED } from "../../wire/envelope.ts";
import { encodeKept, encodeKeptMail, KEPT_RANGES } from "../../wire/kept-relay.ts";
import { KEY_ID_BYTES } from "../../wire/ids.ts";
import { concat, hex } from "../../wire/bytes.ts";
import { type Attachment, createAttachments } from "./attachments.ts";
import type { Range } from "./interval-set.ts";
import { admit, type AdmissionLimits } from "./mailbox-admission.ts";
import { ALL_RELAY_DEFENCES, type Reason, type Registration, type RelayDefences, type RelayInput, type RelayOutput, type SettleRequest, type Trouble } from "./mailbox-events.ts";
import { restate, replayRecord } from "./mailbox-replay.ts";
import {
  addAgent, type AgentState, type Consumer, createRelayState, dropMail, findAgent, keepMail, labelOf, type Link, linkOf, type Mailbox, NO_LINK, noteRefused,
  type Place, readLabel, register, type RelayState, settledFloor, type StoredMail,
} from "./mailbox-state.ts";
import { type EnrolmentLimits, judgeRegistration } from "./enrolment.ts";
import { type Due, isBehind, isLive, nextDue } from "./handing-out.ts";
import { findOverdue, type Overdue, overdueOf } from "./overdue.ts";
import { keepProof } from "./proof-shelf.ts";
import { grantSettle } from "./settling.ts";
import { abandonStatement, addToLeaf, beginStatement, finishStatement, proofsOf, type UnderWay } from "./statements.ts";

export interface MailboxesOptions {
  /** 32 bytes. */
  readonly relayId: Bytes;
  /** Drawn for this start. */
  readonly generation: Bytes;
  readonly sha256: (bytes: Bytes) => Bytes;
  readonly limits: AdmissionLimits & EnrolmentLimits & { readonly windowFrames: number; readonly windowBytes: number; readonly noticeExpiryMs: number };
  readonly defences?: RelayDefences;
}

export interface Counters {
  accepted: number;
  duplicates: number;
  delivered: number;
  settled: number;
  expired: number;
  lost: number;
  statements: number;
  readonly refused: Map<string, number>;
}

export interface Mailboxes {
  readonly state: RelayState;
  readonly counters: Counters;
  step(input: RelayInput, nowMs: number): readonly RelayOutput[];
  /** Applies a record of the log; only before the first step. Returns places nothing needs any more. */
  replay(record: Bytes, place: Place): readonly Place[];
  /** The small state, restated. */
  snapshot(): readonly Bytes[];
  /** What the consumer of that session gets next, in order, up to about `maxBytes`. */
  nextFor(session: number, maxBytes: number): readonly Due[];
  /** Mail that expired before `beforeMs`, at most `limit`. */
  overdue(beforeMs: number, limit: number): readonly Overdue[];
  overdueAt(agent: string, position: number): Overdue | undefined;
  lookup(what: "agent" | "name", key: Bytes | string): AgentState | undefined;
  agentOf(session: number): AgentState | undefined;
  isAttached(agent: AgentState): boolean;
}

type Effect =
  | { readonly kind: "used"; readonly link: Link; readonly linkSeq: number; readonly attachment: Attachment; readonly bytes: number }
  | { readonly kind: "stored"; readonly agent: AgentState; readonly position: number }
  | { readonly kind: "let-go"; readonly places: readonly Place[]; readonly attachment: Attachment | undefined }
  | { readonly kind: "attached"; readonly attachment: Attachment }
  | { readonly kind: "stated"; readonly underWay: UnderWay; readonly signature: Bytes };

/** The tail of a mailbox when the clamp is switched off. */
const NO_CLAMP = Number.MAX_SAFE_INTEGER - 1;

interface Ticket {
  readonly number: number;
  readonly effects: readonly Effect[];
  readonly mails: readonly (StoredMail | undefined)[];
  /** Records of small state. */
  readonly small: Place[];
}

export function createMailboxes({ relayId, generation, sha256, limits, defences = ALL_RELAY_DEFENCES }: MailboxesOptions): Mailboxes {
  const state = createRelayState();
  const attachments = createAttachments();
  const tickets: Ticket[] = [];
  const counters: Counters = { accepted: 0, duplicates: 0, delivered: 0, settled: 0, expired: 0, lost: 0, statements: 0, refused: new Map() };
  const generationText = hex(generation);
  let lastTicket = 0;
  let trouble: Trouble | undefined;
  let distrustDisk = false;
  let outputs: RelayOutput[] = [];
  let records: Bytes[] = [];
  let mails: (StoredMail | undefined)[] = [];
  let effects: Effect[] = [];

  const emit = (output: RelayOutput): void => void outputs.push(output);
  const fact = (event: string, fields: Readonly<Record<string, string | number | boolean | undefined>>): void => emit({ kind: "fact", event, fields });
  const record = (bytes: Bytes, mail?: StoredMail): void => {
    records.push(bytes);
    mails.push(mail);
  };
  const goodbye = (session: number, code: Reason["code"], why: string, retry: Reason["retry"] = "never", hint = ""): void => {
    emit({ kind: "goodbye", session, reason: { code, why, retry, afterMs: retry === "after" ? 1000 : 0, hint } });
  };

  // Registration and attachment

  /** False when it was turned away with a goodbye. */
  const enrol = (session: number, wanted: Registration): boolean => {
    const verdict = judgeRegistration(state, limits, wanted);
    if (verdict === "known") return true;
    if (verdict !== "new") {
      emit({ kind: "goodbye", session, reason: verdict });
      return false;
    }
    const agent = findAgent(state, wanted.idRaw) ?? addAgent(state, wanted.idRaw);
    register(state, agent, wanted.bundle, wanted.name, wanted.recordVersion);
    record(encodeKept("registration", { agentId: agent.idRaw, name: wanted.name, recordVersion: wanted.recordVersion, bundle: agent.bundle }));
    fact("relay.registered", { agent: agent.id, name: wanted.name });
    return true;
  };

  const attach = (input: Extract<RelayInput, { readonly kind: "attach" }>): void => {
    if (!enrol(input.session, input.registration)) return;
    const agent = findAgent(state, input.registration.idRaw) as AgentState;
    const link = linkOf(agent, input.link, (each) => attachments.holderOf(agent, each) !== undefined);
    for (const other of attachments.of(agent)) if (other.link === link || (input.consume && other.consume)) supersede(other);
    const attachment: Attachment = { session: input.session, agent, link, consume: input.consume, unackedBytes: 0, superseded: false };
    attachments.add(attachment);
    if (input.consume) {
      const { mailbox } = agent;
      mailbox.epoch++;
      mailbox.deferred = [];
      const cursor = equalBytes(input.have.generation, generation) ? Math.min(input.have.position, mailbox.nextPosition - 1) : 0;
      mailbox.consumer = { session: input.session, epoch: mailbox.epoch, cursor, ready: false, blocked: false };
      record(encodeKept("epoch", { agentId: agent.idRaw, epoch: mailbox.epoch }));
      fact("relay.attached", { agent: agent.id, epoch: mailbox.epoch, generation: generationText, link: hex(link.raw), from: cursor });
    }
    effects.push({ kind: "attached", attachment });
  };

  const supersede = (other: Attachment): void => {
    if (!defences.epoch) return;
    other.superseded = true;
    goodbye(other.session, "fenced", "another session of this agent took over", "after", "One process at a time reads a mailbox; close the other one.");
    fact("relay.fenced", { agent: other.agent.id, session: other.session });
  };

  const welcome = (attachment: Attachment): void => {
    if (attachments.get(attachment.session) === undefined || attachment.superseded) return;
    const { agent, link, consume } = attachment;
    emit({
      kind: "welcome",
      session: attachment.session,
      standing: {
        epoch: consume ? agent.mailbox.epoch : 0,
        tail: agent.mailbox.syncedTail,
        settledFloor: settledFloor(agent.mailbox),
        linkUpTo: link.synced,
        linkRefused: link.refused.filter((linkSeq) => linkSeq <= link.synced),
      },
    });
  };

  const ready = (session: number): void => {
    const attachment = attachments.get(session);
    if (attachment === undefined || attachment.superseded) return;
    for (const { proof } of attachment.agent.proofs) emit({ kind: "proof", session, proof });
    const { consumer } = attachment.agent.mailbox;
    if (consumer?.session !== session) return;
    consumer.ready = true;
    wake(attachment.agent.mailbox);
  };

  const detach = (session: number): void => {
    const attachment = attachments.remove(session);
    if (attachment !== undefined && attachment.agent.mailbox.consumer?.session === session) attachment.agent.mailbox.consumer = undefined;
  };

  // Taking mail

  const takeMail = (input: Extract<RelayInput, { readonly kind: "mail" }>, nowMs: number): void => {
    const attachment = attachments.get(input.session);
    if (attachment === undefined || attachment.superseded) return;
    const { link } = attachment;
    const { linkSeq } = input;
    if (linkSeq <= link.upTo) {
      counters.duplicates++;
      if (linkSeq <= link.synced) acknowledge(attachment);
      return;
    }
    if (linkSeq !== link.upTo + 1) return goodbye(input.session, "malformed", `mail ${linkSeq} came where ${link.upTo + 1} was due`, "now");
    if (linkSeq > link.synced + limits.windowFrames) return goodbye(input.session, "malformed", `more than ${limits.windowFrames} frames of mail without an acknowledgement`, "now");
    attachment.unackedBytes += input.envelope.length;
    if (attachment.unackedBytes > 2 * limits.windowBytes) return goodbye(input.session, "malformed", `more than twice ${limits.windowBytes} bytes of mail without an acknowledgement`, "now");
    link.upTo = linkSeq;
    effects.push({ kind: "used", link, linkSeq, attachment, bytes: input.envelope.length });
    const admission = admit(state, limits, trouble, attachment.agent, input.hopLimit, input.envelope, nowMs);
    if ("reason" in admission) refuse(attachment, linkSeq, admission.reason);
    else accept(attachment, linkSeq, admission.envelope, admission.recipient, nowMs);
    if (!defences.ackAfterSync) emit({ kind: "ack", session: input.session, upTo: linkSeq });
  };

  const refuse = (attachment: Attachment, linkSeq: number, reason: Reason): void => {
    const { agent, link } = attachment;
    noteRefused(link, linkSeq);
    addToLeaf(state.statements, agent.idRaw, link.raw, linkSeq, undefined);
    record(encodeKept("refusal", { sender: agent.idRaw, link: link.raw, linkSeq }));
    counters.refused.set(reason.code, (counters.refused.get(reason.code) ?? 0) + 1);
    emit({ kind: "refuse", session: attachment.session, linkSeq, reason });
    fact("relay.refused", { agent: agent.id, link: hex(link.raw), linkSeq, code: reason.code });
  };

  const accept = (attachment: Attachment, linkSeq: number, envelope: Envelope, recipient: AgentState, nowMs: number): void => {
    const { agent, link } = attachment;
    counters.accepted++;
    addToLeaf(state.statements, agent.idRaw, link.raw, linkSeq, envelope.digest);
    const position = store(recipient, envelope, link.raw, linkSeq, nowMs);
    fact("relay.mail-appended", {
      agent: recipient.id, from: agent.id, id: envelopeId(envelope), digest: hex(envelope.digest), class: envelope.class,
      link: hex(link.raw), linkSeq, generation: generationText, position, ticket: lastTicket + 1,
    });
  };

  const store = (recipient: AgentState, envelope: Envelope, link: Bytes, linkSeq: number, nowMs: number): number => {
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
    record(encodeKeptMail({ link, linkSeq, position, storedAtMs: nowMs, envelope: envelope.bytes }), mail);
    effects.push({ kind: "stored", agent: recipient, position });
    const { consumer } = mailbox;
    if (consumer === undefined) return position;
    if (isLive(consumer, position, openTail(mailbox))) {
      emit({ kind: "deliver", session: consumer.session, position, storedAtMs: nowMs, envelope: envelope.bytes });
      handedOver(recipient, consumer, position);
    } else wake(mailbox);
    return position;
  };

  // Handing out

  const openTail = (mailbox: Mailbox): number => (distrustDisk ? mailbox.syncedTail : mailbox.nextPosition - 1);

  const handedOver = (agent: AgentState, consumer: Consumer, position: number): void => {
    consumer.cursor = position;
    counters.delivered++;
    const mail = agent.mailbox.stored.get(position);
    if (mail === undefined) return;
    const { stream, digest } = readLabel(mail.label);
    fact("relay.delivered", { agent: agent.id, session: consumer.session, generation: generationText, position, id: `${hex(stream)}.${mail.seq}`, digest: hex(digest), synced: position <= agent.mailbox.syncedTail });
  };

  const wake = (mailbox: Mailbox): void => {
    if (isBehind(mailbox, openTail(mailbox))) emit({ kind: "behind", session: (mailbox.consumer as Consumer).session });
  };

  // Letting go

  const settle = (session: number, wanted: SettleRequest): void => {
    const attachment = attachments.get(session);
    if (attachment === undefined) return;
    const { mailbox } = attachment.agent;
    const current = attachment.consume && !attachment.superseded && wanted.epoch === mailbox.epoch && mailbox.consumer?.session === session;
    if ((defences.epoch && !current) || (defences.generation && !equalBytes(wanted.generation, generation))) {
      fact("relay.settle-ignored", { agent: attachment.agent.id, epoch: wanted.epoch, generation: hex(wanted.generation) });
      return answerPosition(attachment);
    }
    // What was never handed out cannot be meant: beyond the last position given, a settle has no effect, now or later.
    const last = defences.settleClamp ? mailbox.nextPosition - 1 : NO_CLAMP;
    const asked = wanted.ranges.map(([from = 0, to = 0]): Range => [from, Math.min(last, to)]);
    mailbox.deferred = [[1, Math.min(last, wanted.floor)], ...asked, ...mailbox.deferred];
    if (!applySettle(attachment)) answerPosition(attachment);
  };

  /** Releases what was asked for as far as the durable tail; false when that is nothing new. */
  const applySettle = (attachment: Attachment): boolean => {
    const { agent } = attachment;
    const { mailbox } = agent;
    const granted = grantSettle(state, mailbox, mailbox.deferred, defences.settleClamp ? mailbox.syncedTail : NO_CLAMP);
    mailbox.deferred = granted.waiting;
    if (granted.ranges.length === 0) return false;
    counters.settled += granted.messages;
    for (let at = 0; at < granted.ranges.length; at += KEPT_RANGES) record(encodeKept("settled", { agentId: agent.idRaw, ranges: granted.ranges.slice(at, at + KEPT_RANGES) }));
    effects.push({ kind: "let-go", places: granted.places, attachment });
    fact("relay.settle-applied", {
      agent: agent.id, generation: generationText, epoch: mailbox.epoch, ranges: granted.ranges.map((range) => range.join("-")).join(","), floor: settledFloor(mailbox), tail: mailbox.syncedTail,
    });
    return true;
  };

  const answerPosition = (attachment: Attachment): void => {
    const { mailbox } = attachment.agent;
    emit({ kind: "position", session: attachment.session, epoch: mailbox.epoch, settledFloor: settledFloor(mailbox), tail: mailbox.syncedTail });
  };

  const end = (input: Extract<RelayInput, { readonly kind: "end" }>, nowMs: number): void => {
    const agent = state.agents.get(input.agent);
    const mail = agent === undefined ? undefined : dropMail(state, agent.mailbox, input.position);
    if (agent === undefined || mail === undefined) return;
    agent.mailbox.settled.add(input.position);
    record(encodeKept("ending", { agentId: agent.idRaw, position: input.position, ending: input.ending }));
    effects.push({ kind: "let-go", places: mail.place === undefined ? [] : [mail.place], attachment: undefined });
    counters[input.ending]++;
    const { stream, digest } = readLabel(mail.label);
    fact(`relay.${input.ending}`, { agent: agent.id, generation: generationText, position: input.position, id: `${hex(stream)}.${mail.seq}`, digest: hex(digest), noticed: input.notice !== undefined });
    const sender = findAgent(state, mail.from);
    if (input.notice !== undefined && sender !== undefined) storeNotice(sender, input.notice, nowMs);
  };

  const storeNotice = (sender: AgentState, body: Bytes, nowMs: number): void => {
    const stream = sha256(concat(generation, sender.idRaw)).slice(0, NO_LINK.length);
    const header = { class: "notice", from: relayId, to: sender.idRaw, stream, seq: sender.mailbox.noticeSeq++, expiresAtMs: nowMs + limits.noticeExpiryMs, inboxKeyId: new Uint8Array(KEY_ID_BYTES), suite: SUITE_UNSEALED } as const;
    store(sender, encodeEnvelope(header, body, sha256), NO_LINK, 0, nowMs);
  };

  // Durability

  const appended = (number: number, places: readonly Place[]): void => {
    const ticket = tickets.findLast((each) => each.number === number);
    places.forEach((place, index) => {
      const mail = ticket?.mails[index];
      if (mail === undefined) ticket?.small.push(place);
      else mail.place = place;
    });
  };

  const synced = (upTo: number): void => {
    const acked = new Set<Attachment>();
    const answered = new Set<Attachment>();
    const risen = new Set<AgentState>();
    const released: Place[] = [];
    while (tickets[0] !== undefined && tickets[0].number <= upTo) {
      const ticket = tickets.shift() as Ticket;
      // What these said is in every snapshot from here on, and in none before.
      released.push(...ticket.small);
      for (const effect of ticket.effects) {
        if (effect.kind === "used") {
          effect.link.synced = Math.max(effect.link.synced, effect.linkSeq);
          effect.attachment.unackedBytes -= effect.bytes;
          acked.add(effect.attachment);
        } else if (effect.kind === "stored") {
          effect.agent.mailbox.syncedTail = Math.max(effect.agent.mailbox.syncedTail, effect.position);
          risen.add(effect.agent);
        } else if (effect.kind === "let-go") {
          released.push(...effect.places);
          if (effect.attachment !== undefined) answered.add(effect.attachment);
        } else if (effect.kind === "attached") welcome(effect.attachment);
        else stated(effect.underWay, effect.signature);
      }
    }
    fact("relay.batch-synced", { ticket: upTo });
    for (const attachment of acked) acknowledge(attachment);
    for (const { mailbox } of risen) {
      if (distrustDisk) wake(mailbox);
      const attachment = mailbox.consumer === undefined ? undefined : attachments.get(mailbox.consumer.session);
      if (attachment !== undefined && mailbox.deferred.length > 0) applySettle(attachment);
    }
    for (const attachment of answered) if (attachments.get(attachment.session) !== undefined) answerPosition(attachment);
    if (released.length === 0) return;
    emit({ kind: "release", places: released });
    fact("relay.released", { records: released.length });
  };

  /** Tells whoever holds the link now, which may be a later session than the one that sent. */
  const acknowledge = (by: Attachment): void => {
    const holder = by.superseded || attachments.get(by.session) === undefined ? attachments.holderOf(by.agent, by.link) : by;
    if (holder === undefined || !defences.ackAfterSync) return;
    emit({ kind: "ack", session: holder.session, upTo: holder.link.synced });
    fact("relay.ack-sent", { agent: holder.agent.id, link: hex(holder.link.raw), upTo: holder.link.synced });
  };

  // Statements

  const stated = (underWay: UnderWay, signature: Bytes): void => {
    const done = finishStatement(state.statements, sha256);
    counters.statements++;
    const proofs = proofsOf(sha256, done.bytes, signature, done.leaves);
    done.taken.forEach((leaf, index) => {
      const sender = findAgent(state, leaf.sender);
      const proof = proofs[index];
      if (sender === undefined || proof === undefined) return;
      keepProof(sender, done.number, proof);
      const theirs = attachments.of(sender);
      const session = (theirs.find((each) => equalBytes(each.link.raw, leaf.link)) ?? theirs[0])?.session;
      if (session !== undefined) emit({ kind: "proof", session, proof });
    });
    fact("relay.statement", { number: underWay.number, hash: hex(state.statements.hash), leaves: done.leaves.length });
  };

  const signed = (signature: Bytes): void => {
    const { underWay } = state.statements;
    if (underWay === undefined || underWay.written) return;
    underWay.written = true;
    record(encodeKept("statement", { statement: underWay.bytes, signature, leaves: underWay.leaves }));
    effects.push({ kind: "stated", underWay, signature });
  };

  const run = (input: RelayInput, nowMs: number): void => {
    switch (input.kind) {
      case "attach": return attach(input);
      case "ready": return ready(input.session);
      case "detach": return detach(input.session);
      case "publish": return void enrol(input.session, input.registration);
      case "mail": return takeMail(input, nowMs);
      case "settle": return settle(input.session, input.settle);
      case "appended": return appended(input.ticket, input.places);
      case "synced": return synced(input.ticket);
      case "handed-over": return handOver(input.session, input.position);
      case "blocked": return block(input.session, input.blocked);
      case "trouble": return void (trouble = input.trouble);
      case "distrust-disk": return void (distrustDisk = true);
      case "end": return end(input, nowMs);
      case "statement-due": {
        const underWay = beginStatement(state.statements, sha256, relayId, nowMs);
        if (underWay !== undefined) emit({ kind: "sign", statement: underWay.bytes });
        return;
      }
      case "signed": return signed(input.signature);
      case "not-signed": return abandonStatement(state.statements);
    }
  };

  const handOver = (session: number, position: number): void => {
    const agent = attachments.get(session)?.agent;
    const consumer = agent?.mailbox.consumer;
    if (agent !== undefined && consumer?.session === session && position > consumer.cursor) handedOver(agent, consumer, position);
  };

  const block = (session: number, blocked: boolean): void => {
    const mailbox = attachments.get(session)?.agent.mailbox;
    if (mailbox?.consumer?.session !== session) return;
    mailbox.consumer.blocked = blocked;
    wake(mailbox);
  };

  return {
    state,
    counters,
    step: (input, nowMs) => {
      outputs = [];
      run(input, nowMs);
      if (records.length > 0) {
        lastTicket++;
        tickets.push({ number: lastTicket, effects, mails, small: [] });
        outputs.unshift({ kind: "append", ticket: lastTicket, records });
      } else {
        for (const effect of effects) if (effect.kind === "attached") welcome(effect.attachment);
      }
      records = [];
      mails = [];
      effects = [];
      return outputs;
    },
    replay: (bytes, place) => replayRecord(state, sha256, bytes, place),
    snapshot: () => restate(state),
    nextFor: (session, maxBytes) => {
      const mailbox = attachments.get(session)?.agent.mailbox;
      return mailbox?.consumer?.session === session ? nextDue(mailbox, openTail(mailbox), maxBytes) : [];
    },
    overdue: (beforeMs, limit) => findOverdue(state, beforeMs, limit),
    overdueAt: (key, position) => {
      const agent = state.agents.get(key);
      const mail = agent?.mailbox.stored.get(position);
      return agent === undefined || mail === undefined ? undefined : overdueOf(agent, position, mail);
    },
    lookup: (what, key) => {
      const agent = what === "name" ? state.names.get(key as string) : findAgent(state, key as Bytes);
      return agent !== undefined && agent.bundle.length > 0 ? agent : undefined;
    },
    agentOf: (session) => attachments.get(session)?.agent,
    isAttached: (agent) => attachments.of(agent).length > 0,
  };
}

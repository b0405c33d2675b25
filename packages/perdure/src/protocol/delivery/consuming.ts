/** The consumer's side of a mailbox: handing out in order, and letting go of what it settles. */
import { equalBytes, hex } from "../../wire/bytes.ts";
import { encodeKept, KEPT_RANGES } from "../../wire/kept-relay.ts";
import type { Attachment } from "./attachments.ts";
import { isBehind } from "./handing-out.ts";
import type { Range } from "./interval-set.ts";
import type { SettleRequest } from "./mailbox-events.ts";
import { type AgentState, type Consumer, type Mailbox, type StoredMail, settledFloor } from "./mailbox-state.ts";
import { Places } from "./places.ts";
import { openTail, type RelayMachine } from "./relay-machine.ts";
import { fetchAhead, fetchRows } from "./row-fetching.ts";
import { grantSettle } from "./settling.ts";
import { readLabel } from "./stored-mails.ts";

/** The tail of a mailbox when the clamp is switched off. */
const NO_CLAMP = Number.MAX_SAFE_INTEGER - 1;

/** Says that the consumer of this mailbox has something to read from the log, if it has. */
export function wake(machine: RelayMachine, mailbox: Mailbox): void {
  const { consumer, stored } = mailbox;
  if (consumer === undefined || !isBehind(mailbox, openTail(machine, mailbox))) return;
  machine.journal.emit({ kind: "behind", session: consumer.session });
  const agent = stored.resting.size === 0 ? undefined : machine.attachments.get(consumer.session)?.agent;
  if (agent !== undefined) fetchAhead(machine, agent);
}

export function handedOver(
  { counters, generationText, journal }: RelayMachine,
  agent: AgentState,
  consumer: Consumer,
  position: number,
): void {
  consumer.cursor = position;
  if (agent.peer === undefined) counters.delivered++;
  if (!journal.wants("relay.delivered")) return;
  journal.fact("relay.delivered", {
    agent: agent.id,
    session: consumer.session,
    generation: generationText,
    position,
    ...labelFields(agent.mailbox.stored.get(position)),
    synced: position <= agent.mailbox.syncedTail,
  });
}

function labelFields(mail: StoredMail | undefined): { readonly id?: string; readonly digest?: string } {
  if (mail === undefined) return {};
  const { stream, digest } = readLabel(mail.label);
  return { id: `${hex(stream)}.${mail.seq}`, digest: hex(digest) };
}

/** Messages that were read from the log have left for this session. */
export function noteHandedOver(machine: RelayMachine, session: number, positions: readonly number[]): void {
  const agent = machine.attachments.get(session)?.agent;
  const consumer = agent?.mailbox.consumer;
  if (agent === undefined || consumer?.session !== session) return;
  for (const position of positions) if (position > consumer.cursor) handedOver(machine, agent, consumer, position);
  fetchAhead(machine, agent);
}

export function block(machine: RelayMachine, session: number, blocked: boolean): void {
  const mailbox = machine.attachments.get(session)?.agent.mailbox;
  if (mailbox?.consumer?.session !== session) return;
  mailbox.consumer.blocked = blocked;
  wake(machine, mailbox);
}

export function settle(machine: RelayMachine, session: number, wanted: SettleRequest): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined) return;
  const { mailbox } = attachment.agent;
  if (!counts(machine, attachment, wanted)) {
    machine.journal.fact("relay.settle-ignored", () => ({
      agent: attachment.agent.id,
      epoch: wanted.epoch,
      generation: hex(wanted.generation),
    }));
    return answerPosition(machine, attachment);
  }
  // What was never handed out cannot be meant: beyond the last position given, a settle has no effect, now or later.
  const last = machine.defences.settleClamp ? mailbox.nextPosition - 1 : NO_CLAMP;
  const asked = wanted.ranges.map(([from = 0, to = 0]): Range => [from, Math.min(last, to)]);
  mailbox.deferred = [[1, Math.min(last, wanted.floor)], ...asked, ...mailbox.deferred];
  // Also where nothing is new the answer names only what is durable. What waits for the tail is answered when that has come.
  if (!applySettle(machine, attachment) && mailbox.deferred.length === 0)
    machine.journal.whenDurable({ kind: "let-go", places: new Places(), attachment });
}

function counts(
  { defences, generation }: RelayMachine,
  { agent, consume, session, superseded, confirmed }: Attachment,
  wanted: SettleRequest,
): boolean {
  const { epoch, consumer } = agent.mailbox;
  const current = consume && confirmed && !superseded && wanted.epoch === epoch && consumer?.session === session;
  return (current || !defences.epoch) && (equalBytes(wanted.generation, generation) || !defences.generation);
}

/** Releases what was asked for as far as the durable tail; false when that is nothing new. */
export function applySettle(machine: RelayMachine, attachment: Attachment): boolean {
  const { state, defences, counters, journal, generationText } = machine;
  const { agent } = attachment;
  const { mailbox } = agent;
  const granted = grantSettle(state, mailbox, mailbox.deferred, defences.settleClamp ? mailbox.syncedTail : NO_CLAMP);
  mailbox.deferred = granted.waiting;
  if (granted.resting !== undefined) fetchRows(machine, agent, ...granted.resting);
  if (granted.ranges.length === 0) return false;
  if (agent.peer === undefined) counters.settled += granted.messages;
  else {
    counters.passedOn += granted.messages;
    agent.peer.passedOn += granted.messages;
  }
  for (let at = 0; at < granted.ranges.length; at += KEPT_RANGES) {
    journal.recordLater(encodeKept("settled", { agentId: agent.keptId, ranges: granted.ranges.slice(at, at + KEPT_RANGES) }));
  }
  mailbox.leaving.push(...granted.ranges);
  journal.whenDurable({ kind: "let-go", places: granted.places, attachment, left: { mailbox, ranges: granted.ranges } });
  journal.fact("relay.settle-applied", () => ({
    agent: agent.id,
    generation: generationText,
    epoch: mailbox.epoch,
    ranges: granted.ranges.map((range) => range.join("-")).join(","),
    floor: settledFloor(mailbox),
    tail: mailbox.syncedTail,
  }));
  return true;
}

/** Where the mailbox stands: the answer to a settle. */
export function answerPosition({ journal }: RelayMachine, { agent, session }: Attachment): void {
  const { mailbox } = agent;
  journal.emit({ kind: "position", session, epoch: mailbox.epoch, settledFloor: settledFloor(mailbox), tail: mailbox.syncedTail });
}

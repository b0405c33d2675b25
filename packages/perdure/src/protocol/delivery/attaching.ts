/** Sessions come and go: registration, the epoch of a consumer, fencing, the welcome. */
import { equalBytes, hex } from "../../wire/bytes.ts";
import { encodeKept } from "../../wire/kept-relay.ts";
import type { Attachment } from "./attachments.ts";
import { wake } from "./consuming.ts";
import { judgeRegistration } from "./enrolment.ts";
import type { Registration, RelayInput } from "./mailbox-events.ts";
import { type AgentState, addAgent, findAgent, linkOf, NO_LINK, register, settledFloor } from "./mailbox-state.ts";
import type { RelayMachine } from "./relay-machine.ts";

/** More than an agent's processes, and sessions whose end was not noticed yet, ever are. */
const SESSIONS_PER_AGENT = 16;

/** False when it was turned away with a goodbye. */
export function enrol({ state, limits, journal }: RelayMachine, session: number, wanted: Registration): boolean {
  const verdict = judgeRegistration(state, limits, wanted);
  if (verdict === "known") return true;
  if (verdict !== "new") {
    journal.emit({ kind: "goodbye", session, reason: verdict });
    return false;
  }
  const agent = findAgent(state, wanted.idRaw) ?? addAgent(state, wanted.idRaw);
  register(state, agent, wanted.bundle, wanted.name, wanted.recordVersion);
  journal.record(
    encodeKept("registration", { agentId: agent.idRaw, name: wanted.name, recordVersion: wanted.recordVersion, bundle: agent.bundle }),
  );
  journal.fact("relay.registered", { agent: agent.id, name: wanted.name });
  return true;
}

/** A new bundle of an agent that is attached. Nothing but mail is refused while the disk keeps up, and then the next attach brings it. */
export function publish(machine: RelayMachine, session: number, wanted: Registration): void {
  const { journal, trouble } = machine;
  if (trouble === undefined) enrol(machine, session, wanted);
  else journal.goodbye(session, trouble.code, trouble.why, { retry: "after", afterMs: trouble.afterMs });
}

export function attach(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "attach" }>): void {
  const { state, attachments, journal, trouble } = machine;
  const known = findAgent(state, input.registration.idRaw);
  if (equalBytes(input.link, NO_LINK)) return journal.goodbye(input.session, "malformed", "a link of zero bytes is the relay's own");
  // An agent that is known may always come and read: that is what makes room.
  if (known === undefined && trouble !== undefined)
    return journal.goodbye(input.session, trouble.code, trouble.why, { retry: "after", afterMs: trouble.afterMs });
  const replaces = (other: Attachment): boolean => equalBytes(other.link.raw, input.link) || (input.consume && other.consume);
  if (known !== undefined && attachments.of(known).filter((other) => !replaces(other)).length >= SESSIONS_PER_AGENT)
    return journal.goodbye(input.session, "too-busy", `${known.id} has ${SESSIONS_PER_AGENT} sessions here`, { retry: "after" });
  if (!enrol(machine, input.session, input.registration)) return;
  const agent = findAgent(state, input.registration.idRaw) as AgentState;
  const link = linkOf(agent, input.link, (each) => attachments.holderOf(agent, each) !== undefined);
  for (const other of attachments.of(agent)) if (replaces(other)) supersede(machine, other);
  const attachment: Attachment = { session: input.session, agent, link, consume: input.consume, unackedBytes: 0, superseded: false };
  attachments.add(attachment);
  if (input.consume) consume(machine, attachment, input.have);
  journal.whenDurable({ kind: "attached", attachment });
}

function consume(
  { generation, generationText, journal }: RelayMachine,
  { agent, session, link }: Attachment,
  have: { readonly generation: Uint8Array; readonly position: number },
): void {
  const { mailbox } = agent;
  mailbox.epoch++;
  mailbox.deferred = [];
  const cursor = equalBytes(have.generation, generation) ? Math.min(have.position, mailbox.nextPosition - 1) : 0;
  mailbox.consumer = { session, epoch: mailbox.epoch, cursor, ready: false, blocked: false };
  journal.record(encodeKept("epoch", { agentId: agent.idRaw, epoch: mailbox.epoch }));
  journal.fact("relay.attached", { agent: agent.id, epoch: mailbox.epoch, generation: generationText, link: hex(link.raw), from: cursor });
}

function supersede({ defences, journal }: RelayMachine, other: Attachment): void {
  if (!defences.epoch) return;
  other.superseded = true;
  const hint = "One process at a time reads a mailbox; close the other one.";
  journal.goodbye(other.session, "fenced", "another session of this agent took over", { retry: "after", hint });
  journal.fact("relay.fenced", { agent: other.agent.id, session: other.session });
}

/** The registration and the epoch are durable. */
export function welcome({ attachments, journal }: RelayMachine, { agent, link, consume, session, superseded }: Attachment): void {
  if (attachments.get(session) === undefined || superseded) return;
  journal.emit({
    kind: "welcome",
    session,
    standing: {
      epoch: consume ? agent.mailbox.epoch : 0,
      tail: agent.mailbox.syncedTail,
      settledFloor: settledFloor(agent.mailbox),
      linkUpTo: link.synced,
      linkRefused: link.refused.filter((linkSeq) => linkSeq <= link.synced),
      contactsVersion: 0,
    },
  });
}

/** The welcome has left: what waits follows it. */
export function ready(machine: RelayMachine, session: number): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined || attachment.superseded) return;
  for (const { proof } of attachment.agent.proofs) machine.journal.emit({ kind: "proof", session, proof });
  const { mailbox } = attachment.agent;
  if (mailbox.consumer?.session !== session) return;
  mailbox.consumer.ready = true;
  wake(machine, mailbox);
}

export function detach({ attachments }: RelayMachine, session: number): void {
  const mailbox = attachments.remove(session)?.agent.mailbox;
  if (mailbox?.consumer?.session === session) mailbox.consumer = undefined;
}

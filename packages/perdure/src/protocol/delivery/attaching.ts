/** Sessions come and go: registration, the epoch of a consumer, fencing, the welcome. */
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import { encodeKept } from "../../wire/kept-relay.ts";
import { CLONED, usePass } from "./attach-passes.ts";
import type { Attachment } from "./attachments.ts";
import { isBanned } from "./bans.ts";
import { wake } from "./consuming.ts";
import { judgeRegistration } from "./enrolment.ts";
import { NO_RANGES } from "./interval-set.ts";
import { BLOCKED_MS, tooFast } from "./mailbox-admission.ts";
import type { Reason, Registration, RelayInput } from "./mailbox-events.ts";
import { encodeRegistration } from "./mailbox-replay.ts";
import { type AgentState, addAgent, findAgent, findPeer, linkOf, NO_LINK, newLink, register, settledFloor } from "./mailbox-state.ts";
import { meetPeer } from "./meeting.ts";
import { isWanted } from "./peer-state.ts";
import type { RelayMachine } from "./relay-machine.ts";
import { endIfVoid, heedStanding } from "./standing.ts";
import { noteTicket, usedOnce } from "./tickets.ts";

/** More than an agent's processes, and sessions whose end was not noticed yet, ever are. */
const SESSIONS_PER_AGENT = 16;

type Attach = Extract<RelayInput, { readonly kind: "attach" }>;

/** False when it was turned away with a goodbye. */
function enrol(machine: RelayMachine, session: number, wanted: Registration, ticket: string, nowMs: number): boolean {
  const { state, limits, defences, rates, journal, sha256 } = machine;
  const verdict = judgeRegistration(state, limits, wanted);
  if (verdict === "known") return true;
  if (verdict !== "new") {
    journal.emit({ kind: "goodbye", session, reason: verdict });
    return false;
  }
  const known = findAgent(state, wanted.idRaw);
  const isNew = known === undefined || known.bundle.length === 0;
  const used = isNew && limits.ticketsRequired ? usedOnce(state, sha256, ticket, nowMs) : undefined;
  if (isNew && limits.ticketsRequired && used === undefined) {
    journal.emit({ kind: "goodbye", session, reason: ticket === "" ? TICKET_REQUIRED : TICKET_REFUSED });
    return false;
  }
  const hit = isNew && defences.rates ? rates.registration() : undefined;
  if (hit !== undefined) {
    journal.emit({ kind: "goodbye", session, reason: tooFast(hit) });
    return false;
  }
  if (used !== undefined) {
    noteTicket(state, used);
    journal.record(encodeKept("ticket", used));
  }
  const agent = known ?? addAgent(state, wanted.idRaw);
  const before = agent.standing;
  // Nobody takes another name while it is not known which of two is the agent.
  const name = wanted.standing === "frozen" ? agent.name : wanted.name;
  register(state, agent, { ...wanted, name });
  journal.record(encodeRegistration(agent));
  journal.fact("relay.registered", () => ({ agent: agent.id, name, standing: agent.standing }));
  heedStanding(machine, agent, { before, instances: wanted.instances, except: session });
  return true;
}

const TICKET_REQUIRED: Reason = {
  code: "ticket-required",
  why: "this relay takes nobody new without a ticket",
  retry: "never",
  afterMs: 0,
  hint: "Ask its owner for one; `perdure relay ticket` prints it.",
};
const TICKET_REFUSED: Reason = { ...TICKET_REQUIRED, why: "the ticket was used, has expired, or is not of this relay" };

/** A new bundle of an agent that is attached. Nothing but mail is refused while the disk keeps up, and then the next attach brings it. */
export function publish(machine: RelayMachine, session: number, wanted: Registration, nowMs: number): void {
  const { journal, trouble } = machine;
  if (trouble === undefined) {
    if (!enrol(machine, session, wanted, "", nowMs)) return;
    const over = endIfVoid(machine, session, wanted.instances);
    journal.whenDurable({ kind: "published", session, verdict: wanted.verdict, over });
  } else journal.goodbye(session, trouble.code, trouble.why, { retry: "after", afterMs: trouble.afterMs });
}

export function attach(machine: RelayMachine, input: Attach, nowMs: number): void {
  const { state, attachments, journal } = machine;
  const { session, role } = input;
  if (equalBytes(input.link, NO_LINK) && role !== "forwarder")
    return journal.goodbye(session, "malformed", "a link of zero bytes is the relay's own");
  if (role === "peer" && input.consume)
    return journal.goodbye(session, "malformed", "a relay does not read its mailbox at another, it is sent");
  if (isBanned(state, input.registration.idRaw))
    return journal.goodbye(session, "blocked", TURNED_AWAY, { retry: "after", afterMs: BLOCKED_MS });
  const known = role === "agent" ? findAgent(state, input.registration.idRaw) : findPeer(state, input.registration.idRaw);
  const replaces = (other: Attachment): boolean => isLinkOf(other, input) || (input.consume && other.consume);
  if (known !== undefined && attachments.of(known).filter((other) => !replaces(other)).length >= SESSIONS_PER_AGENT)
    return journal.goodbye(session, "too-busy", `${known.id} has ${SESSIONS_PER_AGENT} sessions here`, { retry: "after" });
  const agent = entrant(machine, input, known, nowMs);
  if (agent === undefined) return;
  const consume = input.consume && (role !== "agent" || agent.standing !== "frozen");
  const pass = role === "agent" && consume ? usePass(machine, agent, input.instanceKey, input.pass, nowMs) : EMPTY;
  if (pass === undefined) return journal.emit({ kind: "goodbye", session, reason: CLONED });
  const link =
    role === "forwarder" ? newLink(NO_LINK) : linkOf(agent, input.link, (each) => attachments.holderOf(agent, each) !== undefined);
  for (const other of attachments.of(agent)) if (replaces(other)) supersede(machine, other);
  // The same bytes as in the chain of its passes, not a copy beside them for as long as the session lasts.
  const instanceKey = agent.passes.get(hex(input.instanceKey))?.instanceKey ?? input.instanceKey.slice();
  const { verdict } = input.registration;
  const attachment: Attachment = {
    session,
    role,
    agent,
    link,
    consume,
    instanceKey,
    verdict,
    pass,
    confirmed: pass.length === 0,
    mayRead: pass.length === 0,
    welcomed: false,
    unackedBytes: 0,
    tooFast: 0,
    superseded: false,
  };
  attachments.add(attachment);
  if (consume) beginConsuming(machine, attachment, input.have);
  journal.whenDurable({ kind: "attached", attachment });
}

export const TURNED_AWAY = "this relay's owner turns you away";

function isLinkOf(other: Attachment, { role, link }: Attach): boolean {
  return role !== "forwarder" && other.role !== "forwarder" && equalBytes(other.link.raw, link);
}

/** Whoever attaches, known from here on if it was not; `undefined` when it was turned away with a goodbye. */
function entrant(machine: RelayMachine, input: Attach, known: AgentState | undefined, nowMs: number): AgentState | undefined {
  const { state, journal, trouble } = machine;
  const { session, role, registration } = input;
  if (role === "forwarder") {
    if (known === undefined) journal.goodbye(session, "unknown-relay", "nobody has said where that relay is", { retry: "after" });
    return known;
  }
  // Who is known may always come and read: that is what makes room.
  if (known === undefined && trouble !== undefined) {
    journal.goodbye(session, trouble.code, trouble.why, { retry: "after", afterMs: trouble.afterMs });
    return undefined;
  }
  if (role === "agent")
    return enrol(machine, session, registration, input.ticket, nowMs) ? findAgent(state, registration.idRaw) : undefined;
  const peer = meetPeer(machine, { relayId: registration.idRaw, url: undefined, bundle: registration.bundle }, nowMs);
  if (peer !== undefined) return peer;
  if (registration.bundle.length > machine.limits.bundleBytes) journal.goodbye(session, "too-large", "the identity bundle is too large");
  else journal.goodbye(session, "too-busy", "this relay knows as many others as it may", { retry: "after", afterMs: 60_000 });
  return undefined;
}

function beginConsuming(
  { generation, generationText, journal }: RelayMachine,
  { agent, session, link }: Attachment,
  have: { readonly generation: Bytes; readonly position: number },
): void {
  const { mailbox } = agent;
  mailbox.epoch++;
  mailbox.deferred = NO_RANGES;
  const cursor = equalBytes(have.generation, generation) ? Math.min(have.position, mailbox.nextPosition - 1) : 0;
  mailbox.consumer = { session, epoch: mailbox.epoch, cursor, ready: false, blocked: false };
  journal.record(encodeKept("epoch", { agentId: agent.keptId, epoch: mailbox.epoch }));
  journal.fact("relay.attached", () => ({
    agent: agent.id,
    epoch: mailbox.epoch,
    generation: generationText,
    link: hex(link.raw),
    from: cursor,
  }));
}

function supersede({ defences, journal }: RelayMachine, other: Attachment): void {
  if (!defences.epoch) return;
  other.superseded = true;
  const hint = "One process at a time reads a mailbox; close the other one.";
  journal.goodbye(other.session, "fenced", "another session of this agent took over", { retry: "after", hint });
  journal.fact("relay.fenced", () => ({ agent: other.agent.id, session: other.session }));
}

/** The registration and the epoch are durable. */
export function welcome({ attachments, journal }: RelayMachine, { agent, link, consume, session, pass, superseded }: Attachment): void {
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
      contactsVersion: agent.contacts?.version ?? 0,
      pass,
    },
  });
}

/** The welcome has left: what waits follows it, mail only once the pass is confirmed. */
export function ready(machine: RelayMachine, session: number): void {
  const attachment = machine.attachments.get(session);
  if (attachment === undefined || attachment.superseded) return;
  const { agent, role } = attachment;
  if (attachment.verdict !== "") machine.journal.emit({ kind: "published", session, verdict: attachment.verdict });
  if (role !== "forwarder")
    for (const { proof } of [...agent.proofs, ...agent.vouched]) machine.journal.emit({ kind: "proof", session, proof });
  attachment.welcomed = true;
  beginReading(machine, attachment);
}

/** The confirmation of the session's pass is durable. */
export function confirmed(machine: RelayMachine, attachment: Attachment): void {
  attachment.mayRead = true;
  beginReading(machine, attachment);
}

/** Mail follows the welcome and the confirmation, whichever comes last. */
function beginReading(machine: RelayMachine, { agent, session, welcomed, mayRead }: Attachment): void {
  const { mailbox } = agent;
  if (!welcomed || !mayRead || mailbox.consumer?.session !== session) return;
  mailbox.consumer.ready = true;
  wake(machine, mailbox);
}

export function detach({ state, attachments, journal }: RelayMachine, session: number): void {
  const agent = attachments.remove(session)?.agent;
  if (agent?.mailbox.consumer?.session !== session) return;
  agent.mailbox.consumer = undefined;
  if (isWanted(state, agent)) journal.emit({ kind: "peer-wanted", relayId: agent.idRaw });
}

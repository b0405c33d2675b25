/**
 * What follows for the sessions of an agent when its registered identity changes: those of instances that may not act for it any more
 * end, and while two logs of it contradict each other nobody reads its mailbox. Its mail waits.
 */

import type { Bytes } from "../../wire/bytes.ts";
import { equalBytes } from "../../wire/bytes.ts";
import type { AgentStanding } from "../../wire/kept-relay.ts";
import type { Attachment } from "./attachments.ts";
import type { Effect } from "./journal.ts";
import type { Reason } from "./mailbox-events.ts";
import type { AgentState } from "./mailbox-state.ts";
import type { RelayMachine } from "./relay-machine.ts";

export interface Change {
  readonly before: AgentStanding;
  /** Keys of the instances that may act for the agent from here on. */
  readonly instances: readonly Bytes[];
  /** The session that brought it, which is answered first. */
  readonly except: number;
}

export function heedStanding(machine: RelayMachine, agent: AgentState, { before, instances, except }: Change): void {
  const { attachments, journal } = machine;
  const changed = agent.standing !== before;
  if (changed && agent.standing === "frozen") journal.emit({ kind: "alarm", agent: agent.id, why: FORKED.why });
  if (changed) journal.fact("relay.standing", () => ({ agent: agent.id, standing: agent.standing }));
  for (const attachment of attachments.of(agent)) {
    if (attachment.role !== "agent") continue;
    if (agent.standing === "frozen") {
      if (changed && attachment.consume) sendAway(machine, attachment, FORKED);
    } else if (isVoid(attachment, instances)) {
      if (attachment.session !== except) sendAway(machine, attachment, REVOKED);
    } else if (changed && before === "frozen") sendAway(machine, attachment, HEALED);
  }
}

/** A session whose instance may act no more is over at once; it hears of it behind the answer to what it published. */
export function endIfVoid({ attachments }: RelayMachine, session: number, instances: readonly Bytes[]): boolean {
  const attachment = attachments.get(session);
  const isOver =
    attachment !== undefined && !attachment.superseded && attachment.agent.standing !== "frozen" && isVoid(attachment, instances);
  if (!isOver) return false;
  leaveMailbox(attachment);
  return true;
}

/** What was published is durable. */
export function answerPublished(
  { journal }: RelayMachine,
  { session, verdict, over }: Extract<Effect, { readonly kind: "published" }>,
): void {
  journal.emit({ kind: "published", session, verdict });
  if (over) journal.emit({ kind: "goodbye", session, reason: REVOKED });
}

function isVoid({ instanceKey }: Attachment, instances: readonly Bytes[]): boolean {
  return !instances.some((key) => equalBytes(key, instanceKey));
}

function leaveMailbox(attachment: Attachment): void {
  attachment.superseded = true;
  const { mailbox } = attachment.agent;
  if (mailbox.consumer?.session === attachment.session) mailbox.consumer = undefined;
}

/** Ends a session: its frames count no more, and it is handed nothing more. */
export function sendAway({ journal }: Pick<RelayMachine, "journal">, attachment: Attachment, reason: Reason): void {
  leaveMailbox(attachment);
  journal.emit({ kind: "goodbye", session: attachment.session, reason });
}

const REVOKED: Reason = {
  code: "instance-revoked",
  why: "the agent's owner took this instance's key out of use",
  retry: "never",
  afterMs: 0,
  hint: "In a folder of yours: perdure id claim.",
};

const FORKED: Reason = {
  code: "identity-forked",
  why: "somebody else holds this agent's control key or a copy of its folder: two histories of it contradict each other",
  retry: "after",
  afterMs: 1000,
  hint: "Its mail waits. Its owner decides with the recovery file: perdure id rotate.",
};

const HEALED: Reason = { code: "connection-closed", why: "its owner has decided which history counts", retry: "now", afterMs: 0, hint: "" };

/** Whom an agent knows and turns away, and whom the owner of the relay lets in and turns away. */
import { utf8 } from "../../wire/bytes.ts";
import { encodeKept } from "../../wire/kept-relay.ts";
import { TURNED_AWAY } from "./attaching.ts";
import { MAX_WHY_BYTES, noteBan } from "./bans.ts";
import { createContactList } from "./contact-list.ts";
import { BLOCKED_MS } from "./mailbox-admission.ts";
import type { RelayInput } from "./mailbox-events.ts";
import { findAgent, findPeer } from "./mailbox-state.ts";
import { isWanted } from "./peer-state.ts";
import type { RelayMachine } from "./relay-machine.ts";
import { recountStrangers } from "./stored-mail.ts";
import { forgetExpiredTickets, noteTicket } from "./tickets.ts";

/** The whole list each time; it counts at once, also while the disk cannot keep it. */
export function takeContacts(machine: RelayMachine, input: Extract<RelayInput, { readonly kind: "contacts" }>): void {
  const { state, attachments, journal, trouble } = machine;
  const attachment = attachments.get(input.session);
  if (attachment === undefined || attachment.superseded || attachment.role !== "agent") return;
  const { agent } = attachment;
  const list = createContactList(input.version, input.open, input.contacts, input.blocked);
  if (list === undefined) return journal.goodbye(input.session, "malformed", "a contact list with half an entry");
  agent.contacts = list;
  recountStrangers(state, agent);
  if (trouble === undefined) journal.record(encodeKept("contacts", { agentId: agent.idRaw, ...list }));
  journal.fact("relay.contacts", () => ({ agent: agent.id, version: list.version }));
}

export function issueTicket(
  { state, limits, journal }: RelayMachine,
  { hash, expiresAtMs, uses }: Extract<RelayInput, { readonly kind: "issue-ticket" }>,
  nowMs: number,
): void {
  forgetExpiredTickets(state, nowMs);
  if (noteTicket(state, { hash, expiresAtMs, usesLeft: uses }, limits.openTickets))
    journal.record(encodeKept("ticket", { hash, expiresAtMs, usesLeft: uses }));
}

/** It works at once: whoever is turned away loses the sessions it has, and what it says on them counts no more. */
export function ban(
  { state, limits, attachments, journal }: RelayMachine,
  { agentId, banned, why }: Extract<RelayInput, { readonly kind: "ban" }>,
  nowMs: number,
): void {
  const banning = { agentId, banned, why: cut(why), atMs: nowMs };
  if (!noteBan(state, banning, limits.keptBans)) return;
  journal.record(encodeKept("ban", banning));
  const peer = findPeer(state, agentId);
  if (!banned) {
    if (peer !== undefined && isWanted(state, peer)) journal.emit({ kind: "peer-wanted", relayId: peer.idRaw });
    return;
  }
  for (const owner of [findAgent(state, agentId), peer]) {
    for (const attachment of owner === undefined ? [] : attachments.of(owner)) {
      attachment.superseded = true;
      journal.goodbye(attachment.session, "blocked", TURNED_AWAY, { retry: "after", afterMs: BLOCKED_MS });
    }
  }
}

function cut(why: string): string {
  let text = why.slice(0, MAX_WHY_BYTES);
  while (utf8(text).length > MAX_WHY_BYTES) text = text.slice(0, -1);
  return text;
}

/** Mail whose time is over, found without looking at mailboxes where nothing can be. */
import type { Bytes } from "../../wire/bytes.ts";
import { isPlaceUnknown } from "./index-reading.ts";
import { type AgentState, mailboxOwners, type RelayState, type StoredMail } from "./mailbox-state.ts";
import { readLabel } from "./stored-mails.ts";

/** A message whose time is over, and what a notice about it says. */
export interface Overdue {
  /** Whose mailbox it waits in: an agent, or a peer. */
  readonly agent: AgentState;
  readonly position: number;
  readonly mail: StoredMail;
  readonly stream: Bytes;
  readonly digest: Bytes;
  /** 32 bytes: whom it was for. */
  readonly to: Bytes;
  /** Whether somebody can be told of what: its author here, or the relay it came from. */
  readonly wantsNotice: boolean;
}

/** Durable mail that has a row and expired before `beforeMs`, at most `limit`: what is not durable cannot be ended yet, and asking again at once would not help. */
export function findOverdue(state: RelayState, beforeMs: number, limit: number): readonly Overdue[] {
  const found: Overdue[] = [];
  for (const agent of mailboxOwners(state)) {
    const { mailbox } = agent;
    if (mailbox.earliestExpiryMs > beforeMs) continue;
    let earliest = mailbox.stored.resting.earliestExpiryMs;
    for (const [position, mail] of mailbox.stored) {
      if (mail.expiresAtMs <= beforeMs && position <= mailbox.syncedTail && found.length < limit)
        found.push(overdueOf(agent, position, mail));
      earliest = Math.min(earliest, mail.expiresAtMs);
    }
    mailbox.earliestExpiryMs = earliest;
    if (found.length >= limit) break;
  }
  return found;
}

export function overdueOf(agent: AgentState, position: number, mail: StoredMail): Overdue {
  const { stream, digest, to } = readLabel(mail.label);
  const { via, author } = mail.sender;
  return {
    agent,
    position,
    mail,
    stream,
    digest,
    to: to.length > 0 ? to : agent.idRaw,
    wantsNotice: mail.wantsNotice && (via ?? author) !== undefined && !(mail.place !== undefined && isPlaceUnknown(mail.place)),
  };
}

/** Whether mail that rests may have expired by then. */
export function mayRestOverdue(state: RelayState, beforeMs: number): boolean {
  for (const { mailbox } of mailboxOwners(state))
    if (mailbox.earliestExpiryMs <= beforeMs && mailbox.stored.resting.expiring(beforeMs) !== undefined) return true;
  return false;
}

/** Mail whose time is over, found without looking at mailboxes where nothing can be. */
import type { Bytes } from "../../wire/bytes.ts";
import { type AgentState, type RelayState, readLabel, type StoredMail } from "./mailbox-state.ts";

/** A message whose time is over, and what a notice about it says. */
export interface Overdue {
  readonly agent: AgentState;
  readonly position: number;
  readonly mail: StoredMail;
  readonly stream: Bytes;
  readonly digest: Bytes;
}

/** Durable mail that expired before `beforeMs`, at most `limit`: what is not durable cannot be ended yet, and asking again at once would not help. */
export function findOverdue(state: RelayState, beforeMs: number, limit: number): readonly Overdue[] {
  const found: Overdue[] = [];
  for (const agent of state.agents.values()) {
    const { mailbox } = agent;
    if (mailbox.earliestExpiryMs > beforeMs) continue;
    let earliest = Number.POSITIVE_INFINITY;
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
  return { agent, position, mail, ...readLabel(mail.label) };
}

/** Registration tickets: what lets somebody new in at a relay that asks for one. Known by the hash of their text. */
import { type Bytes, hex, utf8 } from "../../wire/bytes.ts";
import type { RelayState, Ticket } from "./mailbox-state.ts";

/** A ticket as it stands from here on. False when `most` others are open. */
export function noteTicket(state: RelayState, { hash, expiresAtMs, usesLeft }: Ticket, most = Number.POSITIVE_INFINITY): boolean {
  const key = hex(hash);
  if (usesLeft === 0) state.tickets.delete(key);
  else if (state.tickets.size >= most && !state.tickets.has(key)) return false;
  else state.tickets.set(key, { hash: hash.slice(), expiresAtMs, usesLeft });
  return true;
}

export function forgetExpiredTickets(state: RelayState, nowMs: number): void {
  for (const [key, { expiresAtMs }] of state.tickets) if (expiresAtMs <= nowMs) state.tickets.delete(key);
}

/** The ticket with one use less, or `undefined` when it lets nobody in. */
export function usedOnce(state: RelayState, sha256: (bytes: Bytes) => Bytes, text: string, nowMs: number): Ticket | undefined {
  const ticket = text === "" ? undefined : state.tickets.get(hex(sha256(utf8(text))));
  if (ticket === undefined || ticket.expiresAtMs <= nowMs) return undefined;
  return { ...ticket, usesLeft: ticket.usesLeft - 1 };
}

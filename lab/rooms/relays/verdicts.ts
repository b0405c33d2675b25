/** Whether a relay takes a letter, in the order in which it asks. */
import type { MailboxesOptions } from "../../../packages/perdure/src/protocol/delivery/mailboxes.ts";
import { equalBytes, hex } from "../../../packages/perdure/src/wire/bytes.ts";
import type { MailFrame } from "../../../packages/perdure/src/wire/control.ts";
import { type Envelope, envelopeId } from "../../../packages/perdure/src/wire/envelope.ts";
import { MAX_EXPIRY_MS } from "../../../packages/perdure/src/wire/limits.ts";
import type { Letter, RelayBook } from "./relay-book.ts";
import type { Session } from "./relay-session.ts";
import { usedUp } from "./shares.ts";

export interface Knowledge {
  readonly book: RelayBook;
  readonly limits: MailboxesOptions["limits"];
  readonly selfId: Uint8Array;
  readonly agents: readonly string[];
  readonly nameOf: (id: Uint8Array) => string | undefined;
  readonly knows: (relay: string) => boolean;
  readonly trouble: string | undefined;
}

/** The box it goes into and the letter, or a code and perhaps the limit that was hit. */
export function verdictOn(
  { book, limits, selfId, agents, nameOf, knows, trouble }: Knowledge,
  session: Session,
  input: MailFrame,
  envelope: Envelope,
  nowMs: number,
): string | readonly [string, Letter] {
  const isRelay = session.role === "peer";
  const from = nameOf(envelope.from);
  const home = input.home === undefined || equalBytes(input.home, selfId) ? undefined : input.home;
  if (!isRelay && (from !== session.name || envelope.class === "notice")) return "malformed";
  if (isRelay && envelope.class === "notice" && from !== session.name) return "malformed";
  if (input.hopLimit < (home === undefined ? 1 : 2)) return "refused";
  if (home !== undefined && isRelay) return "refused";
  if (envelope.expiresAtMs <= nowMs) return "expired";
  if (envelope.expiresAtMs > nowMs + MAX_EXPIRY_MS + limits.expiryGraceMs) return "expiry-out-of-range";
  const relay = home === undefined ? undefined : nameOf(home);
  const to = nameOf(envelope.to);
  if (home === undefined && (to === undefined || !agents.includes(to))) return "unknown-agent";
  if (home !== undefined && (relay === undefined || !knows(relay))) return "unknown-relay";
  if (relay !== undefined && book.bans.has(relay)) return "blocked";
  if (from !== undefined && book.bans.has(from)) return "blocked";
  if (trouble !== undefined) return trouble;
  const letter: Letter = {
    id: envelopeId(envelope),
    bytes: envelope.bytes.length,
    isMail: envelope.class === "mail",
    from: hex(envelope.from),
    to,
    via: isRelay ? session.name : undefined,
    author: isRelay ? undefined : session.name,
    expiresAtMs: envelope.expiresAtMs,
  };
  const key = relay === undefined ? `agent ${to}` : `relay ${relay}`;
  const lack = usedUp(book, limits, key, letter);
  return lack === undefined ? [key, letter] : `mailbox-full ${lack}`;
}

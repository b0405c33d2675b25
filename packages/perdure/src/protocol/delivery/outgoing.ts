/** One message on its way out, as the outbox holds it, and how it stands in the agent's log. */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { DeliveryState, KeptOutgoing, KeptStep, PayloadAt } from "../../wire/kept-agent.ts";
import { isTerminal, rank } from "./delivery-lattice.ts";

/** Relays that may prove something about one message late. */
const MAX_LATE_STEPS = 8;

export interface OutgoingPart {
  readonly seq: number;
  readonly of: Outgoing;
  /** Where the plain content lies; gone once the part is sealed. */
  plain: PayloadAt | undefined;
  /** Where the envelope lies; gone once nobody can need it again. */
  envelope: PayloadAt | undefined;
  digest: Bytes;
  /** Whom it is sealed to; empty before. */
  to: Bytes;
  /** Size of the envelope; 0 before it is sealed. */
  bytes: number;
  /** Link sequence numbers under which it travels right now. */
  flights: number;
  acked: boolean;
  /** It may have been sent on a link that is gone, by this process or the one before it. */
  uncertain: boolean;
  refusals: number;
}

export interface Outgoing {
  readonly id: MessageId;
  readonly head: KeptOutgoing;
  /** Hexadecimal id, or `@` and the name, that the stream belongs to. */
  readonly recipient: string;
  readonly parts: readonly OutgoingPart[];
  /** In the order they became known, each above the one before, or proving the same once more. */
  readonly steps: KeptStep[];
  /** Proofs of earlier states that came after a higher one was known. */
  readonly late: KeptStep[];
  state: DeliveryState;
  /** What last kept it from going on, for people; empty when nothing did. Not kept over a restart. */
  trouble: string;
}

export function isSealed(outgoing: Outgoing): boolean {
  return outgoing.parts.every((part) => part.bytes > 0);
}

/** False when it is certain that no relay has any of it: never sent, or refused each time. */
export function mayHaveLeft(outgoing: Outgoing): boolean {
  return outgoing.parts.some((part) => part.acked || part.uncertain || part.flights > 0);
}

/** What its open body counts against the outbox. */
export function openBytes(outgoing: Outgoing): number {
  return outgoing.head.wholeBytes;
}

/** Whether a relay's proof of a state says something that is not proven yet. */
export function isNewProof(outgoing: Outgoing, { state, proof, by }: Pick<KeptStep, "state" | "proof" | "by">): boolean {
  if (proof === "none" || isTerminal(state) || outgoing.late.length >= MAX_LATE_STEPS) return false;
  const known = (each: KeptStep): boolean => each.state === state && each.proof !== "none" && equalBytes(each.by, by);
  return !outgoing.steps.some(known) && !outgoing.late.some(known);
}

/** Everything known of the way of a message, what was proven late at its place. */
export function trailOf({ steps, late }: Outgoing): readonly KeptStep[] {
  return late.length === 0 ? steps : [...steps, ...late].sort((a, b) => rank(a.state) - rank(b.state));
}

/** One message on its way out, as the outbox holds it, and how it stands in the agent's log. */
import { type Bytes, concat, EMPTY, equalBytes } from "../../wire/bytes.ts";
import type { MessageId } from "../../wire/ids.ts";
import {
  type DeliveryState,
  type KeptOutgoing,
  type KeptSealedUnder,
  type KeptStep,
  MAX_EARLIER,
  type PayloadAt,
} from "../../wire/kept-agent.ts";
import { isTerminal, rank } from "./delivery-lattice.ts";

/** Relays that may prove something about one message late. */
const MAX_LATE_STEPS = 8;

export interface OutgoingPart {
  readonly seq: number;
  readonly of: Outgoing;
  /** Where the plain content lies, so that the part can be sealed anew; gone once the message ended. */
  plain: PayloadAt | undefined;
  /** Where the envelope lies; gone once nobody can need it again. */
  envelope: PayloadAt | undefined;
  digest: Bytes;
  /** Whom it is sealed to; empty before. */
  to: Bytes;
  /** Size of the envelope; 0 before it is sealed. */
  bytes: number;
  /** SHA-256 of the certificate its envelope is signed under; empty when that is not known. */
  certificate: Bytes;
  /** Digests of its envelopes before this one that may be somewhere. */
  earlier: readonly Bytes[];
  /** One of those was refused because the recipient had destroyed its inbox key: this one travels whatever is proven of it. */
  again: boolean;
  /** Why its envelope is not to travel and another one takes its place. Of these `key-retired` is kept over a restart. */
  unfit: "" | "certificate" | "key-retired";
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

export function newPart(of: Outgoing, seq: number): OutgoingPart {
  return {
    seq,
    of,
    plain: undefined,
    envelope: undefined,
    digest: NO_DIGEST,
    to: EMPTY,
    bytes: 0,
    certificate: EMPTY,
    earlier: [],
    again: false,
    unfit: "",
    flights: 0,
    acked: false,
    uncertain: false,
    refusals: 0,
  };
}

const NO_DIGEST: Bytes = new Uint8Array(16);

/** Whether the part has an envelope to travel in. */
export function isFit({ bytes, unfit }: OutgoingPart): boolean {
  return bytes > 0 && unfit === "";
}

export function isSealed(outgoing: Outgoing): boolean {
  return outgoing.parts.every(isFit);
}

/** What is written down of an envelope beside its part: the record without stream and number. */
export function envelopeOf(part: OutgoingPart): Pick<KeptSealedUnder, "to" | "digest" | "bytes" | "certificate" | "earlier" | "again"> {
  const { to, digest, bytes, certificate, earlier, again } = part;
  return { to, digest, bytes, certificate, earlier: concat(...earlier), again };
}

/** Digests that the next envelope of the part has to name: all that a relay or the recipient may have seen. */
export function seenDigests(part: OutgoingPart): readonly Bytes[] {
  const mayBeSeen = part.acked || part.uncertain || part.flights > 0 || part.refusals > 0;
  return (mayBeSeen ? [...part.earlier, part.digest] : part.earlier).slice(-MAX_EARLIER);
}

/** False when it is certain that no relay has any of it: never sent, or refused each time. */
export function mayHaveLeft(outgoing: Outgoing): boolean {
  return outgoing.parts.some((part) => part.acked || part.uncertain || part.flights > 0 || part.earlier.length > 0);
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

/** One message on its way out, as the outbox holds it, and how it stands in the agent's log. */
import type { Bytes } from "../../wire/bytes.ts";
import type { MessageId } from "../../wire/ids.ts";
import type { DeliveryState, KeptOutgoing, KeptStep, PayloadAt } from "../../wire/kept-agent.ts";

export interface OutgoingPart {
  readonly seq: number;
  readonly of: Outgoing;
  /** Where the plain content lies; gone once the part is sealed. */
  plain: PayloadAt | undefined;
  /** Where the envelope lies; gone once nobody can need it again. */
  envelope: PayloadAt | undefined;
  digest: Bytes;
  /** Size of the envelope; 0 before it is sealed. */
  bytes: number;
  /** Link sequence numbers under which it travels right now. */
  flights: number;
  acked: boolean;
  refusals: number;
}

export interface Outgoing {
  readonly id: MessageId;
  readonly head: KeptOutgoing;
  /** Hexadecimal id, or `@` and the name, that the stream belongs to. */
  readonly recipient: string;
  readonly parts: readonly OutgoingPart[];
  readonly steps: KeptStep[];
  state: DeliveryState;
  /** A relay may have a copy: it was sent since this opening, or sealed before it. */
  maybeSent: boolean;
}

export function isSealed(outgoing: Outgoing): boolean {
  return outgoing.parts.every((part) => part.bytes > 0);
}

/** What its open body counts against the outbox. */
export function openBytes(outgoing: Outgoing): number {
  return outgoing.head.wholeBytes;
}

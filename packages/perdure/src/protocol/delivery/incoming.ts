/** One message on its way in, as the inbox holds it. */
import { type Bytes, EMPTY, equalBytes, hex } from "../../wire/bytes.ts";
import { DIGEST_BYTES } from "../../wire/envelope.ts";
import { type AgentId, agentIdText, type MessageId, messageIdText } from "../../wire/ids.ts";
import { type Box, type KeptIncoming, MAX_EARLIER, type PayloadAt } from "../../wire/kept-agent.ts";
import { SEALED_EXTENSIONS, type SealedHead, sealedHead } from "../../wire/sealed.ts";

export interface IncomingPart {
  readonly head: KeptIncoming;
  readonly at: PayloadAt;
}

/** The right to complete it, while somebody has it. */
export interface Claim {
  readonly client: string;
  readonly attempt: number;
}

export interface Incoming {
  /** From and id: unique at this agent. */
  readonly key: string;
  readonly from: Bytes;
  readonly stream: Bytes;
  /** Of the first part. */
  readonly seq: number;
  /** Number of parts it has when it is whole. */
  readonly parts: number;
  readonly have: Map<number, IncomingPart>;
  box: Box;
  arrival: number;
  /** When the last part came. */
  wholeAtMs: number;
  attempt: number;
  failures: number;
  crashes: number;
  /** Starts since it was last put into a box. */
  starts: number;
  notBeforeMs: number;
  claim: Claim | undefined;
  /** Its completion is on the way to the disk. */
  committing: boolean;
  /** Another message of the sender with the same idempotency key came first; this one ends as that one does. */
  twinOf: Incoming | undefined;
}

export function incomingKey(from: Bytes, stream: Bytes, seq: number): string {
  return `${hex(from)}/${messageIdText(stream, seq)}`;
}

export function streamKey(from: Bytes, stream: Bytes): string {
  return `${hex(from)}/${hex(stream)}`;
}

export function incomingId(incoming: Incoming): MessageId {
  return messageIdText(incoming.stream, incoming.seq);
}

export function incomingFrom(incoming: Incoming): AgentId {
  return agentIdText(incoming.from);
}

export function isWhole(incoming: Incoming): boolean {
  return incoming.have.size === incoming.parts;
}

/** Whether two parts say the same of their message; which part it is, the sender's floor and certificate, and what it was before, may differ. */
export function sameMessage(one: SealedHead, other: SealedHead): boolean {
  return equalBytes(sealedHead.encode(ofWhole(one)), sealedHead.encode(ofWhole(other)));
}

function ofWhole(head: SealedHead): SealedHead {
  const none = new Uint8Array(32);
  const extensions = head.extensions.filter(({ code }) => code !== SEALED_EXTENSIONS.resealed);
  return { ...head, part: 0, floor: 0, logHead: none, certificateHash: none, bundle: EMPTY, extensions };
}

/** The digest of an envelope, and of those before it that its sender says it takes the place of: they say the same, and one counts. */
export function digestsOf(digest: Bytes, head: SealedHead | undefined): readonly Bytes[] {
  const said = head?.extensions.find(({ code }) => code === SEALED_EXTENSIONS.resealed)?.bytes ?? EMPTY;
  const count = Math.min(MAX_EARLIER, Math.floor(said.length / DIGEST_BYTES));
  const earlier = Array.from({ length: count }, (_, index) => said.slice(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES));
  return [digest, ...earlier];
}

/** Whether two envelopes of one id, each by the digests it names, are the same or one in the place of the other. */
export function saysTheSame(one: readonly Bytes[], other: readonly Bytes[]): boolean {
  return one.some((each) => other.some((known) => equalBytes(known, each)));
}

/** Any part's head: what they say of the whole is the same in all. */
export function headOf(incoming: Incoming): KeptIncoming {
  for (const part of incoming.have.values()) return part.head;
  throw new RangeError("a message without parts");
}

/** Digest of the first part's envelope, which a receipt names. */
export function digestOf(incoming: Incoming): Bytes {
  return incoming.have.get(0)?.head.digest ?? headOf(incoming).digest;
}

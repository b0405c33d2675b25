/**
 * Records an agent keeps in its own log. The agent's state is what these say, applied in order; nothing else is kept.
 *
 *   offset  size  field
 *        0     1  kind       see KEPT_KINDS
 *        1     1  flags      bit 0: restated, a location follows and the payload lies there
 *        2     4  head size  u32
 *        6  0|24  location   segment, offset and length (u64 each) of the record that has the payload
 *     6|30     …  head       the shape of the kind
 *        …     …  payload    content, envelope or bundle, not interpreted
 *
 * Every log file begins with a restatement: one `reset`, then for everything the agent holds the same records that made
 * it, with the location of their payload instead of the payload. Reading starts anew at each `reset`.
 */
import { type Bytes, putU32, putU64, u32At, u64At } from "./bytes.ts";
import { MAX_PASS_BYTES } from "./control.ts";
import { PerdureError } from "./error.ts";
import { AGENT_ID_BYTES, GENERATION_BYTES, STREAM_BYTES } from "./ids.ts";
import { MAX_PARTS } from "./limits.ts";
import { messageRef, OUTCOMES, sealedHead } from "./sealed.ts";
import { bytes, choice, fixed, flag, list, optional, type Shape, type ShapeValue, shape, text, uint } from "./shape.ts";

/** Where a message can stand, in rising order; see protocol/delivery/delivery-lattice. */
export const DELIVERY_STATES = [
  "queued",
  "accepted",
  "stored",
  "fetched",
  "working",
  "unconfirmed",
  "lost",
  "expired",
  "failed",
  "refused",
  "done",
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];
export const PROOF_KINDS = ["none", "statement", "notice", "receipt"] as const;

const agentId = fixed(AGENT_ID_BYTES);
const stream = fixed(STREAM_BYTES);
const digest = fixed(16);

const reset = shape("kept reset", {
  /** Number of the last group of records that the restatement contains. */
  group: uint,
  /** Highest arrival number given to a message. */
  arrival: uint,
});

/** Starts the records that became durable together. */
const group = shape("kept group", { number: uint });

const queued = shape("kept outgoing", {
  stream,
  /** First part; the others follow without a gap. */
  seq: uint,
  parts: uint,
  class: choice("mail", "receipt"),
  /** Empty while only the name is known. */
  to: bytes(AGENT_ID_BYTES),
  /** A name without its first `@`: `desk`, or `desk@relay.example`. */
  toName: text(300),
  /** Empty when no request of a client made it. */
  requestId: bytes(16),
  asks: flag,
  thread: fixed(16),
  depth: uint,
  auto: flag,
  inReplyTo: optional(messageRef.field),
  collapseKey: text(128),
  idempotencyKey: text(128),
  contentType: text(128),
  fileName: text(255),
  wholeBytes: uint,
  wholeHash: fixed(32),
  sentAtMs: uint,
  expiresAtMs: uint,
  /** Secret of the invite that this message accepts; empty for none. */
  invite: bytes(16),
});
export type KeptOutgoing = ShapeValue<typeof queued>;

const part = shape("kept part", { stream, seq: uint });
const sealed = shape("kept envelope", { stream, seq: uint, to: agentId, digest, bytes: uint });

/** Envelopes of one part that came before the one that counts and may be somewhere; the oldest are forgotten first. */
export const MAX_EARLIER = 8;

/** As `sealed`, and which of the agent's certificates it is signed under: a part is sealed anew when that will not hold. */
const sealedUnder = shape("kept signed envelope", {
  stream,
  seq: uint,
  to: agentId,
  digest,
  bytes: uint,
  /** SHA-256 of the certificate. */
  certificate: fixed(32),
  /** Digests of the envelopes before it, one after the other. */
  earlier: bytes(16 * MAX_EARLIER),
  /** One of those was refused because the recipient had destroyed its inbox key. */
  again: flag,
});
export type KeptSealedUnder = ShapeValue<typeof sealedUnder>;

/**
 * Nothing more is to be hoped of this envelope, and its part is sealed anew: the recipient destroyed the inbox key it was sealed to, or the
 * certificate it was signed under ended while it was under way to the recipient's relay.
 */
const keyRetired = shape("kept retired key", { stream, seq: uint, digest });

/** What proves one step: a statement for each part of the message at most, and the identity of who signed. */
export const MAX_STEP_EVIDENCE: number = MAX_PARTS + 1;

const step = shape("kept step", {
  stream,
  seq: uint,
  state: choice(...DELIVERY_STATES),
  atMs: uint,
  /** Who says so; empty for this agent itself. */
  by: bytes(AGENT_ID_BYTES),
  proof: choice(...PROOF_KINDS),
  detail: text(600),
  /** SHA-256 of each kept evidence that proves it, one after the other: what was signed, and the signer's identity. */
  evidence: bytes(32 * MAX_STEP_EVIDENCE),
});
export type KeptStep = ShapeValue<typeof step>;

const forgotten = shape("kept end of outgoing", { stream, seq: uint });

const received = shape("kept incoming", {
  from: agentId,
  stream,
  seq: uint,
  digest,
  generation: fixed(GENERATION_BYTES),
  position: uint,
  storedAtMs: uint,
  receivedAtMs: uint,
  expiresAtMs: uint,
  arrival: uint,
  fromName: text(32),
  /** The sealed head as sent, without the identity bundle. */
  head: sealedHead.field,
});
export type KeptIncoming = ShapeValue<typeof received>;

const started = shape("kept start", { from: agentId, stream, seq: uint, attempt: uint });

/** Where a received message waits: for handlers, after their failures, or for the owner's word on its sender. */
export const BOXES = ["contacts", "failed", "requests"] as const;
export type Box = (typeof BOXES)[number];

const put = shape("kept place", {
  from: agentId,
  stream,
  seq: uint,
  box: choice(...BOXES),
  arrival: uint,
  failures: uint,
  /** Starts of which nothing more was heard: the process ended in between. */
  crashes: uint,
  /** No handler sees it before. */
  notBeforeMs: uint,
});
export type KeptPlace = ShapeValue<typeof put>;

const completed = shape("kept completion", {
  from: agentId,
  stream,
  seq: uint,
  parts: uint,
  attempt: uint,
  outcome: choice(...OUTCOMES),
  atMs: uint,
});
export type KeptCompletion = ShapeValue<typeof completed>;

/** A sequence number that will never be handed over: a receipt that was read, mail that came too late. */
const passed = shape("kept passing", {
  from: agentId,
  stream,
  seq: uint,
  digest,
  expiresAtMs: uint,
  generation: fixed(GENERATION_BYTES),
  position: uint,
});
export type KeptPassing = ShapeValue<typeof passed>;

const settledDigest = shape("kept digest", { seq: uint, digest, attempt: uint });

/** A stream somebody sends on: which numbers are settled, and until when a replay must be recognised. */
const streamState = shape("kept stream", {
  from: agentId,
  stream,
  settled: list(list(uint, 2), 1024),
  floor: uint,
  maxExpiryMs: uint,
  digests: list(settledDigest.field, 64),
  /** Idempotency keys seen on it and the sequence number that took each. */
  keys: list(shape("kept key", { key: text(128), seq: uint }).field, 256),
});
export type KeptStream = ShapeValue<typeof streamState>;

const streamForgotten = shape("kept end of stream", { from: agentId, stream });

/** Positions of the relay's mailbox that need nothing more from us. */
const positions = shape("kept positions", { generation: fixed(GENERATION_BYTES), settled: list(list(uint, 2), 1024) });

/** The newest identity seen of a peer; older ones are refused from then on. The payload is the bundle. */
const peer = shape("kept peer", { id: agentId, logSeq: uint, logHead: fixed(32), recordVersion: uint, seenAtMs: uint });

/** A name, with its relay's host when that is not the own one, and whom it meant the first time it was used. */
const peerName = shape("kept name", { name: text(300), id: agentId, seenAtMs: uint });

/** A relay by the host people write behind the second `@`, and who answered there the first time. */
const relayName = shape("kept relay", { host: text(260), relayId: agentId, url: text(512), seenAtMs: uint });

/** How somebody came to stand in the list: accepted our invite, was taken in by us, was written to, or was added or blocked by hand. */
export const CONTACT_ORIGINS = ["invite", "accepted", "written-to", "added"] as const;
export const STANDINGS = ["none", "contact", "blocked"] as const;

/** What this agent's owner thinks of another: the newest counts. */
const contact = shape("kept contact", {
  id: agentId,
  standing: choice(...STANDINGS),
  /** What the owner calls it, or the name it came with. */
  name: text(300),
  /** Its home as an invite said, until its own signed record is known: relay id (32 bytes or empty) and address. */
  homeId: bytes(AGENT_ID_BYTES),
  homeUrl: text(512),
  how: choice(...CONTACT_ORIGINS),
  atMs: uint,
});
export type KeptContact = ShapeValue<typeof contact>;

/** An invite this agent gave out: SHA-256 of its secret. 0 uses left takes it back. */
const invite = shape("kept invite", { hash: fixed(32), label: text(128), expiresAtMs: uint, usesLeft: uint, atMs: uint });
export type KeptInvite = ShapeValue<typeof invite>;

/** What strangers' mail does, and the version of the list the relay is told, with the hash of what that version says. */
const policy = shape("kept policy", { strangers: choice("wait", "welcome"), listVersion: uint, listHash: fixed(16) });
export type KeptPolicy = ShapeValue<typeof policy>;

/** Automatic mail of a thread with a peer was paused by the loop guard, or goes on. A thread of zeros means every thread with that peer. */
const paused = shape("kept pause", { thread: fixed(16), peer: agentId, paused: flag, why: text(300), atMs: uint });
export type KeptPause = ShapeValue<typeof paused>;

/** Bytes that prove steps; the payload is an evidence item of protocol/evidence.md, kept while a step names its hash. */
const evidence = shape("kept evidence", { hash: fixed(32) });

/** Two statements of a relay that cannot both be true; the payload is the evidence item. */
const conflict = shape("kept conflict", { relayId: agentId, number: uint, atMs: uint, hash: fixed(32), bundle: fixed(32) });
export type KeptConflict = ShapeValue<typeof conflict>;

/** The newest attach pass an instance of this agent has from a relay. */
const pass = shape("kept pass", { relayId: agentId, instanceKey: fixed(32), pass: bytes(MAX_PASS_BYTES) });

/** What each kind of record says. */
export const KEPT_SHAPES = {
  reset,
  group,
  queued,
  part,
  sealed,
  step,
  forgotten,
  received,
  started,
  put,
  completed,
  passed,
  stream: streamState,
  streamForgotten,
  positions,
  peer,
  peerName,
  relayName,
  contact,
  invite,
  policy,
  paused,
  evidence,
  conflict,
  pass,
  sealedUnder,
  keyRetired,
} as const;
export type KeptKind = keyof typeof KEPT_SHAPES;

/** In the order of their numbers on disk; new kinds are only ever added at the end. */
export const KEPT_KINDS = Object.keys(KEPT_SHAPES) as readonly KeptKind[];

export type KeptHead<Kind extends KeptKind> = ShapeValue<(typeof KEPT_SHAPES)[Kind]>;
/** One record: what happened, and where its payload lies if it has one. */
export type Kept = { readonly [Kind in KeptKind]: { readonly kind: Kind; readonly head: KeptHead<Kind> } }[KeptKind];

export interface PayloadAt {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

export interface KeptRecord {
  readonly kept: Kept;
  /** Set when the record restates an earlier one whose payload lies there. */
  readonly restated: PayloadAt | undefined;
  readonly payload: Bytes;
}

const FIXED_BYTES = 6;
const LOCATION_BYTES = 24;
const RESTATED = 1;

export function encodeKept(kept: Kept, payload: Bytes | undefined, restated?: PayloadAt): Bytes {
  const head = (KEPT_SHAPES[kept.kind] as unknown as Shape<unknown>).encode(kept.head);
  const start = FIXED_BYTES + (restated === undefined ? 0 : LOCATION_BYTES);
  const record = new Uint8Array(start + head.length + (payload?.length ?? 0));
  record[0] = KEPT_KINDS.indexOf(kept.kind);
  record[1] = restated === undefined ? 0 : RESTATED;
  putU32(record, 2, head.length);
  if (restated !== undefined) {
    putU64(record, FIXED_BYTES, restated.segment);
    putU64(record, FIXED_BYTES + 8, restated.offset);
    putU64(record, FIXED_BYTES + 16, restated.length);
  }
  record.set(head, start);
  if (payload !== undefined) record.set(payload, start + head.length);
  return record;
}

/** Reads one record; `malformed` when it is none of ours, `needs-newer-version` for a kind of a later version. */
export function decodeKept(record: Bytes): KeptRecord {
  if (record.length < FIXED_BYTES) malformed("shorter than its header");
  const kind = KEPT_KINDS[record[0] as number];
  if (kind === undefined)
    throw new PerdureError("needs-newer-version", `a record of kind ${record[0]} is unknown`, {
      hint: "A newer perdure wrote this folder; update this one.",
    });
  const restated = record[1] === RESTATED;
  if (!restated && record[1] !== 0) malformed("unknown flags");
  const start = FIXED_BYTES + (restated ? LOCATION_BYTES : 0);
  const end = start + u32At(record, 2);
  if (end > record.length) malformed("its head is cut off");
  // A copy, so that what is kept of the head does not keep the payload in memory.
  const head = (KEPT_SHAPES[kind] as unknown as Shape<unknown>).decode(record.slice(start, end));
  return {
    kept: { kind, head } as Kept,
    restated: restated ? { segment: number(record, 6), offset: number(record, 14), length: number(record, 22) } : undefined,
    payload: record.subarray(end),
  };
}

function number(record: Bytes, at: number): number {
  return u64At(record, at) ?? malformed("a location beyond 2^53 - 1");
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `kept record: ${why}`);
}

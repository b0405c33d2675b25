/**
 * What a relay keeps in its log. A record is one byte of kind and what the kind says; `mail` has a fixed layout, the others
 * are deterministic CBOR arrays.
 *
 *   mail      0  1  kind, 1
 *             1  8  link               zero in a notice of the relay's own
 *             9  8  link sequence      zero in a notice of the relay's own
 *            17  8  position in the mailbox of the envelope's recipient
 *            25  8  time it was stored, milliseconds since 1970
 *            33  …  envelope
 *
 *   routed    kind 14, the same with 32 bytes before the envelope: the relay whose mailbox here it waits in, to be passed on
 *   relayed   kind 15, the same with 32 bytes before the envelope: the relay it came from
 *
 * Reading the records of all segments in order gives the relay's state. Every kind may be read again on top of a state that
 * already has it: numbers only rise, sets only grow, and the newest registration is read last.
 */
import { type Bytes, putU64, u64At, type Writing } from "./bytes.ts";
import { CONTACT_ENTRY_BYTES, MAX_LISTED_CONTACTS } from "./control.ts";
import { PerdureError } from "./error.ts";
import { AGENT_ID_BYTES, GENERATION_BYTES, LINK_BYTES } from "./ids.ts";
import { MAX_CONTROL_BYTES, MAX_LINK_REFUSALS } from "./limits.ts";
import { bytes, choice, fixed, flag, list, optional, type Shape, type ShapeValue, shape, text, uint } from "./shape.ts";
import { LEAF_MESSAGES, PEER_LEAF_MESSAGES } from "./statement.ts";

const agentId = fixed(32);
const link = fixed(LINK_BYTES);
const range = list(uint, 2);

/** Ranges of one settled record; more take more records. */
export const KEPT_RANGES = 512;
/** Leaves of one statement. */
export const STATEMENT_LEAVES = 256;
/** Refusals remembered per link: as many as a sender may have unacknowledged. */
export const KEPT_REFUSALS: number = MAX_LINK_REFUSALS;

/** Drawn at every start, durable before the first delivery of that start. */
export const keptStart = shape("start", { generation: fixed(GENERATION_BYTES), atMs: uint });

/** Frozen: two logs of it contradict each other. Retired: its owner ended it. */
export const AGENT_STANDINGS = ["open", "frozen", "retired"] as const;
export type AgentStanding = (typeof AGENT_STANDINGS)[number];

export const keptRegistration = shape(
  "registration",
  {
    agentId,
    name: optional(text(32)),
    recordVersion: uint,
    standing: choice(...AGENT_STANDINGS),
    /** An encoded identity bundle, verified when it came. */
    bundle: bytes(MAX_CONTROL_BYTES),
  },
  MAX_CONTROL_BYTES + 1024,
);

/** Mail of a link that was not taken; its link sequence number is used up. */
export const keptRefusal = shape("refusal", { sender: agentId, link, linkSeq: uint });

/** The consumer epoch of a mailbox rose. */
export const keptEpoch = shape("epoch", { agentId, epoch: uint });

/** Positions released by a settle that counted: current generation and epoch, at or below the synced tail. */
export const keptSettled = shape("settled", { agentId, ranges: list(range, KEPT_RANGES) });

export const ENDINGS = ["expired", "lost"] as const;
export type Ending = (typeof ENDINGS)[number];

/** A position that came to its end at this relay without a settle. */
export const keptEnding = shape("ending", { agentId, position: uint, ending: choice(...ENDINGS) });

/** A signed statement and its leaves, in the order of the Merkle tree. */
export const keptStatement = shape(
  "kept statement",
  {
    statement: bytes(1024),
    signature: fixed(64),
    leaves: list(bytes(256), STATEMENT_LEAVES),
  },
  STATEMENT_LEAVES * 256 + 4096,
);

/** Restated: how far a mailbox got. */
export const keptMailbox = shape("mailbox", { agentId, nextPosition: uint, epoch: uint });

/** Restated: how far a link got. */
export const keptLink = shape("kept link", { sender: agentId, link, upTo: uint, refused: list(uint, KEPT_REFUSALS) });

/** Restated: messages of one link that no statement covers yet. */
export const keptPending = shape("pending leaf", {
  sender: agentId,
  link,
  firstSeq: uint,
  lastSeq: uint,
  refused: list(uint, KEPT_REFUSALS),
  digests: bytes(LEAF_MESSAGES * 16),
  /** Who wrote each, 32 bytes, when the sender is another relay. */
  writers: bytes(PEER_LEAF_MESSAGES * 32),
});

/** Restated: where the chain of statements stands. */
export const keptHead = shape("statement head", { number: uint, hash: fixed(32) });

/** A proof with the digests of a whole leaf between relays. */
export const MAX_KEPT_PROOF_BYTES = 4096;

/** Restated: a proof that its sender may not have received. */
export const keptProof = shape("kept proof", { sender: agentId, number: uint, proof: bytes(MAX_KEPT_PROOF_BYTES) });

/** A proof of another relay that several agents here may not have received: their mailboxes (32 bytes each). */
export const keptVouched = shape(
  "kept vouched",
  { senders: bytes(PEER_LEAF_MESSAGES * AGENT_ID_BYTES), number: uint, proof: bytes(MAX_KEPT_PROOF_BYTES) },
  MAX_KEPT_PROOF_BYTES + PEER_LEAF_MESSAGES * AGENT_ID_BYTES + 64,
);

/** Another relay: where it is said to be, the one that answered last first, and its newest verified bundle (empty before it was met). */
export const keptPeer = shape(
  "kept peer",
  { relayId: agentId, urls: list(text(512), 4), bundle: bytes(16 * 1024), seenAtMs: uint },
  24 * 1024,
);

/** The newest contact list of an agent; see the frame `contacts`. */
export const keptContacts = shape("kept contacts", {
  agentId,
  version: uint,
  open: flag,
  contacts: bytes(CONTACT_ENTRY_BYTES * MAX_LISTED_CONTACTS),
  blocked: bytes(8 * MAX_LISTED_CONTACTS),
});

/** A registration ticket: SHA-256 of its text, and how often it may still be used; 0 takes it back. */
export const keptTicket = shape("ticket", { hash: fixed(32), expiresAtMs: uint, usesLeft: uint });

/** An agent or a relay its owner turns away, or no longer. */
export const keptBan = shape("ban", { agentId, banned: flag, why: text(256), atMs: uint });

/**
 * How far the attach passes of one instance got: a number that was given, whether the instance has shown that it has that one, which uses
 * up those before, and since when the instance may not read its mailbox because a used one was shown again (0 when it may). The highest
 * numbers of both kinds count.
 */
export const keptPass = shape("pass", { agentId, instanceKey: fixed(32), given: uint, confirmed: flag, clonedAtMs: uint });

/** What this relay makes attach passes with, drawn at its first start. */
export const keptPassKey = shape("pass key", { key: fixed(32) });

/** Restated: the tickets and bans that follow are all there are; what was read of them before counts no more. */
export const keptDoors = shape("doors", { tickets: uint, bans: uint });

/**
 * Restated: the relays of which the newest `peers` records speak are all there are. What was read before of mail that waits for another is
 * over, and positions below `floor` are given to no relay that is met anew.
 */
export const keptRoutes = shape("routes", { floor: uint, peers: uint });

/** Number and shape of each kind of record but mail. */
export const RELAY_RECORDS = {
  start: [2, keptStart],
  registration: [3, keptRegistration],
  refusal: [4, keptRefusal],
  epoch: [5, keptEpoch],
  settled: [6, keptSettled],
  ending: [7, keptEnding],
  statement: [8, keptStatement],
  mailbox: [9, keptMailbox],
  link: [10, keptLink],
  pending: [11, keptPending],
  head: [12, keptHead],
  proof: [13, keptProof],
  peer: [16, keptPeer],
  contacts: [17, keptContacts],
  ticket: [18, keptTicket],
  ban: [19, keptBan],
  doors: [20, keptDoors],
  routes: [21, keptRoutes],
  pass: [22, keptPass],
  passKey: [23, keptPassKey],
  vouched: [24, keptVouched],
} as const;

type Kinds = typeof RELAY_RECORDS;
export type KeptKind = keyof Kinds;
export type KeptValue<Kind extends KeptKind> = ShapeValue<Kinds[Kind][1]>;
export type KeptRecord =
  | { readonly kind: "mail"; readonly mail: KeptMail }
  | { readonly [Kind in KeptKind]: { readonly kind: Kind; readonly value: KeptValue<Kind> } }[KeptKind];

const MAIL = 1;
const ROUTED = 14;
const RELAYED = 15;
/** Bytes of a mail record before its envelope. */
export const KEPT_MAIL_HEADER_BYTES = 33;

export interface KeptMail {
  readonly link: Bytes;
  readonly linkSeq: number;
  readonly position: number;
  readonly storedAtMs: number;
  readonly envelope: Bytes;
  /** The relay whose mailbox it waits in, to be passed on; absent when it waits for the envelope's recipient. */
  readonly routedTo?: Bytes | undefined;
  /** The relay it came from; absent when an agent of this relay, or the relay itself, wrote it. */
  readonly relayedBy?: Bytes | undefined;
}

/** Mail is never both: a relay passes on only what its own agents wrote, or its own notices. */
export function encodeKeptMail(mail: KeptMail): Writing {
  return new MailRecord(mail);
}

/** Holds the parts, and not what they came in: one object less for every message. */
class MailRecord implements Writing {
  readonly length: number;
  readonly #kind: number;
  readonly #link: Bytes;
  readonly #linkSeq: number;
  readonly #position: number;
  readonly #storedAtMs: number;
  readonly #party: Bytes | undefined;
  readonly #envelope: Bytes;

  constructor({ link, linkSeq, position, storedAtMs, envelope, routedTo, relayedBy }: KeptMail) {
    this.#kind = routedTo !== undefined ? ROUTED : relayedBy !== undefined ? RELAYED : MAIL;
    this.#link = link;
    this.#linkSeq = linkSeq;
    this.#position = position;
    this.#storedAtMs = storedAtMs;
    this.#party = routedTo ?? relayedBy;
    this.#envelope = envelope;
    this.length = KEPT_MAIL_HEADER_BYTES + (this.#party?.length ?? 0) + envelope.length;
  }

  writeTo(bytes: Bytes, at: number): void {
    const link = this.#link;
    bytes[at] = this.#kind;
    // Of so few bytes a call would take longer.
    for (let index = 0; index < LINK_BYTES; index++) bytes[at + 1 + index] = link[index] as number;
    putU64(bytes, at + 9, this.#linkSeq);
    putU64(bytes, at + 17, this.#position);
    putU64(bytes, at + 25, this.#storedAtMs);
    if (this.#party !== undefined) bytes.set(this.#party, at + KEPT_MAIL_HEADER_BYTES);
    bytes.set(this.#envelope, at + this.length - this.#envelope.length);
  }
}

/** Where in `bytes` the envelope of a mail record begins that lies there from `at` on; -1 when it is none. */
export function keptEnvelopeAt(bytes: Bytes, at: number, length: number): number {
  const kind = bytes[at];
  const start = KEPT_MAIL_HEADER_BYTES + (kind === MAIL ? 0 : AGENT_ID_BYTES);
  return (kind === MAIL || kind === ROUTED || kind === RELAYED) && length >= start ? at + start : -1;
}

/** Reads a mail record in place. */
export function decodeKeptMail(record: Bytes): KeptMail {
  const kind = record[0];
  const party = kind === ROUTED || kind === RELAYED;
  const start = KEPT_MAIL_HEADER_BYTES + (party ? AGENT_ID_BYTES : 0);
  if (record.length < start || !(kind === MAIL || party)) malformed("not a mail record");
  const linkSeq = u64At(record, 9);
  const position = u64At(record, 17);
  const storedAtMs = u64At(record, 25);
  if (linkSeq === undefined || position === undefined || position === 0 || storedAtMs === undefined) malformed("a number outside 2^53 - 1");
  const named = party ? record.subarray(KEPT_MAIL_HEADER_BYTES, start) : undefined;
  return {
    link: record.subarray(1, 1 + LINK_BYTES),
    linkSeq,
    position,
    storedAtMs,
    envelope: record.subarray(start),
    routedTo: kind === ROUTED ? named : undefined,
    relayedBy: kind === RELAYED ? named : undefined,
  };
}

export function encodeKept<Kind extends KeptKind>(kind: Kind, value: KeptValue<Kind>): Bytes {
  const [number, shapeOf] = RELAY_RECORDS[kind];
  const encoded = (shapeOf as unknown as Shape<KeptValue<Kind>>).encode(value, 1);
  encoded[0] = number;
  return encoded;
}

const KIND_OF: ReadonlyMap<number, KeptKind> = new Map(Object.entries(RELAY_RECORDS).map(([kind, [number]]) => [number, kind as KeptKind]));

/** Reads any record; `needs-newer-version` for a kind this version does not know. */
export function decodeKept(record: Bytes): KeptRecord {
  if (record[0] === MAIL || record[0] === ROUTED || record[0] === RELAYED) return { kind: "mail", mail: decodeKeptMail(record) };
  const kind = KIND_OF.get(record[0] ?? 0);
  if (kind === undefined) {
    throw new PerdureError("needs-newer-version", `the relay's log has a record of kind ${record[0]}`, {
      hint: "A newer perdure wrote this folder; open it with that one.",
    });
  }
  return { kind, value: (RELAY_RECORDS[kind][1] as Shape<unknown>).decode(record.subarray(1)) } as KeptRecord;
}

export function isKeptStatement(record: Bytes): boolean {
  return record[0] === RELAY_RECORDS.statement[0];
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `relay log: ${why}`);
}

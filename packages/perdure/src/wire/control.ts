/**
 * Control frames of a session between an agent and a relay, or between two relays.
 *
 *   agent                                   relay
 *   hello      ->
 *                                       <-  challenge   (signed over hello and challenge)
 *   proof      ->                                       (signed over everything so far)
 *                                       <-  welcome
 *   mail, settle, lookup, publish,
 *   confirm, route, contacts, ping      ->
 *                                       <-  deliver, ack, refuse, position, statement, found, published, pong
 *   goodbye    <->                                      (every close has a listed cause)
 *
 * Where the welcome says so, other agents of the dialling process may join, each on a channel of its own:
 *
 *   join       ->                                       (signed over the handshake of the connection and the channel)
 *                                       <-  welcome
 *
 * A relay that dials another says role `relay` in its hello and proves an instance with scope `relay`. Such a session carries
 * mail both ways: the link of the proof is the dialler's, the one who was called names its own in `offer` and is
 * answered with `resume`.
 *
 *   dialling relay                          called relay
 *   hello … welcome as above; then
 *                                       <-  offer       (when it has mail for the dialler)
 *   resume     ->
 *   mail, ack, refuse, statement, lookup, found, ping, pong, goodbye <->
 */

import { type Bytes, putU64, u16At, u32At, u64At } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { AGENT_ID_BYTES, GENERATION_BYTES, LINK_BYTES } from "./ids.ts";
import { MAX_CONTROL_BYTES, MAX_LINK_REFUSALS, MAX_SETTLE_RANGES } from "./limits.ts";
import { bytes, choice, extensions, fixed, flag, list, optional, type ShapeValue, shape, text, uint } from "./shape.ts";

const agentId = fixed(32);
const nonce = fixed(32);
const ephemeralKey = fixed(32);
const relayId = fixed(32);
const generation = fixed(GENERATION_BYTES);
const link = fixed(LINK_BYTES);

/** How transport messages of a session are protected: `none` on loopback and local sockets, `mac` everywhere else. */
export const SESSION_MODES = ["none", "mac"] as const;
export type SessionMode = (typeof SESSION_MODES)[number];

/** Who dials: an agent whose relay this is, or another relay. */
export const ROLES = ["agent", "relay"] as const;
export type Role = (typeof ROLES)[number];

/** Bytes of an attach pass at most; what is in it is the relay's own affair. */
export const MAX_PASS_BYTES = 64;

export const RETRY_WORDS = ["never", "now", "after"] as const;

export const hello = shape("hello", {
  versions: list(uint, 8),
  modes: list(choice(...SESSION_MODES), 4),
  role: choice(...ROLES),
  agentId,
  /** The relay the agent means; 32 zero bytes on first use of an address without a pinned id. */
  expectedRelayId: agentId,
  nonce,
  ephemeralKey,
  extensions: extensions(),
});
export type Hello = ShapeValue<typeof hello>;

export const challenge = shape("challenge", {
  version: uint,
  mode: choice(...SESSION_MODES),
  relayId: agentId,
  nonce,
  ephemeralKey,
  relayTimeMs: uint,
  /** An encoded identity bundle of the relay. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** By the relay's instance key, over the transcript up to here. */
  signature: bytes(64),
  extensions: extensions(),
});
export type Challenge = ShapeValue<typeof challenge>;

export const proof = shape("proof", {
  /** An encoded identity bundle of the agent. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** Drawn at each opening of the outbox; link sequence numbers start at 1 with it. */
  link,
  /** Whether this session consumes the mailbox; attaching as consumer fences the one before. */
  consume: flag,
  /** The last position the agent has on its own disk: deliveries start after it when the generation still holds. */
  haveGeneration: generation,
  havePosition: uint,
  /** What lets an agent register at a relay that asks for it; empty when there is none, or none is needed. */
  ticket: text(64),
  /** The newest attach pass this instance has on its disk from this relay; empty when it never had one. */
  pass: bytes(MAX_PASS_BYTES),
  /** By the agent's instance key, over the whole transcript. */
  signature: bytes(64),
  extensions: extensions(),
});
export type Proof = ShapeValue<typeof proof>;

/** One more agent on a connection whose handshake is over: all that a proof says, bound to that connection and one channel of it. */
export const join = shape("join", {
  agentId,
  bundle: bytes(MAX_CONTROL_BYTES),
  link,
  consume: flag,
  haveGeneration: generation,
  havePosition: uint,
  ticket: text(64),
  pass: bytes(MAX_PASS_BYTES),
  /** By the agent's instance key, over the transcript of the connection, the channel and this frame. */
  signature: bytes(64),
  extensions: extensions(),
});
export type Join = ShapeValue<typeof join>;

export const welcome = shape("welcome", {
  relayTimeMs: uint,
  generation,
  /** Consumer epoch of this session; 0 when it does not consume. */
  epoch: uint,
  /** Highest synced position of the mailbox. */
  tail: uint,
  /** Every position up to here is settled. */
  settledFloor: uint,
  /** Link sequence number up to which the relay has durably taken or refused what this link sent. */
  linkUpTo: uint,
  /** Link sequence numbers at or below `linkUpTo` that were refused and not stored. */
  linkRefused: list(uint, MAX_LINK_REFUSALS),
  /** Frames of mail the agent may have unacknowledged. */
  windowFrames: uint,
  /** Bytes of mail the agent may have unacknowledged. */
  windowBytes: uint,
  /** The agent says something at least this often. */
  pingEveryMs: uint,
  /** Version of the contact list the relay has of this agent; 0 when it has none. */
  contactsVersion: uint,
  /** What this instance must show at its next attach; mail follows its `confirm`, which uses up all before it. Empty without `consume`. */
  pass: bytes(MAX_PASS_BYTES),
  extensions: extensions(),
});
export type Welcome = ShapeValue<typeof welcome>;

/**
 * Extension of a welcome on channel 0: how many agents may share the connection, the first one included, as u16. Without it nobody
 * may join.
 */
export const SHARED_BY = 1;

/** The agent's answer to a welcome: the new attach pass is durable on its side. */
export const confirm = shape("confirm", { pass: bytes(MAX_PASS_BYTES) });

/** Which limit was hit: its name in the settings register, its value there, and how much of it is left now. */
export const limitSaid = shape("limit", { name: text(64), value: uint, remaining: uint });

/** One message was not taken. Never final by itself: the sender keeps it and acts on `retry`. */
export const refuse = shape("refuse", {
  linkSeq: uint,
  code: text(64),
  retry: choice(...RETRY_WORDS),
  /** With retry `after`: when trying again makes sense; for a limit, when there is room again. */
  afterMs: uint,
  limit: optional(limitSaid.field),
  hint: text(512),
});
export type Refuse = ShapeValue<typeof refuse>;

/** Releases messages: everything up to `floor`, and the ranges above it (first, last). */
export const settle = shape("settle", {
  generation,
  epoch: uint,
  floor: uint,
  ranges: list(list(uint, 2), MAX_SETTLE_RANGES),
});

/** The relay's answer to a settle, and what it says when a settle named another generation or epoch. */
export const position = shape("position", { generation, epoch: uint, settledFloor: uint, tail: uint });

export const lookup = shape("lookup", {
  request: uint,
  /** 32 bytes of an agent id, or the UTF-8 of a name without `@`. */
  what: choice("agent", "name"),
  key: bytes(64),
  /** The relay to ask, which a `route` frame has said the way to; empty for the relay of this session itself. */
  at: bytes(32),
});
export type Lookup = ShapeValue<typeof lookup>;

export const found = shape("found", {
  request: uint,
  /** An encoded identity bundle; empty when there is none to show. */
  bundle: bytes(MAX_CONTROL_BYTES),
  /** Empty with a bundle; else why there is none: `unknown-agent`, or what kept the other relay from answering. */
  code: text(64),
});

/** A new identity bundle of the agent of this session. */
export const publish = shape("publish", { bundle: bytes(MAX_CONTROL_BYTES) });

/**
 * The relay's answer to a `publish`: what it holds of the agent durably, and why not what was published (`code`, empty when it was
 * taken): `record-rolled-back` when it holds a longer log, `identity-forked` when it holds a rival one. `bundle` is then what it holds.
 */
export const published = shape("published", {
  logSeq: uint,
  logHead: fixed(32),
  recordVersion: uint,
  code: text(64),
  bundle: bytes(MAX_CONTROL_BYTES),
});
export type Published = ShapeValue<typeof published>;

/** Where a relay is said to be. Whoever answers there must prove that id before it is told anything. */
export const route = shape("route", { relayId, url: text(512) });
export type Route = ShapeValue<typeof route>;

/** Bytes of one entry of a contact list: the first 8 of the agent's id and the first 8 of its home relay's id. */
export const CONTACT_ENTRY_BYTES = 16;
/** Entries of each list in a `contacts` frame. */
export const MAX_LISTED_CONTACTS = 1024;

/**
 * Whom an agent knows, so that its relay can keep room for them and turn others away: the whole list each time. A sender
 * is in a contact's lane only when its mail comes from the home that stands beside it.
 */
export const contacts = shape("contacts", {
  /** Rises with each change. */
  version: uint,
  /** Strangers may use the whole mailbox: the agent takes mail from anybody. */
  open: flag,
  contacts: bytes(CONTACT_ENTRY_BYTES * MAX_LISTED_CONTACTS),
  /** First 8 bytes of each id that is turned away. */
  blocked: bytes(8 * MAX_LISTED_CONTACTS),
});
export type Contacts = ShapeValue<typeof contacts>;

/** From the relay that was called: the link it sends mail for the dialler on. */
export const offer = shape("offer", { link });
export type Offer = ShapeValue<typeof offer>;

/** The answer to an offer: how far that link has come, and how much may be under way on it. */
export const resume = shape("resume", {
  link,
  linkUpTo: uint,
  linkRefused: list(uint, MAX_LINK_REFUSALS),
  windowFrames: uint,
  windowBytes: uint,
});
export type Resume = ShapeValue<typeof resume>;

export const ping = shape("ping", { nonce: uint });
export const pong = shape("pong", { nonce: uint, timeMs: uint });

/** Why the connection is being closed. Both sides send it before they close; nobody closes for an unlisted cause. */
export const goodbye = shape("goodbye", {
  code: text(64),
  retry: choice(...RETRY_WORDS),
  afterMs: uint,
  limit: optional(limitSaid.field),
  why: text(512),
  hint: text(512),
});
export type Goodbye = ShapeValue<typeof goodbye>;

/** The same in version 0: what a caller of that version can still read. */
export const goodbyeOfVersion0 = shape("goodbye of version zero", {
  code: text(64),
  retry: choice(...RETRY_WORDS),
  afterMs: uint,
  why: text(512),
  hint: text(512),
});

/*
 * The three frames of the hot path have fixed layouts.
 *
 *   mail      0  8  link sequence number, from 1, gapless per link
 *             8  1  hop limit
 *             9  1  1 when the id of the recipient's home relay follows, else 0: the mailbox is at the relay itself
 *            10  6  reserved, 0
 *       16 | 48  …  [home relay id, 32] envelope
 *
 *   deliver   0  8  generation
 *             8  8  position in the mailbox, from 1, gapless per mailbox
 *            16  8  time the relay stored it, milliseconds since 1970
 *            24  …  envelope
 *
 *   ack       0  8  link sequence number up to which everything is durably stored or was refused
 */

export const MAIL_HEADER_BYTES = 16;
export const DELIVER_HEADER_BYTES = 24;
export const DEFAULT_HOP_LIMIT = 8;

export interface MailFrame {
  readonly linkSeq: number;
  readonly hopLimit: number;
  /** Id of the relay that has the recipient's mailbox, 32 bytes; absent when that is the relay the frame goes to. */
  readonly home?: Bytes | undefined;
  readonly envelope: Bytes;
}

export function mailBytes({ home, envelope }: MailFrame): number {
  return MAIL_HEADER_BYTES + (home?.length ?? 0) + envelope.length;
}

export function encodeMail(frame: MailFrame): Bytes {
  const payload = new Uint8Array(mailBytes(frame));
  putMail(payload, 0, frame);
  return payload;
}

/** Makes that payload in `bytes` from `at` on; what lies there is written over. */
export function putMail(bytes: Bytes, at: number, { linkSeq, hopLimit, home, envelope }: MailFrame): void {
  const rest = at + MAIL_HEADER_BYTES;
  bytes.fill(0, at, rest);
  putU64(bytes, at, linkSeq);
  bytes[at + 8] = hopLimit;
  if (home === undefined) return bytes.set(envelope, rest);
  bytes[at + 9] = 1;
  bytes.set(home, rest);
  bytes.set(envelope, rest + home.length);
}

/** Reads the payload that is `bytes` from `at` to before `end`; home and envelope are views of it. */
export function decodeMail(bytes: Bytes, at = 0, end: number = bytes.length): MailFrame {
  if (end - at < MAIL_HEADER_BYTES) malformed("mail", "cut off");
  const linkSeq = u64At(bytes, at);
  if (linkSeq === undefined || linkSeq === 0) malformed("mail", "link sequence number outside 1 to 2^53 - 1");
  const route = bytes[at + 9] as number;
  if (route > 1 || u16At(bytes, at + 10) !== 0 || u32At(bytes, at + 12) !== 0) malformed("mail", "reserved bytes are not zero");
  const hopLimit = bytes[at + 8] as number;
  const rest = at + MAIL_HEADER_BYTES;
  if (route === 0) return { linkSeq, hopLimit, home: undefined, envelope: bytes.subarray(rest, end) };
  const start = rest + AGENT_ID_BYTES;
  if (end < start) malformed("mail", "cut off");
  return { linkSeq, hopLimit, home: bytes.subarray(rest, start), envelope: bytes.subarray(start, end) };
}

export interface DeliverFrame {
  readonly generation: Bytes;
  readonly position: number;
  readonly storedAtMs: number;
  readonly envelope: Bytes;
}

export function encodeDeliver({ generation, position, storedAtMs, envelope }: DeliverFrame): Bytes {
  const payload = new Uint8Array(DELIVER_HEADER_BYTES + envelope.length);
  putDeliver(payload, 0, generation, position, storedAtMs, envelope);
  return payload;
}

/** Makes that payload in `bytes` from `at` on. */
export function putDeliver(bytes: Bytes, at: number, generation: Bytes, position: number, storedAtMs: number, envelope: Bytes): void {
  for (let index = 0; index < GENERATION_BYTES; index++) bytes[at + index] = generation[index] as number;
  putU64(bytes, at + 8, position);
  putU64(bytes, at + 16, storedAtMs);
  bytes.set(envelope, at + DELIVER_HEADER_BYTES);
}

export function decodeDeliver(payload: Bytes): DeliverFrame {
  if (payload.length < DELIVER_HEADER_BYTES) malformed("deliver", "cut off");
  const at = u64At(payload, 8);
  const storedAtMs = u64At(payload, 16);
  if (at === undefined || at === 0 || storedAtMs === undefined) malformed("deliver", "position or time outside 2^53 - 1");
  return { generation: payload.subarray(0, GENERATION_BYTES), position: at, storedAtMs, envelope: payload.subarray(DELIVER_HEADER_BYTES) };
}

export function encodeAck(upTo: number): Bytes {
  const payload = new Uint8Array(8);
  putU64(payload, 0, upTo);
  return payload;
}

export function decodeAck(payload: Bytes): number {
  const upTo = payload.length === 8 ? u64At(payload, 0) : undefined;
  return upTo ?? malformed("ack", "not a number up to 2^53 - 1");
}

function malformed(frame: string, why: string): never {
  throw new PerdureError("malformed", `${frame}: ${why}`);
}

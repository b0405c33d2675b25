/** Identity as it travels: log events, instance certificates, agent records, and the bundle of all three. */
import { type Bytes, utf8 } from "./bytes.ts";
import { AGENT_ID_BYTES, KEY_ID_BYTES } from "./ids.ts";
import { MAX_CONTROL_BYTES, MAX_EVENT_BYTES, MAX_LOG_EVENTS } from "./limits.ts";
import { bytes, choice, extensions, fixed, list, optional, type ShapeValue, shape, text, uint } from "./shape.ts";

/** What a signature is for. The tag is the first thing signed, so that no signature can be used for another purpose. */
export const DOMAINS = {
  agentId: utf8("perdure/agent-id/1"),
  event: utf8("perdure/event/1"),
  nextKey: utf8("perdure/next-key/1"),
  recovery: utf8("perdure/recovery/1"),
  certificate: utf8("perdure/certificate/1"),
  record: utf8("perdure/record/1"),
  handshake: utf8("perdure/handshake/1"),
  seal: utf8("perdure/seal/1"),
  sealMany: utf8("perdure/seal-many/1"),
  inner: utf8("perdure/inner/1"),
  statement: utf8("perdure/statement/1"),
  notice: utf8("perdure/notice/1"),
  evidence: utf8("perdure/evidence/1"),
} as const;
export type Domain = keyof typeof DOMAINS;

const publicKey = fixed(32);
const signature = fixed(64);
const hash = fixed(32);
const agentId = fixed(AGENT_ID_BYTES);

/** Kinds of log events. At `recover` and later ones this version stops with `needs-newer-verifier`: they are reserved. */
export const EVENT_KINDS = [
  "reserved",
  "inception",
  "rotate",
  "instance-revoke",
  "home-set",
  "anchor",
  "retire",
  "recover",
  "veto",
  "fork-resolve",
  "witnesses",
] as const;

export const identityEvent = shape(
  "event",
  {
    version: uint,
    kind: uint,
    /** Empty in the inception: the id is the hash of that event. */
    agentId: bytes(AGENT_ID_BYTES),
    seq: uint,
    /** SHA-256 of the previous event's bytes; 32 zero bytes in the inception. */
    previous: hash,
    controlKeys: list(publicKey, 16),
    controlThreshold: uint,
    /** Of each key of the next set: SHA-256 over the domain `nextKey`, its public key, and the commitment to the key that follows it. */
    nextCommitments: list(hash, 16),
    nextThreshold: uint,
    /** SHA-256 over the domain `recovery` and the blinded guardian policy; of 32 random bytes when there is none yet. */
    recoveryCommitment: hash,
    witnessThreshold: uint,
    witnesses: list(agentId, 16),
    /** Kind-specific. */
    body: bytes(2048),
    claimedAtMs: uint,
    extensions: extensions(),
  },
  MAX_EVENT_BYTES,
);
export type IdentityEvent = ShapeValue<typeof identityEvent>;

/** Body of a `rotate`, signed by the keys the log committed to before; its next commitments are those these keys were bound to. */
export const rotateBody = shape(
  "rotate body",
  {
    /** Events of the control keys from this sequence number on, up to this rotation, count for nothing; its own number for none. */
    voidFromSeq: uint,
    /** Certificates of earlier control keys hold for what a relay stored up to this time. */
    oldKeysUntilMs: uint,
    extensions: extensions(),
  },
  2048,
);

/** Body of an `instance-revoke`: what that key signed and a relay stored from then on counts for nothing. */
export const instanceRevokeBody = shape(
  "instance-revoke body",
  { instanceKey: publicKey, voidFromMs: uint, reason: text(256), extensions: extensions() },
  2048,
);

/** Body of an `anchor`: a SHA-256, or the root of a tree of them, that the agent stands by since this event. */
export const anchorBody = shape("anchor body", { root: hash, about: text(256), extensions: extensions() }, 2048);

/** Body of a `retire`, signed by the keys the log committed to before; no event follows it. */
export const retireBody = shape(
  "retire body",
  {
    /** Another agent to turn to, or empty; nothing of this agent's standing passes to it. */
    successor: bytes(AGENT_ID_BYTES),
    reason: text(256),
    /** What instances signed holds when a relay stored it up to this time. */
    oldKeysUntilMs: uint,
    extensions: extensions(),
  },
  2048,
);

/** One signature of an event, and the place of its key in the set that signs. */
export const eventSignature = shape("event signature", { keyIndex: uint, signature });

/** An event and who signed it. */
export const signedEvent = shape(
  "signed event",
  {
    event: bytes(MAX_EVENT_BYTES),
    signatures: list(eventSignature.field, 16),
  },
  MAX_EVENT_BYTES + 2048,
);

export const SCOPES = ["mail", "relay"] as const;

export const certificate = shape(
  "certificate",
  {
    version: uint,
    agentId,
    instanceKey: publicKey,
    scopes: list(choice(...SCOPES), 8),
    notBeforeMs: uint,
    notAfterMs: uint,
    /** Sequence number of the log event whose control keys signed this. */
    controlSeq: uint,
    extensions: extensions(),
  },
  2048,
);
export type Certificate = ShapeValue<typeof certificate>;

export const signedCertificate = shape(
  "signed certificate",
  {
    certificate: bytes(2048),
    keyIndex: uint,
    signature,
  },
  3072,
);

export const inboxKey = shape("inbox key", {
  keyId: fixed(KEY_ID_BYTES),
  suite: uint,
  publicKey,
  generation: uint,
  notAfterMs: uint,
});
export type InboxKey = ShapeValue<typeof inboxKey>;

export const home = shape("home", {
  relayId: agentId,
  url: text(512),
  /** Lower is preferred. */
  preference: uint,
});
export type Home = ShapeValue<typeof home>;

/** Body of a `home-set`: no instance may name a home that is not in the newest one; an empty one lifts that. */
export const homeSetBody = shape("home-set body", { homes: list(home.field, 4), extensions: extensions() }, 2048);

/** Extensions of a record, by code; odd ones may be ignored. */
export const RECORD_EXTENSIONS = {
  /** Sealing suites beyond 1 that whoever reads this agent's mail can open, two bytes each. */
  suites: 1,
} as const;

/** What one instance says of its agent; sub-records of all instances together are the agent record. */
export const agentRecord = shape(
  "record",
  {
    version: uint,
    agentId,
    instanceKey: publicKey,
    /** Rises with every change; the highest wins and peers refuse a lower one. */
    recordVersion: uint,
    /** Relay-scoped name without `@`, or nothing. */
    name: optional(text(32)),
    inboxKeys: list(inboxKey.field, 8),
    homes: list(home.field, 8),
    capabilities: list(text(64), 64),
    freshUntilMs: uint,
    validUntilMs: uint,
    extensions: extensions(),
  },
  8192,
);
export type AgentRecord = ShapeValue<typeof agentRecord>;

export const signedRecord = shape("signed record", { record: bytes(8192), signature }, 9216);

/** Everything somebody needs to verify an agent without asking anybody: log, certificates, sub-records. */
export const identityBundle = shape(
  "identity bundle",
  {
    log: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** Of another log that neither outranks nor continues `log`, the events from where it leaves it: the agent is frozen. Else empty. */
    rival: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    certificates: list(bytes(3072), 16),
    records: list(bytes(9216), 16),
  },
  MAX_CONTROL_BYTES,
);

/** The bytes a signature is made over: the domain tag and what is said. */
export function toBeSigned(domain: Domain, said: Bytes): Bytes {
  const tag = DOMAINS[domain];
  const whole = new Uint8Array(tag.length + said.length);
  whole.set(tag);
  whole.set(said, tag.length);
  return whole;
}

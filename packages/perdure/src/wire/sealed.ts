/**
 * What is inside the seal of one envelope.
 *
 *   sealed body    encapsulated key (32) | salt (32) | commitment (32) | AES-256-GCM ciphertext and tag
 *   plaintext      inner signature (64) | head length (u32) | head | content | zero padding
 *
 * The plaintext is padded to a length Padme allows, 256 bytes at least: it leaks O(log log n) bits of the length and costs at most 12 %.
 * A message larger than one part is a run of consecutive sequence numbers; its id is that of the first part.
 */
import { ENVELOPE_CLASSES } from "./envelope.ts";
import { KEY_ID_BYTES } from "./ids.ts";
import { bytes, choice, extensions, fixed, flag, list, optional, type ShapeValue, shape, text, uint } from "./shape.ts";

/** Extensions of a sealed head, by code; odd ones may be ignored. */
export const SEALED_EXTENSIONS = {
  /** The secret of an invite (16 bytes): whoever gave it out takes the sender as a contact. */
  invite: 1,
  /** Digests (16 bytes each) of earlier envelopes of the same part under the same id, which say the same: only one of them counts. */
  resealed: 3,
} as const;

/** Content of a message that only says who writes: it makes the contact of an accepted invite, and no handler sees it. */
export const GREETING_CONTENT_TYPE = "application/vnd.perdure.greeting";

/** One message by the ids both sides know. */
export const messageRef = shape("message reference", { stream: fixed(8), seq: uint });
export type MessageRef = ShapeValue<typeof messageRef>;

export const sealedHead = shape(
  "sealed head",
  {
    version: uint,
    /** Conversation this belongs to; a reply inherits it. */
    thread: fixed(16),
    /** How many automatic messages led to this one: the cause's depth + 1, 0 when a person or a program's own will did. */
    depth: uint,
    /** Written by a handler without a person's will. Never answered automatically. */
    auto: flag,
    /** The message this answers, in the stream of the one who is answered. */
    inReplyTo: optional(messageRef.field),
    /** A later message with the same key makes this one stale; empty for none. */
    collapseKey: text(128),
    /** Deduplicated at the recipient over all instances of the sender; empty for none. */
    idempotencyKey: text(128),
    /** Media type of the content, and a file name if the sender gave one. */
    contentType: text(128),
    fileName: text(255),
    /** This part, from 0, and how many there are. */
    part: uint,
    parts: uint,
    /** Size and SHA-256 of the whole content over all parts. */
    wholeBytes: uint,
    wholeHash: fixed(32),
    /** Everything of this stream below is settled at the sender. */
    floor: uint,
    sentAtMs: uint,
    /** SHA-256 of the sender's newest log event. */
    logHead: fixed(32),
    /** SHA-256 of the certificate whose instance key made the inner signature. */
    certificateHash: fixed(32),
    /** The sender's encoded identity bundle; empty once the recipient is known to have that log head and certificate. */
    bundle: bytes(16 * 1024),
    extensions: extensions(),
  },
  24 * 1024,
);
export type SealedHead = ShapeValue<typeof sealedHead>;

/** What the inner signature says, after the domain `inner`: who wrote this plaintext, for whom, and under which envelope. */
export const innerSaid = shape("inner signature", {
  suite: uint,
  from: fixed(32),
  certificateHash: fixed(32),
  to: fixed(32),
  inboxKeyId: fixed(KEY_ID_BYTES),
  encapsulated: fixed(32),
  stream: fixed(8),
  seq: uint,
  class: choice(...ENVELOPE_CLASSES),
  expiresAtMs: uint,
  /** SHA-256 of the plaintext after the signature, padding included. */
  plaintextHash: fixed(32),
});
export type InnerSaid = ShapeValue<typeof innerSaid>;

export const OUTCOMES = ["done", "refused", "failed"] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** The content of a receipt: one entry per message that came to its end, all under the receipt's one inner signature. */
export const receiptEntry = shape("receipt entry", {
  stream: fixed(8),
  /** First part of the message; with `key-retired` the part that cannot be opened. */
  seq: uint,
  outcome: choice(...OUTCOMES),
  /** Digest of that part's envelope, as received. */
  digest: fixed(16),
  code: text(64),
  why: text(512),
  attempts: uint,
  atMs: uint,
});
export type ReceiptEntry = ShapeValue<typeof receiptEntry>;

export const receipt = shape("receipt", { version: uint, entries: list(receiptEntry.field, 256), extensions: extensions() }, 64 * 1024 * 4);
export type Receipt = ShapeValue<typeof receipt>;

export const RECEIPT_CONTENT_TYPE = "application/vnd.perdure.receipt";

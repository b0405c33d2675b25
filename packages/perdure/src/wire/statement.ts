/**
 * Statements: what a relay says, signed, about the mail it has on disk. One signature covers everything stored since
 * the statement before. Numbers are gapless and each names the hash of the one before, so that leaving one out shows;
 * two with one number prove the relay lied.
 *
 * Leaves are hashed into a Merkle tree as in RFC 9162 section 2.1 (0x00 before a leaf, 0x01 before a node).
 */
import { LINK_BYTES } from "./ids.ts";
import { bytes, extensions, fixed, list, type ShapeValue, shape, uint } from "./shape.ts";

/** Messages of one leaf, and digests of one pending record: a leaf is closed when it has as many. */
export const LEAF_MESSAGES = 1024;
/** Messages of one leaf over a link between relays: its digests travel with the proof. */
export const PEER_LEAF_MESSAGES = 64;

/** "These messages of this link are stored." `contents` is SHA-256 over the envelope digests in link order. */
export const storedLeaf = shape("stored leaf", {
  sender: fixed(32),
  link: fixed(LINK_BYTES),
  firstSeq: uint,
  lastSeq: uint,
  contents: fixed(32),
});
export type StoredLeaf = ShapeValue<typeof storedLeaf>;

export const statement = shape("statement", {
  version: uint,
  relayId: fixed(32),
  /** From 1, gapless. */
  number: uint,
  /** SHA-256 of the previous statement's bytes; 32 zero bytes before the first. */
  previous: fixed(32),
  timeMs: uint,
  leafCount: uint,
  root: fixed(32),
  extensions: extensions(),
});
export type Statement = ShapeValue<typeof statement>;

/** What a sender keeps: the statement, its signature, and the path from the sender's leaf to the root. */
export const statementProof = shape("statement proof", {
  statement: bytes(1024),
  signature: fixed(64),
  leaf: bytes(256),
  leafIndex: uint,
  path: list(fixed(32), 32),
  /**
   * Envelope digests of the leaf, in link order: with them a sender finds its own mail in the leaf of the relay that passed it
   * on. Empty for a leaf of the reader's own link.
   */
  digests: bytes(16 * PEER_LEAF_MESSAGES),
  /**
   * Who wrote each (32 bytes): from the relay that stored them to the one that passed them on, which may have been restarted
   * since. Empty in what a writer gets.
   */
  writers: bytes(32 * PEER_LEAF_MESSAGES),
});
export type StatementProof = ShapeValue<typeof statementProof>;

/** A relay's own word about one message, in the body of an envelope of class notice. */
export const notice = shape("notice", {
  version: uint,
  relayId: fixed(32),
  /** 0 expired before it was settled, 1 lost by damage of the relay's disk. */
  outcome: uint,
  to: fixed(32),
  stream: fixed(8),
  seq: uint,
  digest: fixed(16),
  timeMs: uint,
  extensions: extensions(),
});
export type Notice = ShapeValue<typeof notice>;
export const NOTICE_OUTCOMES = ["expired", "lost"] as const;

export const signedNotice = shape("signed notice", { notice: bytes(1024), signature: fixed(64) });

/**
 * Evidence: what proves what happened to a message, in a form that anybody can check offline, and the file it travels in.
 *
 * An item is one thing somebody signed, or an identity to judge it by. The file holds the whole trail of one message, says
 * which items prove which step, and is signed by the sender who made it: what no item proves is that sender's claim.
 */
import { DIGEST_BYTES } from "./envelope.ts";
import { AGENT_ID_BYTES, STREAM_BYTES } from "./ids.ts";
import { DELIVERY_STATES, MAX_STEP_EVIDENCE, PROOF_KINDS } from "./kept-agent.ts";
import { MAX_CONTROL_BYTES, MAX_ENVELOPE_BODY_BYTES, MAX_PARTS } from "./limits.ts";
import { bytes, choice, extensions, fixed, list, type ShapeValue, shape, text, uint } from "./shape.ts";
import { LEAF_MESSAGES } from "./statement.ts";

export const EVIDENCE_KINDS = ["bundle", "stored", "notice", "receipt", "conflict"] as const;
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number];

const MAX_ITEM_BYTES = 512 * 1024;
/** Conflicts of relays that one agent keeps, and one file carries. */
export const MAX_CONFLICTS = 16;
export const MAX_EVIDENCE_ITEMS: number = 4 * MAX_STEP_EVIDENCE + 3 * MAX_CONFLICTS;
export const MAX_EVIDENCE_BYTES: number = 8 * 1024 * 1024;
/** The first field of a file: what it is. */
export const EVIDENCE_FORMAT = "perdure evidence";

/** `content` by kind: an identity bundle, a stored proof, a signed notice, a signed receipt, a conflict of statements. */
export const evidenceItem = shape(
  "evidence item",
  { kind: choice(...EVIDENCE_KINDS), content: bytes(MAX_ITEM_BYTES - 16) },
  MAX_ITEM_BYTES,
);
export type EvidenceItem = ShapeValue<typeof evidenceItem>;

/** A statement proof, and the envelope digests of its leaf in link order. */
export const storedProof = shape(
  "stored proof",
  { proof: bytes(4096), digests: bytes(DIGEST_BYTES * LEAF_MESSAGES) },
  DIGEST_BYTES * LEAF_MESSAGES + 8192,
);

/** A receipt as its writer signed it: the inner signature, what it says, and the plaintext it covers. */
export const signedReceipt = shape(
  "signed receipt",
  {
    /** An encoded `inner signature`. */
    said: bytes(512),
    signature: fixed(64),
    /** Head length, head, content and padding. */
    plaintext: bytes(MAX_ENVELOPE_BODY_BYTES),
  },
  MAX_ENVELOPE_BODY_BYTES + 1024,
);

/** Two signed statements of one relay with one number, or with neighbouring numbers of which the second does not follow from the first. */
export const statementConflict = shape("conflict of statements", {
  first: bytes(1024),
  firstSignature: fixed(64),
  second: bytes(1024),
  secondSignature: fixed(64),
});
export type StatementConflict = ShapeValue<typeof statementConflict>;

export const evidenceStep = shape("evidence step", {
  state: choice(...DELIVERY_STATES),
  atMs: uint,
  /** Who says so; empty for the sender itself. */
  by: bytes(AGENT_ID_BYTES),
  proof: choice(...PROOF_KINDS),
  /** Places in `items` of what proves it; the signer's bundle among them. */
  items: list(uint, MAX_STEP_EVIDENCE),
});
export type EvidenceStep = ShapeValue<typeof evidenceStep>;

export const evidence = shape(
  "evidence",
  {
    format: text(32),
    version: uint,
    from: fixed(AGENT_ID_BYTES),
    /** Empty when the recipient was never found out. */
    to: bytes(AGENT_ID_BYTES),
    /** The name it was sent to, without its first `@`; empty for none. */
    toName: text(300),
    stream: fixed(STREAM_BYTES),
    /** First part of the message; the others follow without a gap. */
    seq: uint,
    /** Digests of the envelopes of all parts; empty before they were sealed. */
    digests: bytes(DIGEST_BYTES * MAX_PARTS),
    sentAtMs: uint,
    expiresAtMs: uint,
    steps: list(evidenceStep.field, 32),
    /** Encoded evidence items, sorted by their SHA-256. */
    items: list(bytes(MAX_ITEM_BYTES), MAX_EVIDENCE_ITEMS),
    /** Places in `items` of conflicts of statements that the sender holds. */
    conflicts: list(uint, MAX_CONFLICTS),
    extensions: extensions(),
  },
  MAX_EVIDENCE_BYTES,
);
export type Evidence = ShapeValue<typeof evidence>;

/** The file: signed by an instance of the sender, whose bundle is among the items. */
export const signedEvidence = shape(
  "signed evidence",
  { evidence: bytes(MAX_EVIDENCE_BYTES), signature: fixed(64) },
  MAX_EVIDENCE_BYTES + MAX_CONTROL_BYTES,
);

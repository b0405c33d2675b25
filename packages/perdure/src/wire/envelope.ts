/**
 * The envelope: what a relay stores and forwards. A fixed header that is read in place, and an opaque body.
 *
 *   offset  size  field
 *        0     1  version            0
 *        1     1  class              0 mail, 1 receipt, 2 notice
 *        2     2  flags              0; bit 0 is reserved for a hidden sender; an unknown bit is refused
 *        4     4  body length        u32, at most 327,680
 *        8    32  from               agent id
 *       40    32  to                 agent id
 *       72     8  stream             random, drawn by the sender per boot and recipient
 *       80     8  sequence           u64, from 1, gapless within a stream
 *       88     8  expires            u64, milliseconds since 1970; never absent
 *       96     8  inbox key          first 8 bytes of SHA-256 over the recipient's public inbox key; 0 in a notice
 *      104     2  suite              1 = DHKEM(X25519, HKDF-SHA256) export, HKDF-SHA256, AES-256-GCM; 0 = not sealed (notice)
 *                                    2 = the same, and one encapsulated key may stand in many envelopes of one sender
 *      106     6  reserved           0
 *      112    16  digest             first 16 bytes of SHA-256 over "perdure/digest/1", bytes 0..111 and the body
 *      128     …  body
 *
 * All integers are big-endian. Bytes 0..111 are the associated data of the sealed body. What changes in transit is in
 * the link frame. A relay copies the digest and the recipient checks it: same id with another digest is `id-conflict`.
 */

import { type Bytes, concat, equalBytes, putU32, putU64, u16At, u32At, u64At, utf8 } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { type AgentId, agentIdText, type MessageId, messageIdText } from "./ids.ts";
import { MAX_ENVELOPE_BODY_BYTES, WIRE_VERSION } from "./limits.ts";
import { otherVersion, PEER_OF_OLDER } from "./version.ts";

export const ENVELOPE_HEADER_BYTES = 128;
/** Where the ids stand. */
export const FROM_AT = 8;
export const TO_AT = 40;
export const STREAM_AT = 72;
/** The part of the header that the digest and the seal cover. */
export const BOUND_HEADER_BYTES = 112;
export const DIGEST_BYTES = 16;
export const DIGEST_DOMAIN: Bytes = utf8("perdure/digest/1");

export const ENVELOPE_CLASSES = ["mail", "receipt", "notice"] as const;
export type EnvelopeClass = (typeof ENVELOPE_CLASSES)[number];

export const SUITE_UNSEALED = 0;
export const SUITE_X25519_AES256GCM = 1;
/** One encapsulation for many messages: sent to whoever says that it reads it. */
export const SUITE_X25519_AES256GCM_MANY = 2;

export interface EnvelopeHeader {
  readonly class: EnvelopeClass;
  /** 32 bytes. */
  readonly from: Bytes;
  /** 32 bytes. */
  readonly to: Bytes;
  /** 8 bytes. */
  readonly stream: Bytes;
  readonly seq: number;
  readonly expiresAtMs: number;
  /** 8 bytes. */
  readonly inboxKeyId: Bytes;
  readonly suite: number;
}

export interface Envelope extends EnvelopeHeader {
  readonly body: Bytes;
  /** 16 bytes. */
  readonly digest: Bytes;
  /** Header and body as they travel. */
  readonly bytes: Bytes;
}

/** Bytes 0..111: what is signed over, sealed with and digested. */
export function encodeBoundHeader(header: EnvelopeHeader, bodyBytes: number): Bytes {
  const bound = new Uint8Array(BOUND_HEADER_BYTES);
  putBoundHeader(bound, header, bodyBytes);
  return bound;
}

function putBoundHeader(bound: Bytes, header: EnvelopeHeader, bodyBytes: number): void {
  if (bodyBytes > MAX_ENVELOPE_BODY_BYTES) {
    throw new PerdureError("too-large", `an envelope body of ${bodyBytes} bytes is more than ${MAX_ENVELOPE_BODY_BYTES}`);
  }
  bound[0] = WIRE_VERSION;
  bound[1] = ENVELOPE_CLASSES.indexOf(header.class);
  putU32(bound, 4, bodyBytes);
  bound.set(header.from, 8);
  bound.set(header.to, 40);
  bound.set(header.stream, 72);
  putU64(bound, 80, header.seq);
  putU64(bound, 88, header.expiresAtMs);
  bound.set(header.inboxKeyId, 96);
  bound[104] = header.suite >>> 8;
  bound[105] = header.suite;
}

/**
 * An envelope whose body is still to be written, in the one piece of memory in which it will travel: what is digested, the domain, the
 * header and the body, is as long as the envelope itself, in which the digest follows the header.
 */
export class EnvelopeDraft {
  readonly #header: EnvelopeHeader;
  readonly #bytes: Bytes;

  constructor(header: EnvelopeHeader, bodyBytes: number) {
    this.#header = header;
    this.#bytes = new Uint8Array(ENVELOPE_HEADER_BYTES + bodyBytes);
    this.#bytes.set(DIGEST_DOMAIN);
    putBoundHeader(this.boundWith(0), header, bodyBytes);
  }

  /** Bytes 0..111 of the header with the first of the body, as associated data are; in place until the envelope is finished. */
  boundWith(bodyBytes: number): Bytes {
    return this.#bytes.subarray(DIGEST_DOMAIN.length, DIGEST_DOMAIN.length + BOUND_HEADER_BYTES + bodyBytes);
  }

  /** To be written into, before and not after the envelope is finished. */
  get body(): Bytes {
    return this.#bytes.subarray(ENVELOPE_HEADER_BYTES);
  }

  finish(sha256: (bytes: Bytes) => Bytes): Envelope {
    const bytes = this.#bytes;
    const digest = sha256(bytes).slice(0, DIGEST_BYTES);
    bytes.copyWithin(0, DIGEST_DOMAIN.length, ENVELOPE_HEADER_BYTES);
    bytes.set(digest, BOUND_HEADER_BYTES);
    return { ...this.#header, body: this.body, digest, bytes };
  }
}

/** Puts an envelope together. `digestOf` is SHA-256; the first 16 bytes are used. */
export function encodeEnvelope(header: EnvelopeHeader, body: Bytes, sha256: (bytes: Bytes) => Bytes): Envelope {
  const draft = new EnvelopeDraft(header, body.length);
  draft.body.set(body);
  return draft.finish(sha256);
}

export function envelopeDigest(bound: Bytes, body: Bytes, sha256: (bytes: Bytes) => Bytes): Bytes {
  return sha256(concat(DIGEST_DOMAIN, bound, body)).slice(0, DIGEST_BYTES);
}

/** True when the digest in the header is that of header and body. */
export function digestMatches(envelope: Envelope, sha256: (bytes: Bytes) => Bytes): boolean {
  return equalBytes(envelope.digest, envelopeDigest(boundHeaderOf(envelope), envelope.body, sha256));
}

/** Reads an envelope in place: the parts are views into `bytes`. The digest is not checked; see {@link digestMatches}. */
export function decodeEnvelope(bytes: Bytes): Envelope {
  const { class: envelopeClass, from, to, stream, seq, expiresAtMs, inboxKeyId, suite, digest, body } = peekEnvelope(bytes);
  return { class: envelopeClass, from, to, stream, seq, expiresAtMs, inboxKeyId, suite, digest, body, bytes };
}

/**
 * The same for whoever only passes it on and looks at few of its parts: they are made when asked for, each time anew. Not to be spread
 * into another object, which would lack them.
 */
export function peekEnvelope(bytes: Bytes): Envelope {
  if (bytes.length < ENVELOPE_HEADER_BYTES) malformed(`${bytes.length} bytes are less than a header`);
  if (bytes[0] !== WIRE_VERSION) {
    throw otherVersion({ what: "an envelope", found: bytes[0] as number, older: PEER_OF_OLDER });
  }
  const envelopeClass = ENVELOPE_CLASSES[bytes[1] as number];
  if (envelopeClass === undefined) malformed(`class ${bytes[1]} is unknown`);
  if (u16At(bytes, 2) !== 0) malformed("a flag is set that this version does not know");
  const bodyBytes = u32At(bytes, 4);
  if (bodyBytes > MAX_ENVELOPE_BODY_BYTES)
    throw new PerdureError("too-large", `an envelope body of ${bodyBytes} bytes is more than ${MAX_ENVELOPE_BODY_BYTES}`);
  if (bytes.length !== ENVELOPE_HEADER_BYTES + bodyBytes)
    malformed(`the header promises ${bodyBytes} body bytes, ${bytes.length - ENVELOPE_HEADER_BYTES} came`);
  const seq = u64At(bytes, 80);
  const expiresAtMs = u64At(bytes, 88);
  if (seq === undefined || seq === 0) malformed("the sequence number is outside 1 to 2^53 - 1");
  if (expiresAtMs === undefined || expiresAtMs === 0) malformed("the expiry is outside 1 to 2^53 - 1");
  if (u16At(bytes, 106) !== 0 || u32At(bytes, 108) !== 0) malformed("reserved bytes are not zero");
  const suite = u16At(bytes, 104);
  if (suite > SUITE_X25519_AES256GCM_MANY)
    throw new PerdureError("needs-newer-version", `sealing suite ${suite} is unknown`, {
      hint: "Update perdure; the sender uses a newer suite.",
    });
  if ((suite === SUITE_UNSEALED) !== (envelopeClass === "notice")) malformed(`suite ${suite} does not go with class ${envelopeClass}`);
  if (suite === SUITE_UNSEALED && (u32At(bytes, 96) !== 0 || u32At(bytes, 100) !== 0))
    malformed("an inbox key is named and nothing is sealed");
  return new EnvelopeView(bytes, envelopeClass, seq, expiresAtMs, suite);
}

class EnvelopeView implements Envelope {
  readonly bytes: Bytes;
  readonly class: EnvelopeClass;
  readonly seq: number;
  readonly expiresAtMs: number;
  readonly suite: number;

  constructor(bytes: Bytes, envelopeClass: EnvelopeClass, seq: number, expiresAtMs: number, suite: number) {
    this.bytes = bytes;
    this.class = envelopeClass;
    this.seq = seq;
    this.expiresAtMs = expiresAtMs;
    this.suite = suite;
  }

  get from(): Bytes {
    return this.bytes.subarray(FROM_AT, TO_AT);
  }
  get to(): Bytes {
    return this.bytes.subarray(TO_AT, STREAM_AT);
  }
  get stream(): Bytes {
    return this.bytes.subarray(STREAM_AT, 80);
  }
  get inboxKeyId(): Bytes {
    return this.bytes.subarray(96, 104);
  }
  get digest(): Bytes {
    return this.bytes.subarray(BOUND_HEADER_BYTES, ENVELOPE_HEADER_BYTES);
  }
  get body(): Bytes {
    return this.bytes.subarray(ENVELOPE_HEADER_BYTES);
  }
}

export function boundHeaderOf(envelope: Envelope): Bytes {
  return envelope.bytes.subarray(0, BOUND_HEADER_BYTES);
}

export function envelopeId(envelope: EnvelopeHeader): MessageId {
  return messageIdText(envelope.stream, envelope.seq);
}

export function envelopeFrom(envelope: EnvelopeHeader): AgentId {
  return agentIdText(envelope.from);
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `envelope: ${why}`);
}

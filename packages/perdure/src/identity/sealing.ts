/**
 * Sealing: one part of a message, signed by the sender's instance and readable by the recipient alone.
 *
 *   secret             = HPKE export for the recipient's inbox key, info = domain `seal` | bound header
 *                        of suite 2, for many messages: info = domain `sealMany` | suite | from | to | inbox key id
 *   signature          = instance key over domain `inner` | inner signature shape
 *   salt               = SHA-256(32 random bytes | signature)
 *   key | commitment   = HKDF-SHA256(secret, salt, info = bound header), 32 bytes each
 *   ciphertext         = AES-256-GCM(key, plaintext, AAD = bound header | encapsulated key | salt | commitment)
 *
 * Why so: the signature names both ends, the inbox key and the encapsulated key, so that a recipient cannot pass a
 * signed text on as if it had been written to somebody else. The salt depends on the text, so that a machine whose
 * random numbers repeat (a restored snapshot) still never uses a key for two texts, whatever secret it has in memory: what is signed
 * determines the plaintext and all associated data but salt and commitment, so two seals of one secret and salt are the same bytes. AES-GCM does not commit to its key,
 * so the commitment is compared before anything is opened.
 */

import type { Crypto, DecapsulationKey } from "../host/crypto.ts";
import type { Random } from "../host/random.ts";
import { type Bytes, concat, EMPTY, equalBytes, putU32, u32At } from "../wire/bytes.ts";
import {
  boundHeaderOf,
  digestMatches,
  type Envelope,
  type EnvelopeClass,
  EnvelopeDraft,
  type EnvelopeHeader,
  envelopeFrom,
  SUITE_UNSEALED,
  SUITE_X25519_AES256GCM,
  SUITE_X25519_AES256GCM_MANY,
} from "../wire/envelope.ts";
import { isPerdureError, PerdureError } from "../wire/error.ts";
import { type Certificate, DOMAINS, toBeSigned } from "../wire/identity.ts";
import type { AgentId } from "../wire/ids.ts";
import { MAX_EXPIRY_MS, MAX_PARTS, PART_BYTES, WIRE_VERSION } from "../wire/limits.ts";
import { type InnerSaid, innerSaid, RECEIPT_CONTENT_TYPE, type SealedHead, sealedHead } from "../wire/sealed.ts";
import { otherVersion, PEER_OF_OLDER } from "../wire/version.ts";
import { refuseInvalid } from "./certificate.ts";
import type { OpenedSecret, OpenedSecrets } from "./opened-secrets.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { paddedLength } from "./padding.ts";
import { infoOfMany, type SealingSecrets } from "./sealing-secrets.ts";
import { mergeIdentities, type VerifiedIdentity, verifyBundle } from "./verify.ts";

const ENCAPSULATED_BYTES = 32;
const SALT_BYTES = 32;
const COMMITMENT_BYTES = 32;
const KEY_BYTES = 32;
const AEAD_TAG_BYTES = 16;
const SIGNATURE_BYTES = 64;
const LENGTH_BYTES = 4;
const BEFORE_CIPHERTEXT_BYTES = ENCAPSULATED_BYTES + SALT_BYTES + COMMITMENT_BYTES;
/** How far past the longest expiry a recipient's slow clock may see an expiry. */
const EXPIRY_SLACK_MS = 24 * 60 * 60 * 1000;

export interface SealPart {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly own: OwnIdentity;
  readonly recipient: VerifiedIdentity;
  readonly class: Exclude<EnvelopeClass, "notice">;
  /** 8 bytes. */
  readonly stream: Bytes;
  readonly seq: number;
  readonly expiresAtMs: number;
  /** Log head and certificate hash are those of `own`, whatever is given. */
  readonly head: Omit<SealedHead, "logHead" | "certificateHash"> & Partial<Pick<SealedHead, "logHead" | "certificateHash">>;
  /** This part of the message: 256 KiB in every part but the last. */
  readonly content: Bytes;
  /** What one encapsulation for many messages is taken from, for recipients that say that they read suite 2; else it is suite 1. */
  readonly secrets?: SealingSecrets;
}

/** Seals one part. Throws `unknown-inbox-key` when the recipient has no key in force, `malformed` when head and content do not fit. */
export async function sealPart(part: SealPart): Promise<Envelope> {
  const { crypto, random, own, recipient, content, secrets } = part;
  const { inboxKey } = recipient;
  if (inboxKey === undefined) {
    throw new PerdureError("unknown-inbox-key", `${recipient.id} has no inbox key in force`, {
      retry: "after",
      hint: "It gets a new one when its agent is opened again.",
    });
  }
  // Of one moment: a rotation may put other keys in their place while this is being sealed.
  const { instanceKey, logHead, certificateHash } = own;
  const head: SealedHead = { ...part.head, logHead, certificateHash };
  refuseInconsistent(head, part, content.length);
  const plaintext = layOutPlaintext(sealedHead.encode(head), content);
  const unsigned = plaintext.subarray(SIGNATURE_BYTES);
  const many = secrets !== undefined && recipient.suites.includes(SUITE_X25519_AES256GCM_MANY) ? secrets : undefined;
  const header: EnvelopeHeader = {
    class: part.class,
    from: own.idRaw,
    to: recipient.idRaw,
    stream: part.stream,
    seq: part.seq,
    expiresAtMs: part.expiresAtMs,
    inboxKeyId: inboxKey.keyId,
    suite: many === undefined ? SUITE_X25519_AES256GCM : SUITE_X25519_AES256GCM_MANY,
  };
  const draft = new EnvelopeDraft(header, BEFORE_CIPHERTEXT_BYTES + plaintext.length + AEAD_TAG_BYTES);
  const bound = draft.boundWith(0);
  const { encapsulated, secret } = await (many === undefined
    ? crypto.encapsulation.encapsulate(inboxKey.publicKey, concat(DOMAINS.seal, bound))
    : many.take({ idRaw: own.idRaw, instanceKey }, recipient, inboxKey));
  const signature = await crypto.signatures.sign(
    instanceKey,
    toBeSigned("inner", saidInside(crypto, header, certificateHash, encapsulated, unsigned)),
  );
  const salt = crypto.hash.sha256(concat(many?.salt() ?? random.bytes(SALT_BYTES), signature));
  const { key, commitment } = deriveKey(crypto, secret, salt, bound);
  const { body } = draft;
  body.set(encapsulated);
  body.set(salt, ENCAPSULATED_BYTES);
  body.set(commitment, ENCAPSULATED_BYTES + SALT_BYTES);
  plaintext.set(signature);
  body.set(await crypto.aead.seal(key, plaintext, draft.boundWith(BEFORE_CIPHERTEXT_BYTES)), BEFORE_CIPHERTEXT_BYTES);
  return draft.finish(crypto.hash.sha256);
}

export interface OpenPart {
  readonly crypto: Crypto;
  readonly own: OwnIdentity;
  readonly envelope: Envelope;
  /** What this agent has pinned of a sender. */
  readonly known: (id: AgentId) => VerifiedIdentity | undefined;
  readonly nowMs: number;
  /** When the recipient's relay stored it: the time the signature is judged at. */
  readonly storedAtMs: number;
  /** What was opened lately, to which what this opens is added once it is verified. */
  readonly opened?: OpenedSecrets;
  /** Told what is known of a sender of whom two logs contradict each other, before `identity-forked` is thrown. */
  readonly onFrozen?: (sender: VerifiedIdentity) => void;
}

export interface OpenedPart {
  readonly head: SealedHead;
  readonly content: Bytes;
  /** What is known of the sender and what came with the part, together, as of `storedAtMs`. */
  readonly sender: VerifiedIdentity;
  /** What the sender's signature proves to anybody. */
  readonly signed: SignedPlaintext;
}

export interface SignedPlaintext {
  /** An encoded `inner signature`. */
  readonly said: Bytes;
  readonly signature: Bytes;
  /** Head length, head, content and padding. */
  readonly plaintext: Bytes;
}

/**
 * Opens and verifies one part. Throws
 * - `wrong-recipient`, `unknown-inbox-key`: it was not sealed to this agent, or to a key it does not have;
 * - `malformed`, `wrong-commitment`, `bad-signature`, `certificate-expired`, `expiry-out-of-range`, `needs-newer-*`: it is not
 *   what an honest sender makes; trying again does not help;
 * - `unknown-agent` with `retry: "after"`: nothing is wrong with it, but the sender's bundle is neither in it nor known;
 *   hold it and try again once the sender has been looked up;
 * - `identity-forked` with `retry: "after"`: it cannot be said whether the sender or a thief wrote it; hold it until its owner decides.
 */
export async function openPart({ crypto, own, envelope, known, nowMs, storedAtMs, opened, onFrozen }: OpenPart): Promise<OpenedPart> {
  if (!equalBytes(envelope.to, own.idRaw)) throw new PerdureError("wrong-recipient", "the envelope is addressed to another agent");
  if (!digestMatches(envelope, crypto.hash.sha256)) throw malformed("its digest is wrong");
  if (envelope.suite === SUITE_UNSEALED) throw malformed("it is not sealed");
  if (envelope.expiresAtMs > nowMs + MAX_EXPIRY_MS + EXPIRY_SLACK_MS)
    throw new PerdureError("expiry-out-of-range", "the envelope expires more than 30 days from now");
  const from = envelopeFrom(envelope);
  const { plaintext, encapsulated, found } = await unseal(crypto, own, envelope, (keyId, encapsulated) =>
    opened?.find(from, keyId, encapsulated, nowMs),
  );
  const { signature, unsigned, head, content } = readPlaintext(plaintext);
  if (head.version !== WIRE_VERSION) throw otherVersion({ what: "a sealed head", found: head.version, older: PEER_OF_OLDER });
  refuseInconsistent(head, envelope, content.length);
  if (head.parts === 1 && !equalBytes(crypto.hash.sha256(content), head.wholeHash))
    throw malformed("its content is not the one its head names");
  const sender = await senderOf(crypto, from, envelope.from, head, known, storedAtMs);
  if (sender.frozen) {
    onFrozen?.(sender);
    throw new PerdureError("identity-forked", `two histories of ${sender.id} contradict each other`, {
      retry: "after",
      hint: "What it writes is held until its owner decides which of them counts.",
    });
  }
  const { instanceKey } = certificateOf(sender, head, storedAtMs);
  const said = saidInside(crypto, envelope, head.certificateHash, encapsulated, unsigned);
  if (!(await crypto.signatures.verify(instanceKey, toBeSigned("inner", said), signature)))
    throw new PerdureError("bad-signature", `${sender.id} did not write this to this agent`);
  // Its inbox key may have been destroyed while the signature was verified.
  if (found !== undefined && own.inboxSecret(found.keyId) !== undefined) opened?.keep(from, found, nowMs);
  return { head, content, sender, signed: { said, signature, plaintext: unsigned } };
}

async function unseal(
  crypto: Crypto,
  own: OwnIdentity,
  envelope: Envelope,
  known: (keyId: Bytes, encapsulated: Bytes) => Bytes | undefined,
): Promise<{ readonly plaintext: Bytes; readonly encapsulated: Bytes; readonly found: OpenedSecret | undefined }> {
  const { body } = envelope;
  if (body.length < BEFORE_CIPHERTEXT_BYTES + AEAD_TAG_BYTES) throw malformed("its body is cut off");
  const { inboxKeyId: keyId } = envelope;
  const inbox = own.inboxSecret(keyId);
  if (inbox === undefined) throw new PerdureError("unknown-inbox-key", "the envelope is sealed to an inbox key this agent does not have");
  const encapsulated = body.subarray(0, ENCAPSULATED_BYTES);
  const salt = body.subarray(ENCAPSULATED_BYTES, ENCAPSULATED_BYTES + SALT_BYTES);
  const claimed = body.subarray(ENCAPSULATED_BYTES + SALT_BYTES, BEFORE_CIPHERTEXT_BYTES);
  const bound = boundHeaderOf(envelope);
  const isMany = envelope.suite === SUITE_X25519_AES256GCM_MANY;
  const before = isMany ? known(keyId, encapsulated) : undefined;
  const info = (): Bytes => (isMany ? infoOfMany(envelope.from, envelope.to, keyId) : concat(DOMAINS.seal, bound));
  const secret = before ?? (await decapsulate(crypto, inbox, encapsulated, info()));
  const { key, commitment } = deriveKey(crypto, secret, salt, bound);
  if (!equalBytes(commitment, claimed)) throw new PerdureError("wrong-commitment", "the envelope is not sealed to the key it names");
  const plaintext = await crypto.aead.open(
    key,
    body.subarray(BEFORE_CIPHERTEXT_BYTES),
    concat(bound, body.subarray(0, BEFORE_CIPHERTEXT_BYTES)),
  );
  if (plaintext === undefined) throw malformed("its sealed part was changed");
  return { plaintext, encapsulated, found: isMany && before === undefined ? { keyId, encapsulated, secret } : undefined };
}

async function decapsulate({ encapsulation }: Crypto, inbox: DecapsulationKey, encapsulated: Bytes, info: Bytes): Promise<Bytes> {
  return await encapsulation.decapsulate(inbox, encapsulated, info).catch((cause: unknown) => {
    if (isPerdureError(cause) && cause.code === "bad-argument") throw malformed("its encapsulated key is none", cause);
    throw cause;
  });
}

function deriveKey(crypto: Crypto, secret: Bytes, salt: Bytes, bound: Bytes): { readonly key: Bytes; readonly commitment: Bytes } {
  const derived = crypto.hash.hkdfSha256(secret, salt, bound, KEY_BYTES + COMMITMENT_BYTES);
  return { key: derived.subarray(0, KEY_BYTES), commitment: derived.subarray(KEY_BYTES) };
}

function saidInside(crypto: Crypto, header: EnvelopeHeader, certificate: Bytes, encapsulated: Bytes, unsigned: Bytes): Bytes {
  return innerSaid.encode({
    suite: header.suite,
    from: header.from,
    certificateHash: certificate,
    to: header.to,
    inboxKeyId: header.inboxKeyId,
    encapsulated,
    stream: header.stream,
    seq: header.seq,
    class: header.class,
    expiresAtMs: header.expiresAtMs,
    plaintextHash: crypto.hash.sha256(unsigned),
  });
}

/** Room for the signature, head length, head, content and padding. */
function layOutPlaintext(head: Bytes, content: Bytes): Bytes {
  const headAt = SIGNATURE_BYTES + LENGTH_BYTES;
  const plaintext = new Uint8Array(paddedLength(headAt + head.length + content.length));
  putU32(plaintext, SIGNATURE_BYTES, head.length);
  plaintext.set(head, headAt);
  plaintext.set(content, headAt + head.length);
  return plaintext;
}

interface Plaintext {
  readonly signature: Bytes;
  readonly unsigned: Bytes;
  readonly head: SealedHead;
  readonly content: Bytes;
}

/**
 * Whether an instance of `sender`, certified for mail when it says it wrote this, signed a plaintext, and what the plaintext says. For
 * whoever was shown it and cannot open the envelope. Throws `malformed`, `bad-signature`, `certificate-expired`.
 */
export async function verifySignedPlaintext(
  crypto: Crypto,
  sender: VerifiedIdentity,
  { said, signature, plaintext }: SignedPlaintext,
): Promise<{ readonly inner: InnerSaid; readonly head: SealedHead; readonly content: Bytes }> {
  const inner = innerSaid.decode(said);
  if (!equalBytes(inner.plaintextHash, crypto.hash.sha256(plaintext))) throw malformed("its plaintext is not the one that was signed");
  const { head, content } = readPlaintext(concat(signature, plaintext));
  if (!equalBytes(inner.certificateHash, head.certificateHash) || !equalBytes(inner.from, sender.idRaw))
    throw new PerdureError("bad-signature", `the plaintext is not of ${sender.id}`);
  const { instanceKey } = certificateOf(sender, head, head.sentAtMs);
  if (!(await crypto.signatures.verify(instanceKey, toBeSigned("inner", said), signature)))
    throw new PerdureError("bad-signature", `${sender.id} did not sign this`);
  return { inner, head, content };
}

function readPlaintext(plaintext: Bytes): Plaintext {
  if (plaintext.length < SIGNATURE_BYTES + LENGTH_BYTES) throw malformed("its plaintext is cut off");
  const signature = plaintext.subarray(0, SIGNATURE_BYTES);
  const unsigned = plaintext.subarray(SIGNATURE_BYTES);
  const headEnd = LENGTH_BYTES + u32At(unsigned, 0);
  if (headEnd > unsigned.length) throw malformed("its head is cut off");
  const head = sealedHead.decode(unsigned.subarray(LENGTH_BYTES, headEnd));
  const contentEnd = headEnd + contentBytes(head);
  if (contentEnd > unsigned.length) throw malformed("its content is cut off");
  if (plaintext.length !== paddedLength(SIGNATURE_BYTES + contentEnd)) throw malformed("its padding is not the one its length asks for");
  for (let at = contentEnd; at < unsigned.length; at++) if (unsigned[at] !== 0) throw malformed("its padding is not zero");
  return { signature, unsigned, head, content: unsigned.subarray(headEnd, contentEnd) };
}

/** Bytes of content in this part: everything before the last part is full. */
function contentBytes(head: SealedHead): number {
  return head.part < head.parts - 1 ? PART_BYTES : Math.max(0, head.wholeBytes - (head.parts - 1) * PART_BYTES);
}

function refuseInconsistent(head: SealedHead, envelope: { readonly class: EnvelopeClass; readonly seq: number }, length: number): void {
  const parts = Math.max(1, Math.ceil(head.wholeBytes / PART_BYTES));
  if (head.parts !== parts || parts > MAX_PARTS || head.part >= parts)
    throw malformed(`part ${head.part} of ${head.parts} does not go with ${head.wholeBytes} bytes`);
  if (length !== contentBytes(head))
    throw malformed(`${length} bytes of content do not go with part ${head.part} of ${head.wholeBytes} bytes`);
  const first = envelope.seq - head.part;
  if (first < 1 || head.floor > first) throw malformed("its part or floor does not go with its sequence number");
  if (envelope.class === "receipt" && head.contentType !== RECEIPT_CONTENT_TYPE) throw malformed("a receipt of another content type");
}

async function senderOf(
  crypto: Crypto,
  from: AgentId,
  idRaw: Bytes,
  head: SealedHead,
  known: OpenPart["known"],
  storedAtMs: number,
): Promise<VerifiedIdentity> {
  const pinned = known(from);
  if (equalBytes(head.bundle, EMPTY)) {
    // Sealed before a later event of its log was known to the sender, or to us.
    if (pinned === undefined || !pinned.log.events.some(({ hash }) => equalBytes(hash, head.logHead))) throw unverifiable(from);
    return pinned;
  }
  if (pinned !== undefined && equalBytes(pinned.bundle, head.bundle)) return pinned;
  const attached = await verifyBundle(crypto, head.bundle, storedAtMs, idRaw);
  if (!equalBytes(attached.logHead, head.logHead)) throw malformed("its bundle ends at another log event than its head says");
  return pinned === undefined ? attached : await mergeIdentities(crypto, pinned, attached, storedAtMs);
}

function certificateOf(sender: VerifiedIdentity, head: SealedHead, storedAtMs: number): Certificate {
  const found = sender.certificates.find((each) => equalBytes(each.hash, head.certificateHash));
  if (found === undefined)
    throw head.bundle.length === 0
      ? unverifiable(sender.id)
      : new PerdureError("bad-signature", "the envelope names a certificate its bundle does not have");
  if (!found.scopes.includes("mail")) throw new PerdureError("bad-signature", "the sender's instance is not certified for mail");
  refuseInvalid(found, storedAtMs);
  return found;
}

function unverifiable(from: AgentId): PerdureError {
  return new PerdureError("unknown-agent", `${from} cannot be verified yet: its identity is neither known nor attached`, {
    retry: "after",
    hint: "Look the sender up at the relay and open it again.",
  });
}

function malformed(why: string, cause?: unknown): PerdureError {
  return new PerdureError("malformed", `sealed envelope: ${why}`, { cause });
}

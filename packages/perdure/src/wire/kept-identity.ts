/**
 * An agent's own identity as it lies on its disk: one file, so that it is there as a whole or not at all.
 *
 *   kept identity (deterministic CBOR) | SHA-256 over "perdure/kept-identity/1" and those bytes (32)
 *
 * or, under a passphrase, and always in an export file:
 *
 *   "perdure/sealed-identity/1" | sealed identity (deterministic CBOR) | SHA-256 over everything before (32)
 */
import { type Bytes, utf8 } from "./bytes.ts";
import { KEY_ID_BYTES } from "./ids.ts";
import { MAX_CONTROL_BYTES, MAX_EVENT_BYTES, MAX_LOG_EVENTS, WIRE_VERSION } from "./limits.ts";
import { bytes, choice, extensions, fixed, list, optional, type ShapeValue, shape, uint } from "./shape.ts";

/** Before the version, in every version. */
export const KEPT_IDENTITY_PREFIX = "perdure/kept-identity/";
export const KEPT_IDENTITY_DOMAIN: Bytes = utf8(`${KEPT_IDENTITY_PREFIX}${WIRE_VERSION}`);

/** Who keeps the secret of the next control keys: a recovery file that leaves the machine, or the agent's folder. */
export const CUSTODIES = ["split", "together"] as const;
export type Custody = (typeof CUSTODIES)[number];

/** What opens the commitments of the log: the secret that all next control keys come from, and what the recovery commitment hides. */
export const nextSecret = shape("next secret", { seed: fixed(32), recoverySalt: fixed(32) });
export type NextSecret = ShapeValue<typeof nextSecret>;

/** The newest generation is in use; an older one opens what is still on its way until `destroyAtMs` (0 while it is in use). */
export const inboxSecret = shape("inbox secret", {
  keyId: fixed(KEY_ID_BYTES),
  secret: fixed(32),
  generation: uint,
  madeAtMs: uint,
  destroyAtMs: uint,
});

/** Generations of inbox keys kept at once: one in use, and those that still open what is on its way. */
export const MAX_INBOX_SECRETS = 16;
/** Destroyed inbox keys whose names are remembered. */
export const MAX_DESTROYED = 64;

export const keptIdentity = shape(
  "kept identity",
  {
    version: uint,
    custody: choice(...CUSTODIES),
    /** Signed events, oldest first. */
    log: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** A log of this agent that somebody else wrote and that this folder has no keys for: a rival one, or one that outranks. Else empty. */
    rival: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** Signed certificates of this instance and of those it replaced, oldest first; the last is in use. */
    certificates: list(bytes(3072), 16),
    /** This instance's signed record. */
    record: bytes(9216),
    controlSeed: fixed(32),
    instanceSeed: fixed(32),
    /** Oldest first; the last is in use. */
    inboxSecrets: list(inboxSecret.field, MAX_INBOX_SECRETS),
    /** Only with custody `together`. */
    next: optional(nextSecret.field),
    /** Names of inbox keys that were destroyed, newest last: mail to them is refused with `key-retired`. */
    destroyed: list(fixed(KEY_ID_BYTES), MAX_DESTROYED),
    extensions: extensions(),
  },
  512 * 1024,
);
export type KeptIdentity = ShapeValue<typeof keptIdentity>;

export const SEALED_IDENTITY_DOMAIN: Bytes = utf8("perdure/sealed-identity/1");

/**
 * A kept identity under a passphrase: key = HKDF(Argon2id(passphrase, salt), once), AES-256-GCM with twelve zero bytes as nonce,
 * associated data = the fields before `sealed`, encoded as `sealed identity` with `sealed` empty. `once` is drawn for every write, so no key is
 * used twice.
 */
export const sealedIdentity = shape(
  "sealed identity",
  {
    version: uint,
    purpose: choice("folder", "export"),
    custody: choice(...CUSTODIES),
    /** The identity bundle as it was shown last: who this is can be read without the passphrase. */
    bundle: bytes(MAX_CONTROL_BYTES),
    memoryKiB: uint,
    passes: uint,
    salt: fixed(32),
    once: fixed(32),
    sealed: bytes(512 * 1024 + 16),
    extensions: extensions(),
  },
  640 * 1024,
);
export type SealedIdentity = ShapeValue<typeof sealedIdentity>;

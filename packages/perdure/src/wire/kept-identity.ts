/**
 * An agent's own identity as it lies on its disk: one file, so that it is there as a whole or not at all.
 *
 *   kept identity (deterministic CBOR) | SHA-256 over "perdure/kept-identity/1" and those bytes (32)
 */
import { type Bytes, utf8 } from "./bytes.ts";
import { KEY_ID_BYTES } from "./ids.ts";
import { MAX_EVENT_BYTES, MAX_LOG_EVENTS } from "./limits.ts";
import { bytes, choice, extensions, fixed, list, optional, type ShapeValue, shape, uint } from "./shape.ts";

export const KEPT_IDENTITY_DOMAIN: Bytes = utf8("perdure/kept-identity/1");

/** Who keeps the next control key: a recovery file that leaves the machine, or the agent's folder. */
export const CUSTODIES = ["split", "together"] as const;
export type Custody = (typeof CUSTODIES)[number];

/** What opens the commitments of the inception: the seed of the next control key, and what the recovery commitment hides. */
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

export const keptIdentity = shape(
  "kept identity",
  {
    version: uint,
    custody: choice(...CUSTODIES),
    /** Signed events, oldest first. */
    log: list(bytes(MAX_EVENT_BYTES + 2048), MAX_LOG_EVENTS),
    /** Signed certificates of this instance, oldest first; the last is in use. */
    certificates: list(bytes(3072), 16),
    /** This instance's signed record. */
    record: bytes(9216),
    controlSeed: fixed(32),
    instanceSeed: fixed(32),
    inboxSecrets: list(inboxSecret.field, 8),
    /** Only with custody `together`. */
    next: optional(nextSecret.field),
    extensions: extensions(),
  },
  512 * 1024,
);
export type KeptIdentity = ShapeValue<typeof keptIdentity>;

/**
 * Cryptography with key handles: secret keys of a host may be unreadable (a browser's), so rooms above never see them.
 * Signatures and key agreement may complete in any order; hashing is at once everywhere.
 */
import type { Random } from "./random.ts";

export interface Crypto {
  readonly hash: Hash;
  readonly signatures: Signatures;
  readonly encapsulation: Encapsulation;
  readonly aead: Aead;
  /** Absent where the machine keeps keys unreadable by itself. */
  readonly passphrase?: Passphrase;
  /** There where it does: what `create` gives to keep is a name then. */
  readonly keyStore?: KeyStore;
}

/** Secret keys that nobody can read, by the names that `create` gave. */
export interface KeyStore {
  /** The name of the Ed25519 key of a seed that came from elsewhere, kept from here on as one of `create`; durable when it resolves. */
  takeIn(seed: Uint8Array, random: Random): Promise<Uint8Array>;
  /** Ed25519 keys under names of 32 bytes that were chosen for them: those of seeds that came from elsewhere, or new ones; durable when it resolves. */
  keepAs(keys: readonly NamedKey[]): Promise<void>;
  /** Destroys every key whose public half is gone from use; durable when it resolves. */
  destroy(isGone: (publicKey: Uint8Array) => boolean): Promise<void>;
}

/** The name of a key, and its seed when it came from elsewhere. */
export interface NamedKey {
  readonly name: Uint8Array;
  readonly seed: Uint8Array | undefined;
}

export interface Hash {
  /** SHA-256, 32 bytes. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** HMAC-SHA256, 32 bytes. */
  hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** HKDF-SHA256 (RFC 5869), `lengthBytes` up to 8,160. */
  hkdfSha256(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number): Uint8Array;
  /** CRC-32 as gzip has it, on top of that of what came `before`; there where the machine is faster at it than a program. */
  crc32?(bytes: Uint8Array, before?: number): number;
}

declare const handle: unique symbol;
/** A secret Ed25519 key of this host. */
export interface SigningKey {
  readonly [handle]: "signing";
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}
/** A secret X25519 key of this host. */
export interface DecapsulationKey {
  readonly [handle]: "decapsulation";
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** A new secret key, and the 32 bytes by which this host finds it again: the secret itself, or a name for what it keeps unreadable. */
export interface Created<Key> {
  readonly key: Key;
  readonly kept: Uint8Array;
}

export interface Signatures {
  /** A new Ed25519 key; `kept` means something to this host only. */
  create(random: Random): Promise<Created<SigningKey>>;
  /** The Ed25519 key of what `create` gave to keep, or of a 32-byte seed (RFC 8032). */
  load(kept: Uint8Array): Promise<SigningKey>;
  /** 64 bytes. */
  sign(key: SigningKey, message: Uint8Array): Promise<Uint8Array>;
  /** By the one rule of `ed25519-rule.ts`, whatever library is underneath: every host gives the same answer to the same bytes. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>;
}

/** HPKE (RFC 9180) base mode with DHKEM(X25519, HKDF-SHA256), used only to export a secret; plain X25519 for handshakes. */
export interface Encapsulation {
  /** A new X25519 key; `kept` means something to this host only. */
  create(random: Random): Promise<Created<DecapsulationKey>>;
  /** The X25519 key of what `create` gave to keep, or of 32 bytes. */
  load(kept: Uint8Array): Promise<DecapsulationKey>;
  /** A fresh encapsulated key (32 bytes) for `publicKey` and the exported secret (32 bytes) only its owner can find. */
  encapsulate(publicKey: Uint8Array, info: Uint8Array): Promise<{ readonly encapsulated: Uint8Array; readonly secret: Uint8Array }>;
  /** The exported secret again; a wrong key gives another secret, a malformed one `bad-argument`. */
  decapsulate(key: DecapsulationKey, encapsulated: Uint8Array, info: Uint8Array): Promise<Uint8Array>;
  /** X25519 (RFC 7748): 32 bytes; `bad-argument` when the result is all zero. */
  agree(key: DecapsulationKey, publicKey: Uint8Array): Promise<Uint8Array>;
}

/** AES-256-GCM. Keys here are used once, so the nonce is 12 zero bytes. */
export interface Aead {
  /** Ciphertext and 16-byte tag. */
  seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Promise<Uint8Array>;
  /** The plaintext, or `undefined` when key, ciphertext or associated data do not belong together. */
  open(key: Uint8Array, ciphertext: Uint8Array, associated: Uint8Array): Promise<Uint8Array | undefined>;
}

/** How much work a guess of a passphrase costs: memory in KiB, and how often all of it is gone through. */
export interface PassphraseCost {
  readonly memoryKiB: number;
  readonly passes: number;
}

/** Argon2id (RFC 9106) with one lane: a key from something a person remembers. */
export interface Passphrase {
  /** 32 bytes; `salt` has 16 to 64. */
  derive(passphrase: string, salt: Uint8Array, cost: PassphraseCost): Promise<Uint8Array>;
}

/**
 * A kept identity under a passphrase: the layout is told in `wire/kept-identity.ts`.
 *
 * What must hold: no AEAD key is used for two writes (each draws its own `once`); what a file asks for in memory and passes is
 * bounded before it is granted; a wrong passphrase and a damaged file are told apart (the file has a checksum of its own).
 */
import type { Crypto, PassphraseCost } from "../host/crypto.ts";
import type { Random } from "../host/random.ts";
import type { Settings } from "../settings/register.ts";
import { type Bytes, concat, EMPTY, utf8 } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { type KeptIdentity, keptIdentity, SEALED_IDENTITY_DOMAIN, type SealedIdentity, sealedIdentity } from "../wire/kept-identity.ts";
import { WIRE_VERSION } from "../wire/limits.ts";

const KEY_BYTES = 32;
const SALT_BYTES = 32;
/** What a file may ask for at most: 1 GiB, gone through 32 times. */
const MAX_MEMORY_KIB = 1024 * 1024;
const MAX_PASSES = 32;
const MIN_MEMORY_KIB = 8;
/** Letters of a passphrase, NFC. */
const MAX_LETTERS = 1024;

/** A passphrase that was turned into a key; what it seals can be opened by the passphrase alone. */
export interface SealingKey {
  readonly salt: Bytes;
  readonly cost: PassphraseCost;
  readonly key: Bytes;
}

/** Takes a fraction of a second and the memory `cost` says. `bad-argument` for no passphrase, or on a machine that cannot. */
export async function sealingKey(crypto: Crypto, passphrase: string, salt: Bytes, cost: PassphraseCost): Promise<SealingKey> {
  if (passphrase.length === 0 || passphrase.length > MAX_LETTERS)
    throw new PerdureError("bad-argument", `a passphrase has 1 to ${MAX_LETTERS} letters`);
  if (crypto.passphrase === undefined)
    throw new PerdureError("unsupported-platform", "this machine makes no keys of passphrases", {
      hint: "Leave the passphrase out; keys are kept unreadable here by the machine itself.",
    });
  return { salt, cost, key: await crypto.passphrase.derive(passphrase, salt, cost) };
}

/** What a guess costs in what is written from here on. */
export function costOf({ passphraseMemoryKiB, passphrasePasses }: Settings): PassphraseCost {
  return { memoryKiB: passphraseMemoryKiB, passes: passphrasePasses };
}

/** As {@link sealingKey}, for something new. */
export async function newSealingKey(crypto: Crypto, random: Random, passphrase: string, cost: PassphraseCost): Promise<SealingKey> {
  return await sealingKey(crypto, passphrase, random.bytes(SALT_BYTES), cost);
}

export interface ToSeal {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly by: SealingKey;
  readonly purpose: SealedIdentity["purpose"];
  readonly kept: KeptIdentity;
  /** Stays readable. */
  readonly bundle: Bytes;
}

export async function sealIdentity({ crypto, random, by, purpose, kept, bundle }: ToSeal): Promise<SealedIdentity> {
  const open: SealedIdentity = {
    version: WIRE_VERSION,
    purpose,
    custody: kept.custody,
    bundle,
    memoryKiB: by.cost.memoryKiB,
    passes: by.cost.passes,
    salt: by.salt,
    once: random.bytes(SALT_BYTES),
    sealed: EMPTY,
    extensions: [],
  };
  const key = onceKey(crypto, by.key, open.once);
  return { ...open, sealed: await crypto.aead.seal(key, keptIdentity.encode(kept), sealedIdentity.encode(open)) };
}

export interface OpenedIdentity {
  readonly kept: KeptIdentity;
  /** Seals what is written next. */
  readonly by: SealingKey;
}

/** Throws `passphrase-required` without one, `wrong-passphrase`, `key-damaged` when the file asks for more than anybody wrote. */
export async function unsealIdentity(
  crypto: Crypto,
  sealed: SealedIdentity,
  passphrase: string | undefined,
  what: string,
): Promise<OpenedIdentity> {
  if (passphrase === undefined)
    throw new PerdureError("passphrase-required", `${what} is sealed with a passphrase`, {
      hint: "Give it on the terminal, with --passphrase-file <file>, or in PERDURE_PASSPHRASE.",
    });
  const { memoryKiB, passes } = sealed;
  if (memoryKiB < MIN_MEMORY_KIB || memoryKiB > MAX_MEMORY_KIB || passes < 1 || passes > MAX_PASSES)
    throw new PerdureError("key-damaged", `${what} asks for ${memoryKiB} KiB and ${passes} passes, which no version writes`, {
      hint: "Put the file back from a backup; nothing was changed.",
    });
  const by = await sealingKey(crypto, passphrase, sealed.salt, { memoryKiB, passes });
  return { kept: await openSealed(crypto, sealed, by, what), by };
}

/** Throws `wrong-passphrase` when it was sealed with another. */
export async function openSealed(crypto: Crypto, sealed: SealedIdentity, by: SealingKey, what: string): Promise<KeptIdentity> {
  const associated = sealedIdentity.encode({ ...sealed, sealed: EMPTY });
  const plain = await crypto.aead.open(onceKey(crypto, by.key, sealed.once), sealed.sealed, associated);
  if (plain === undefined)
    throw new PerdureError("wrong-passphrase", `this is not the passphrase of ${what}`, { hint: "Try again; nothing was changed." });
  return keptIdentity.decode(plain);
}

function onceKey(crypto: Crypto, key: Bytes, once: Bytes): Bytes {
  return crypto.hash.hkdfSha256(key, once, concat(SEALED_IDENTITY_DOMAIN, utf8(" key")), KEY_BYTES);
}

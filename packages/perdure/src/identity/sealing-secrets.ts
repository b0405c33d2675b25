/**
 * Secrets of suite 2 at the sender: one encapsulation for the messages of a while to one recipient, in memory only.
 *
 * What must hold: a secret serves one pair of agents, one inbox key and one suite, all of which its info names, and one instance of the
 * sender; at most MAX_USES messages and LIFE_MS by either clock, so that what a sleeping or restored machine still has in memory is
 * not used. How often it is used matters to whoever takes the memory, not to the keys: those are of one text each, however many there are
 * (see `sealing.ts`), also when a snapshot with the secret in it is started twice and each of the two counts for itself.
 */
import type { Clock } from "../host/clock.ts";
import type { Crypto } from "../host/crypto.ts";
import type { Random } from "../host/random.ts";
import { FIXED } from "../settings/fixed.ts";
import { type Bytes, concat, EMPTY, equalBytes } from "../wire/bytes.ts";
import { SUITE_X25519_AES256GCM_MANY } from "../wire/envelope.ts";
import { DOMAINS, type InboxKey } from "../wire/identity.ts";
import type { OwnIdentity } from "./own-identity.ts";
import type { VerifiedIdentity } from "./verify.ts";

/** Recipients at once; whoever was not written to for longest gets another encapsulation with the next message. */
const MAX_RECIPIENTS = 1024;
/** Random bytes of a salt, and how many are drawn at once: no secret, and each salt depends on its text besides. */
const SALT_BYTES = 32;
const SALTS_DRAWN = 32;
const MAX_USES = FIXED.sealedBySecret.value;
export const SECRET_LIFE_MS: number = FIXED.sealingSecretMs.value;

export interface EncapsulatedSecret {
  /** 32 bytes. */
  readonly encapsulated: Bytes;
  /** 32 bytes. */
  readonly secret: Bytes;
}

export interface SealingSecrets {
  /** The secret to seal the next message with. Throws what the encapsulation throws; the next call tries again. */
  take(own: Pick<OwnIdentity, "idRaw" | "instanceKey">, recipient: VerifiedIdentity, inboxKey: InboxKey): Promise<EncapsulatedSecret>;
  /** 32 random bytes for a salt. */
  salt(): Bytes;
  /** Forgets what may not be used any more. */
  sweep(): void;
  forgetAll(): void;
  readonly size: number;
}

interface Entry {
  readonly from: Bytes;
  readonly to: Bytes;
  readonly keyId: Bytes;
  /** Of the instance that signs what is sealed with it: after its keys were replaced nothing of before is gone on with. */
  readonly instanceKey: Bytes;
  readonly made: Promise<EncapsulatedSecret>;
  readonly madeAtMs: number;
  readonly madeAtWallMs: number;
  uses: number;
}

export interface SealingSecretsOptions {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
}

export function createSealingSecrets({ clock, crypto, random }: SealingSecretsOptions): SealingSecrets {
  // bound: MAX_RECIPIENTS
  const entries = new Map<string, Entry>();
  let drawn = EMPTY;
  let drawnAt = 0;

  /** Who was written to last, and so is the last to go. */
  let latest: Entry | undefined;

  const isUsable = ({ uses, madeAtMs, madeAtWallMs }: Entry): boolean =>
    uses < MAX_USES && isYoung(clock.monotonicMs() - madeAtMs) && isYoung(clock.wallMs() - madeAtWallMs);

  return {
    async take({ idRaw, instanceKey }, { id, idRaw: to }, inboxKey) {
      const { keyId } = inboxKey;
      const held = entries.get(id);
      const goesOn =
        held !== undefined &&
        isUsable(held) &&
        equalBytes(held.from, idRaw) &&
        equalBytes(held.to, to) &&
        equalBytes(held.keyId, keyId) &&
        equalBytes(held.instanceKey, instanceKey.publicKey);
      const entry: Entry = goesOn
        ? held
        : {
            from: idRaw,
            to,
            keyId,
            instanceKey: instanceKey.publicKey,
            made: crypto.encapsulation.encapsulate(inboxKey.publicKey, infoOfMany(idRaw, to, keyId)),
            madeAtMs: clock.monotonicMs(),
            madeAtWallMs: clock.wallMs(),
            uses: 0,
          };
      entry.uses++;
      if (entry !== latest) {
        entries.delete(id);
        entries.set(id, entry);
        latest = entry;
      }
      if (entries.size > MAX_RECIPIENTS) entries.delete(entries.keys().next().value as string);
      try {
        return await entry.made;
      } catch (error) {
        if (entries.get(id) === entry) entries.delete(id);
        latest = undefined;
        throw error;
      }
    },
    salt() {
      if (drawnAt >= drawn.length) {
        drawn = random.bytes(SALTS_DRAWN * SALT_BYTES);
        drawnAt = 0;
      }
      drawnAt += SALT_BYTES;
      return drawn.subarray(drawnAt - SALT_BYTES, drawnAt);
    },
    sweep() {
      for (const [id, entry] of entries) if (!isUsable(entry)) entries.delete(id);
      latest = undefined;
    },
    forgetAll() {
      entries.clear();
      latest = undefined;
    },
    get size() {
      return entries.size;
    },
  };
}

/** By a clock that may have gone back. */
function isYoung(ageMs: number): boolean {
  return ageMs >= 0 && ageMs < SECRET_LIFE_MS;
}

/** What a secret of suite 2 is bound to. All of fixed length but the domain; the key itself is bound by the encapsulation. */
export function infoOfMany(from: Bytes, to: Bytes, inboxKeyId: Bytes): Bytes {
  return concat(DOMAINS.sealMany, Uint8Array.of(0, SUITE_X25519_AES256GCM_MANY), from, to, inboxKeyId);
}

/**
 * Cryptography whose results arrive as events of a world: in any order, as browsers deliver them, and in the same order
 * for the same seed however long the real computation takes.
 */
import type { Crypto } from "../crypto.ts";

/** Calls `finish` when the world has come to the result, or never. What it returns is waited for before the next event. */
export type ResultDelay = (finish: () => Promise<void>) => void;

export function createOrderedCrypto(inner: Crypto, delay: ResultDelay): Crypto {
  const ordered = <Value>(work: Promise<Value>): Promise<Value> => {
    const settled = work.then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    return new Promise((resolve, reject) =>
      delay(async () => {
        const outcome = await settled;
        if ("error" in outcome) reject(outcome.error);
        else resolve(outcome.value);
      }),
    );
  };
  const { signatures, encapsulation, aead, passphrase, keyStore } = inner;
  return {
    hash: inner.hash,
    signatures: {
      create: (random) => ordered(signatures.create(random)),
      load: (kept) => ordered(signatures.load(kept)),
      sign: (key, message) => ordered(signatures.sign(key, message)),
      verify: (publicKey, message, signature) => ordered(signatures.verify(publicKey, message, signature)),
    },
    encapsulation: {
      create: (random) => ordered(encapsulation.create(random)),
      load: (kept) => ordered(encapsulation.load(kept)),
      encapsulate: (publicKey, info) => ordered(encapsulation.encapsulate(publicKey, info)),
      decapsulate: (key, encapsulated, info) => ordered(encapsulation.decapsulate(key, encapsulated, info)),
      agree: (key, publicKey) => ordered(encapsulation.agree(key, publicKey)),
    },
    aead: {
      seal: (key, plaintext, associated) => ordered(aead.seal(key, plaintext, associated)),
      open: (key, ciphertext, associated) => ordered(aead.open(key, ciphertext, associated)),
    },
    ...(keyStore === undefined
      ? {}
      : {
          keyStore: {
            takeIn: (seed, random) => ordered(keyStore.takeIn(seed, random)),
            keepAs: (keys) => ordered(keyStore.keepAs(keys)),
            destroy: (isGone) => ordered(keyStore.destroy(isGone)),
          },
        }),
    ...(passphrase === undefined ? {} : { passphrase: { derive: (words, salt, cost) => ordered(passphrase.derive(words, salt, cost)) } }),
  };
}

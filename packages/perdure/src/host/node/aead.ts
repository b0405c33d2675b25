import { createCipheriv, createDecipheriv, createSecretKey } from "node:crypto";
import type { Aead } from "../crypto.ts";
import { plainBytes, requireLength } from "./raw-bytes.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const ZERO_NONCE: Uint8Array = new Uint8Array(12);

/** Keys as handles: Node looks a key of bytes through three times as long as it takes to seal a short message. */
export function createNodeAead(): Aead {
  return {
    seal: async (key, plaintext, associated) => {
      requireLength(key, KEY_BYTES, "the key");
      const cipher = createCipheriv(ALGORITHM, createSecretKey(key), ZERO_NONCE);
      cipher.setAAD(associated);
      const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
      sealed.set(cipher.update(plaintext));
      cipher.final();
      sealed.set(cipher.getAuthTag(), plaintext.length);
      return sealed;
    },
    open: async (key, ciphertext, associated) => {
      requireLength(key, KEY_BYTES, "the key");
      if (ciphertext.length < TAG_BYTES) return undefined;
      const decipher = createDecipheriv(ALGORITHM, createSecretKey(key), ZERO_NONCE, { authTagLength: TAG_BYTES });
      decipher.setAAD(associated);
      decipher.setAuthTag(ciphertext.subarray(-TAG_BYTES));
      const plaintext = decipher.update(ciphertext.subarray(0, -TAG_BYTES));
      try {
        decipher.final();
      } catch {
        return undefined;
      }
      return plainBytes(plaintext);
    },
  };
}

import type { Aead } from "../crypto.ts";
import { requireLength } from "../exact-length.ts";
import { bufferOf } from "./buffer.ts";

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const ALGORITHM = "AES-GCM";

export function createBrowserAead(): Aead {
  const use = async (key: Uint8Array, usage: "encrypt" | "decrypt", associated: Uint8Array) => {
    requireLength(key, KEY_BYTES, "the key");
    const imported = await crypto.subtle.importKey("raw", bufferOf(key), ALGORITHM, false, [usage]);
    return { imported, how: { name: ALGORITHM, iv: new Uint8Array(12), additionalData: bufferOf(associated), tagLength: TAG_BYTES * 8 } };
  };
  return {
    seal: async (key, plaintext, associated) => {
      const { imported, how } = await use(key, "encrypt", associated);
      return new Uint8Array(await crypto.subtle.encrypt(how, imported, bufferOf(plaintext)));
    },
    open: async (key, ciphertext, associated) => {
      const { imported, how } = await use(key, "decrypt", associated);
      if (ciphertext.length < TAG_BYTES) return undefined;
      try {
        return new Uint8Array(await crypto.subtle.decrypt(how, imported, bufferOf(ciphertext)));
      } catch {
        return undefined;
      }
    },
  };
}

/** Argon2id of OpenSSL, off the main thread. */
import { argon2 } from "node:crypto";
import type { Passphrase } from "../crypto.ts";
import { plainBytes } from "./raw-bytes.ts";

const KEY_BYTES = 32;

export function createNodePassphrase(): Passphrase {
  return {
    derive: (passphrase, salt, { memoryKiB, passes }) =>
      new Promise((resolve, reject) => {
        const parameters = {
          message: passphrase.normalize("NFC"),
          nonce: salt,
          parallelism: 1,
          tagLength: KEY_BYTES,
          memory: memoryKiB,
          passes,
        };
        argon2("argon2id", parameters, (error, key) => (error === null ? resolve(plainBytes(key)) : reject(error)));
      }),
  };
}

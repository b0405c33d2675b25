import type { Crypto } from "../crypto.ts";
import { createNodeAead } from "./aead.ts";
import { createNodeEncapsulation } from "./encapsulation.ts";
import { createNodeHash } from "./hash.ts";
import { createNodePassphrase } from "./passphrase.ts";
import { createNodeSignatures } from "./signatures.ts";

/** Cryptography of Node (OpenSSL); HPKE from the `hpke` package over WebCrypto. */
export function createNodeCrypto(): Crypto {
  return {
    hash: createNodeHash(),
    signatures: createNodeSignatures(),
    encapsulation: createNodeEncapsulation(),
    aead: createNodeAead(),
    passphrase: createNodePassphrase(),
  };
}

import type { Crypto } from "../crypto.ts";
import { createBrowserAead } from "./aead.ts";
import type { Database } from "./database.ts";
import { createBrowserEncapsulation } from "./encapsulation.ts";
import { createBrowserHash } from "./hash.ts";
import { createKeyVault } from "./key-vault.ts";
import { createBrowserSignatures, keyOfSeed, newKey } from "./signatures.ts";

/** WebCrypto for secrets, hashing in the page; HPKE from the `hpke` package. */
export function createBrowserCrypto(database: Database): Crypto {
  const vault = createKeyVault(database);
  return {
    hash: createBrowserHash(),
    signatures: createBrowserSignatures(vault),
    encapsulation: createBrowserEncapsulation(vault),
    aead: createBrowserAead(),
    keyStore: {
      takeIn: async (seed, random) => await vault.keep(random, await keyOfSeed(seed)),
      keepAs: async (keys) =>
        await vault.keepAs(
          await Promise.all(keys.map(async ({ name, seed }) => ({ name, key: await (seed === undefined ? newKey() : keyOfSeed(seed)) }))),
        ),
      destroy: vault.destroy,
    },
  };
}

/** Every key that ever sealed something in a world, snapshots and copies included, and what it sealed: never two texts (invariant 8). */
import type { Hash } from "../packages/perdure/src/host/crypto.ts";
import { concat, hex } from "../packages/perdure/src/wire/bytes.ts";
import { createAged } from "./aged.ts";
import { InvariantBroken } from "./ledger.ts";

export interface SealBook {
  /** Throws when that key sealed something else before. The nonce is always zero, so the key alone decides. */
  sealed(host: string, key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): void;
  readonly keys: number;
  /** Keys that were used before the last call are forgotten. */
  age(): void;
}

export function createSealBook({ sha256 }: Pick<Hash, "sha256">): SealBook {
  const texts = createAged<string, string>();
  let keys = 0;
  return {
    sealed: (host, key, plaintext, associated) => {
      const text = hex(sha256(concat(sha256(plaintext), associated)));
      const name = hex(key);
      const known = texts.get(name);
      if (known !== undefined && known !== text) throw new InvariantBroken("8 sealing", `${host} sealed two texts with one key`);
      if (known === undefined) keys++;
      texts.set(name, text);
    },
    get keys() {
      return keys;
    },
    age: () => texts.age(),
  };
}

/** Secret keys that no script can read, in the database of the origin, under names of 32 random bytes. */
import { hex } from "../../wire/bytes.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Random } from "../random.ts";
import type { Database } from "./database.ts";

const NAME_BYTES = 32;
/** Greater than every name. */
const AFTER = "\uffff";

/** A key of WebCrypto as this host hands it around. */
export type PageKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

export interface VaultKey {
  readonly algorithm: string;
  readonly secret: PageKey;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export interface KeyVault {
  /** Keeps a key; durable when it resolves with its name. */
  keep(random: Random, key: VaultKey): Promise<Uint8Array>;
  /** Keeps keys under names that were chosen for them, all or none; durable when it resolves. */
  keepAs(keys: readonly { readonly name: Uint8Array; readonly key: VaultKey }[]): Promise<void>;
  /** Durable when it resolves. */
  destroy(isGone: (publicKey: Uint8Array) => boolean): Promise<void>;
  /** The key of a name, if there is one; `bad-argument` when it is for something else. */
  find(name: Uint8Array, algorithm: string): Promise<VaultKey | undefined>;
}

export function createKeyVault(database: Database): KeyVault {
  const keepAs: KeyVault["keepAs"] = async (keys) => {
    if (keys.some(({ key }) => key.secret.extractable))
      throw new PerdureError("internal", "a secret key that scripts can read is not to be kept");
    await database.change("keep keys", ["keys"], async ({ store }) => {
      for (const { name, key } of keys) store("keys").put(key, hex(name));
    });
  };
  return {
    keep: async (random, key) => {
      const name = random.bytes(NAME_BYTES);
      await keepAs([{ name, key }]);
      return name;
    },
    keepAs,
    destroy: (isGone) =>
      database.change("destroy keys", ["keys"], async ({ store, result }) => {
        const everything = database.ranges.bound("", AFTER);
        const [names, keys] = await Promise.all([result(store("keys").getAllKeys(everything)), result(store("keys").getAll(everything))]);
        for (const [at, key] of keys.entries()) if (isGone((key as VaultKey).publicKey)) store("keys").delete(names[at]);
      }),
    find: async (name, algorithm) => {
      const found = (await database.look("find a key", ["keys"], ({ store, result }) => result(store("keys").get(hex(name))))) as
        | VaultKey
        | undefined;
      if (found !== undefined && found.algorithm !== algorithm)
        throw new PerdureError("bad-argument", `the key is for ${found.algorithm}, not for ${algorithm}`);
      return found;
    },
  };
}

/** Runs a call of WebCrypto; a browser without the algorithm is `unsupported-platform`. */
export async function withAlgorithm<Value>(algorithm: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && cause.name === "NotSupportedError")
      throw new PerdureError("unsupported-platform", `this browser has no ${algorithm}`, {
        hint: "Use Chrome 137, Firefox 130, Safari 17 or newer.",
        cause,
      });
    throw cause;
  }
}

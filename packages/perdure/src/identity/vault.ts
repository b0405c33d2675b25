/** The file of a kept identity, in a folder that the caller has locked: replaced as a whole, plain or sealed with a passphrase. */
import type { Crypto } from "../host/crypto.ts";
import type { Files } from "../host/files.ts";
import type { Random } from "../host/random.ts";
import { type Bytes, equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { decodeKeptFile, encodeKeptFile, KEPT_FILE_BYTES } from "./kept-file.ts";
import { openSealed, type SealingKey, sealIdentity } from "./passphrase.ts";
import { asidePath, readWhole, writeAside } from "./whole-file.ts";

export interface Vault {
  readonly path: string;
  readonly isSealed: boolean;
  /** Durable beside its place, and read back there; what was there before still counts. */
  prepare(kept: KeptIdentity, bundle: Bytes): Promise<void>;
  /** What was prepared takes its place, in one step. */
  release(): Promise<void>;
  /** What is written from here on is sealed with this, or plain; what comes back undoes that. */
  sealWith(by: SealingKey | undefined): () => void;
}

export interface VaultOptions {
  readonly files: Files;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly path: string;
  readonly by: SealingKey | undefined;
}

export function createVault({ files, crypto, random, path, by: first }: VaultOptions): Vault {
  let by = first;
  return {
    path,
    get isSealed() {
      return by !== undefined;
    },
    async prepare(kept, bundle) {
      const sealed = by === undefined ? undefined : await sealIdentity({ crypto, random, by, purpose: "folder", kept, bundle });
      const bytes = encodeKeptFile(crypto.hash, sealed === undefined ? { kind: "plain", kept } : { kind: "sealed", sealed });
      await writeAside(files, path, bytes);
      const read = await readWhole(files, asidePath(path), KEPT_FILE_BYTES);
      if (read === undefined || !equalBytes(read, bytes))
        throw new PerdureError("disk-failed", `the identity for ${path} does not read back as written`, {
          hint: "This disk cannot be trusted with keys. Nothing was changed.",
        });
      const file = decodeKeptFile(crypto.hash, read, path);
      if (file.kind === "plain") return;
      if (by === undefined) throw new PerdureError("internal", "a sealed file was read back where a plain one was written");
      await openSealed(crypto, file.sealed, by, path);
    },
    release: () => files.rename(asidePath(path), path),
    sealWith(next) {
      const before = by;
      by = next;
      return () => {
        by = before;
      };
    },
  };
}

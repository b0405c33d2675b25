/**
 * An identity from its export file, in a folder that has none.
 *
 * What must hold: the restored folder never acts as the instance that was exported, which may still be running elsewhere: before
 * anything is written the log is brought up to what others hold of it, and the instance is replaced. Where it cannot be, because the
 * control key was replaced or two histories contradict each other, the folder is written for a rotation to take it back.
 */
import type { Host } from "../host/host.ts";
import type { Settings } from "../settings/register.ts";
import type { Bytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { createActingIdentity, type OwnIdentity } from "./acting-identity.ts";
import { identityPath, readShown } from "./custody.ts";
import { openExportFile } from "./export-file.ts";
import { openIdentity } from "./own-identity.ts";
import { loadState } from "./own-state.ts";
import { costOf, newSealingKey } from "./passphrase.ts";
import { createVault, type Vault } from "./vault.ts";

export interface RestoreIdentity {
  readonly host: Host;
  /** Locked by the caller. */
  readonly folder: string;
  readonly settings: Settings;
  readonly file: Bytes;
  /** Of the export file. */
  readonly passphrase: string | undefined;
  /** Seals the folder; absent: it has none. */
  readonly folderPassphrase?: string | undefined;
  /** What others hold of this agent: its bundle as its home has it, or `undefined`. */
  readonly newest: (own: OwnIdentity) => Promise<Bytes | undefined>;
}

/** Throws `agent-exists`, `key-damaged`, `bad-argument`, `passphrase-required`, `wrong-passphrase`, what `newest` throws and what the disk says. */
export async function restoreIdentity(wish: RestoreIdentity): Promise<OwnIdentity> {
  const { host, folder, settings, file, passphrase, folderPassphrase, newest } = wish;
  const { files, crypto, random, clock } = host;
  if ((await readShown(files, crypto.hash, folder)) !== undefined)
    throw new PerdureError("agent-exists", `there is an identity in ${folder} already`, { hint: "Name an empty folder with --at." });
  const kept = await openExportFile(crypto, file, passphrase, "the export file");
  const path = identityPath(folder);
  const memory = inMemory(kept, path);
  const own = createActingIdentity({ host, settings, vault: memory, first: await loadState(crypto, kept, path) });
  const bundle = await newest(own);
  const nowMs = clock.wallMs();
  if (bundle !== undefined) await own.adopt(bundle, nowMs);
  if (own.standing === "in-force") await own.replaceInstance(nowMs);
  const by = folderPassphrase === undefined ? undefined : await newSealingKey(crypto, random, folderPassphrase, costOf(settings));
  const vault = createVault({ files, crypto, random, path, by });
  await vault.prepare(memory.kept(), own.bundle());
  await vault.release();
  return await openIdentity({ host, folder, settings, ...(folderPassphrase === undefined ? {} : { passphrase: folderPassphrase }) });
}

/** Keeps an identity nowhere but here, until it is known what becomes of it. */
function inMemory(first: KeptIdentity, path: string): Vault & { kept(): KeptIdentity } {
  let kept = first;
  let prepared = first;
  return {
    path,
    isSealed: false,
    prepare: async (next) => {
      prepared = next;
    },
    release: async () => {
      kept = prepared;
    },
    sealWith: () => () => undefined,
    kept: () => kept,
  };
}

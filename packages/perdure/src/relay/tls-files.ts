/**
 * Certificate and key of a relay that ends TLS itself, from files somebody else renews. Changed files are taken for new
 * connections; what cannot be used changes nothing and is said.
 */
import type { Clock } from "../host/clock.ts";
import type { Files } from "../host/files.ts";
import type { TlsMaterial } from "../host/net.ts";
import { readWhole } from "../identity/whole-file.ts";
import { equalBytes } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";

export interface TlsPaths {
  /** PEM files: the certificate with the chain behind it, and its private key. */
  readonly certificateFile: string;
  readonly keyFile: string;
}

const MAX_BYTES = 1024 * 1024;

/** `not-found`, or what the disk says. */
export async function readTls(files: Files, { certificateFile, keyFile }: TlsPaths): Promise<TlsMaterial> {
  const whole = async (path: string): Promise<Uint8Array> => {
    const bytes = await readWhole(files, path, MAX_BYTES);
    if (bytes === undefined)
      throw new PerdureError("not-found", `there is no file ${path}`, { hint: "Name the PEM files of the certificate and its key." });
    return bytes;
  };
  return { certificate: await whole(certificateFile), key: await whole(keyFile) };
}

export interface TlsWatch {
  readonly files: Files;
  readonly clock: Clock;
  readonly paths: TlsPaths;
  readonly inUse: TlsMaterial;
  readonly everyMs: number;
  /** Takes the new pair; throws when it cannot be used. */
  readonly renew: (tls: TlsMaterial) => void;
  readonly renewed: () => void;
  /** Said once for each reason, however often it is met. */
  readonly failed: (why: string) => void;
}

/** Looks at the files every `everyMs` until called off. */
export function watchTls(watch: TlsWatch): () => void {
  let inUse = watch.inUse;
  let said = "";
  let stopped = false;
  let cancel = (): void => {};

  const look = async (): Promise<void> => {
    try {
      const found = await readTls(watch.files, watch.paths);
      said = equalTls(found, inUse) ? "" : said;
      if (stopped || equalTls(found, inUse)) return;
      watch.renew(found);
      inUse = found;
      said = "";
      watch.renewed();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== said && !stopped) watch.failed(why);
      said = why;
    }
  };
  const arm = (): void => {
    if (stopped) return;
    cancel = watch.clock.after(watch.everyMs, () => void look().finally(arm));
  };
  arm();
  return () => {
    stopped = true;
    cancel();
  };
}

function equalTls(one: TlsMaterial, other: TlsMaterial): boolean {
  return equalBytes(one.certificate, other.certificate) && equalBytes(one.key, other.key);
}

/** Makes the folder of a relay from a backup: copied and checked beside its place, so that its place holds all of it or nothing. */
import type { Host } from "../host/host.ts";
import { replaceFile } from "../identity/whole-file.ts";
import { PerdureError } from "../wire/error.ts";
import { type BackupList, encodeRestored, RESTORED_FILE } from "../wire/relay-backup.ts";
import { copyFile, readBackupList } from "./backup.ts";
import { type FolderReport, verifyFolder } from "./verify-folder.ts";

export interface Restore {
  readonly host: Pick<Host, "files" | "crypto" | "clock">;
  /** Holds a backup. */
  readonly from: string;
  /** Empty: what is put together there is the relay's folder once this resolves, under whatever name it gets. */
  readonly into: string;
  readonly progress?: (bytes: number, of: number) => void;
}

export interface Restored {
  readonly list: BackupList;
  readonly report: FolderReport;
}

/**
 * Throws `not-found` where no backup is whole, `log-damaged` when a file of it is not what was copied, or no relay could start on what
 * comes of it.
 */
export async function restoreBackup({ host, from, into, progress }: Restore): Promise<Restored> {
  const list = await readBackupList(host, from);
  if (list === undefined)
    throw new PerdureError("not-found", `${from} holds no backup that was finished`, { hint: "Make one: perdure relay backup." });
  const all = list.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  for (const part of [...list.segments, ...list.state]) {
    const source = part.path.startsWith("log/") ? `${from}/${part.path}` : `${from}/state-${list.number}/${part.path}`;
    const before = done;
    const copy = await copyFile(host, source, `${into}/${part.path}`, part.path, part.bytes, async (more) =>
      progress?.(before + more, all),
    );
    done += part.bytes;
    if (copy.digest === part.digest) continue;
    throw new PerdureError("log-damaged", `${source} is not what was copied there`, {
      hint: "Use another backup. Its other files can be copied by hand into a folder; perdure relay verify says what that is worth.",
    });
  }
  await replaceFile(host.files, `${into}/${RESTORED_FILE}`, encodeRestored(list.takenAtMs, host.clock.wallMs()));
  const report = await verifyFolder({ host, folder: into, isRunning: false });
  if (!report.opens || report.id !== list.relay)
    throw new PerdureError(
      "log-damaged",
      `no relay could start on what ${from} holds: ${report.problems[0]?.what ?? "it is of another relay"}`,
      {
        hint: "Use another backup.",
      },
    );
  return { list, report };
}

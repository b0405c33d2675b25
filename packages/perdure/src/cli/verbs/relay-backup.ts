/** `perdure relay backup` and `perdure relay restore`. */
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { backUp } from "../../relay/backup.ts";
import { restoreBackup } from "../../relay/restore.ts";
import { PerdureError } from "../../wire/error.ts";
import { relayFolder } from "../folder.ts";
import type { Verb } from "../invocation.ts";
import { countText, dateText, numberText, sizeText } from "../quantity.ts";
import type { Terminal } from "../terminal.ts";
import type { RelayFolderWords } from "../words.ts";

export function relayBackupVerb(given: string, options: RelayFolderWords): Verb {
  return async ({ terminal, host, environment, signal }) => {
    const folder = relayFolder(options.folder, environment);
    const to = resolve(given);
    const report = await backUp({ host, folder, to, signal, progress: copying(terminal) });
    terminal.object({ type: "backup", folder, to, ...report });
    terminal.line(`backup ${report.number} of ${report.relay}`);
    terminal.line(`as of   ${dateText(report.takenAtMs)}`);
    terminal.line(
      `log     ${countText(report.segments, "file")}, ${sizeText(report.bytes)}; copied now: ${numberText(report.copied)}, ${sizeText(report.copiedBytes)}`,
    );
    terminal.line(`in      ${to}`);
    terminal.note("the relay's keys are in it: keep it as you keep those");
    return 0;
  };
}

export function relayRestoreVerb(given: string, options: RelayFolderWords): Verb {
  return async ({ terminal, host, environment }) => {
    const folder = relayFolder(options.folder, environment);
    const beside = `${folder}.restoring`;
    await mustBeEmpty(folder, "Restore into another folder, or move what is there away.");
    await mustBeEmpty(beside, "A restore that did not end left it: remove it.");
    const { list, report } = await restoreBackup({ host, from: resolve(given), into: beside, progress: copying(terminal) });
    await host.files.rename(beside, folder);
    terminal.object({ type: "restored", folder, relay: list.relay, number: list.number, takenAtMs: list.takenAtMs, ...report });
    terminal.line(`${list.relay} as of ${dateText(list.takenAtMs)}`);
    terminal.line(
      `waiting ${countText(report.waitingMessages, "message")}, ${sizeText(report.waitingBytes)}; agents ${numberText(report.agents)}`,
    );
    terminal.line(`folder  ${folder}`);
    if (report.problems.length > 0) terminal.trouble("WARNING the log was damaged when it was copied: perdure relay verify says where");
    terminal.note("what the relay took since then is gone; never run it beside the one it was made of");
    return 0;
  };
}

function copying(terminal: Terminal): (bytes: number, of: number) => void {
  return (bytes, of) => terminal.progress(`${sizeText(bytes)} of ${sizeText(of)} copied`);
}

async function mustBeEmpty(folder: string, hint: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw new PerdureError("bad-argument", `${folder} cannot be read (${error.code})`, { cause: error });
  });
  if (names.length > 0) throw new PerdureError("bad-argument", `${folder} is not empty`, { hint });
}

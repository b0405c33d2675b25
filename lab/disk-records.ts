/** The records that lie in an image of a disk, read as a process that opens the folder would read them. */
import { silentLog } from "../packages/perdure/src/host/log.ts";
import { createNodeHash } from "../packages/perdure/src/host/node/hash.ts";
import { createDisk, createMemoryFiles, createWorld } from "../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../packages/perdure/src/store/log/open-log.ts";

export type Image = ReadonlyMap<string, Uint8Array>;

/** Calls `onRecord` with each record of the log of that kind under `under`, oldest first; nothing when there is none. */
export async function readRecords(image: Image, under: string, magic: string, onRecord: (record: Uint8Array) => void): Promise<void> {
  const folder = [...image.keys()].find((path) => path.endsWith(".log") && path.startsWith(under))?.replace(/\/[^/]*$/, "");
  if (folder === undefined) return;
  const world = createWorld({ seed: "audit", hash: createNodeHash() });
  const { clock, random } = world.host("auditor");
  const log = await openRecordLog({
    clock,
    random,
    files: createMemoryFiles(createDisk(image)),
    log: silentLog,
    folder,
    magic,
    segmentBytes: 1 << 20,
    diskRetryMs: 1000,
    snapshot: () => [],
    replay: onRecord,
  });
  await log[Symbol.asyncDispose]();
}

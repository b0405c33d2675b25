/** The records that lie in an image of a disk, read as a process that opens the folder would read them. */
import { silentLog } from "../packages/perdure/src/host/log.ts";
import { createNodeHash } from "../packages/perdure/src/host/node/hash.ts";
import { createDisk, createMemoryFiles, createWorld } from "../packages/perdure/src/host/simulated/index.ts";
import { openRecordLog } from "../packages/perdure/src/store/log/open-log.ts";
import { InvariantBroken } from "./ledger.ts";
import { payloadsIn } from "./log-bytes.ts";

export type Image = ReadonlyMap<string, Uint8Array>;

/**
 * Calls `onRecord` with each record of the log of that kind under `under`, oldest first; nothing when there is none. Throws
 * {@link InvariantBroken} when the bytes say something else to who reads them by their description alone.
 */
export async function readRecords(image: Image, under: string, magic: string, onRecord: (record: Uint8Array) => void): Promise<void> {
  const folder = [...image.keys()].find((path) => path.endsWith(".log") && path.startsWith(under))?.replace(/\/[^/]*$/, "");
  if (folder === undefined) return;
  const described = describedRecords(image, folder, magic);
  const world = createWorld({ seed: "audit", hash: createNodeHash() });
  const { clock, random } = world.host("auditor");
  let read = 0;
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
    replay: (record) => {
      if (described[read]?.equals(record) !== true)
        throw new InvariantBroken("1 custody", `record ${read} in ${folder} is not what its bytes are described to say`);
      read++;
      onRecord(record);
    },
  });
  await log[Symbol.asyncDispose]();
  if (read !== described.length)
    throw new InvariantBroken("1 custody", `${folder} holds ${described.length} records by their description, ${read} were read`);
}

function describedRecords(image: Image, folder: string, magic: string): readonly Buffer[] {
  const segments = new Map<number, Uint8Array>();
  for (const [path, bytes] of image) {
    const number = path.startsWith(`${folder}/`) ? /^(\d{6,10})\.log$/.exec(path.slice(folder.length + 1))?.[1] : undefined;
    if (number !== undefined) segments.set(Number(number), bytes);
  }
  try {
    return payloadsIn(segments, magic);
  } catch (error) {
    throw new InvariantBroken("1 custody", `${folder} is not as it is described: ${(error as Error).message}`);
  }
}

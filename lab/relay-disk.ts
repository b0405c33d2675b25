/** What a relay's disk gives away to whoever takes it: nothing that anybody wrote. */
import { createMemoryFiles, type Disk } from "../packages/perdure/src/host/simulated/index.ts";
import { InvariantBroken } from "./ledger.ts";
import { CANARY } from "./traffic.ts";

/** Throws when a body stands readable in any file of the folder. */
export async function searchDisk(disk: Disk, folder: string): Promise<void> {
  const files = createMemoryFiles(disk);
  for (const name of await files.list(folder)) {
    const file = await files.open(`${folder}/${name}`, "read");
    try {
      const bytes = await file.read(0, await file.size());
      if (Buffer.from(bytes).includes(CANARY)) throw new InvariantBroken("8 sealing", `a body stands in ${folder}/${name}`);
    } finally {
      await file.close();
    }
  }
}

import { stat } from "node:fs/promises";
import type { ReadingOptions } from "../file/index-reader.ts";
import type { IndexHeader } from "../file/segment.ts";
import type { KernelChoice } from "../kernels/load.ts";
import { createVectorIndex } from "../search/vector-index.ts";
import { type StoredIndexOptions, storedHeader } from "../store/stored-header.ts";
import { StoredIndex } from "../store/stored-index.ts";
import { type DiskIndex, openIndexAt, readIndexAt } from "./disk-index.ts";
import { fileCall } from "./failed-file.ts";

export interface VectorIndexAtOptions extends StoredIndexOptions, ReadingOptions {
  readonly kernels?: KernelChoice;
}

/**
 * Opens an index that is kept in the file `path`, and begins one where there is none. Nobody else writes to it meanwhile; anybody can read what was synced.
 * Throws `bad-argument` where the file is of another index than the options say, `file-busy`, `bad-file`, `wrong-version`, `file-failed`.
 */
export async function openVectorIndexAt(path: string, options: VectorIndexAtOptions = {}): Promise<StoredIndex> {
  const { kernels, damaged, ...said } = options;
  const reading = damaged === undefined ? {} : { damaged };
  const header = storedHeader(await headerAt(path, reading, said), said);
  const store = await openIndexAt(path, header, reading);
  try {
    return await loaded(store, kernels);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What the file says that it is; nothing where there is none, or where its first record may be what a crash left: that is seen when it is opened. */
async function headerAt(path: string, reading: ReadingOptions, { dim }: StoredIndexOptions): Promise<IndexHeader | undefined> {
  const size = await fileCall(`look at ${path}`, () => stat(path)).then(
    (found) => found.size,
    (error: Error & { cause?: unknown }) => {
      if ((error.cause as { code?: string } | undefined)?.code === "ENOENT") return 0;
      throw error;
    },
  );
  if (size === 0) return undefined;
  try {
    await using reader = await readIndexAt(path, reading);
    return reader.header;
  } catch (error) {
    if (dim !== undefined) return undefined;
    throw error;
  }
}

async function loaded(store: DiskIndex, kernels: KernelChoice | undefined): Promise<StoredIndex> {
  const { dim, bits, seed, metric, center, originals } = store.header;
  const index = createVectorIndex({
    ...{ dim, bits, seed, metric, originals },
    ...(center === undefined ? {} : { center }),
    ...(kernels === undefined ? {} : { kernels }),
  });
  for await (const columns of store.columns()) index.load(columns);
  return new StoredIndex(index, store);
}

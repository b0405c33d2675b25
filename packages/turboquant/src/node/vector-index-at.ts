import { stat } from "node:fs/promises";
import { checkFunction } from "../argument.ts";
import { damageRule, READING_OPTIONS, type ReadingOptions } from "../file/index-reader.ts";
import type { WritingOptions } from "../file/index-writer.ts";
import type { IndexHeader } from "../file/segment.ts";
import { checkKernelChoice, type KernelChoice } from "../kernels/load.ts";
import { checkOptions, type OptionNames } from "../options.ts";
import { INDEX_OPTIONS } from "../search/index-options.ts";
import { createVectorIndex } from "../search/vector-index.ts";
import { type StoredIndexOptions, storedHeader } from "../store/stored-header.ts";
import { StoredIndex } from "../store/stored-index.ts";
import { checkPath, type DiskIndex, openIndexAt, readIndexAt } from "./disk-index.ts";
import { fileCall } from "./failed-file.ts";

export interface VectorIndexAtOptions extends StoredIndexOptions, ReadingOptions, Pick<WritingOptions, "keepTail"> {
  readonly kernels?: KernelChoice;
}

const NAMES: OptionNames = new Set([...INDEX_OPTIONS, ...READING_OPTIONS, "keepTail" satisfies keyof VectorIndexAtOptions]);

/**
 * Opens an index that is kept in the file `path`, and begins one where there is none. Nobody else writes to it meanwhile; anybody can read what was synced.
 * What a crash, or a copy that broke off, left at its end is cut, told in `tail`, and kept beside it as `openIndexAt` does. Throws `bad-argument` where the file is of another index than the options say, `file-busy`, `bad-file`, `wrong-version`, `file-failed`.
 */
export async function openVectorIndexAt(path: string, options: VectorIndexAtOptions = {}): Promise<StoredIndex> {
  checkPath(path);
  checkOptions("openVectorIndexAt", options, NAMES);
  const { kernels, damaged: _, keepTail, ...said } = options;
  checkFunction("keepTail", keepTail);
  // Before there is a file.
  if (kernels !== undefined) checkKernelChoice(kernels);
  const reading = { damaged: damageRule(options) };
  const header = storedHeader(await headerAt(path, reading, said), said);
  const store = await openIndexAt(path, header, { ...reading, ...(keepTail === undefined ? {} : { keepTail }) });
  try {
    return await loaded(store, { flatUpTo: said.flatUpTo, kernels });
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

/** Of the options, what the file says nothing of. */
interface InMemory {
  readonly flatUpTo: number | undefined;
  readonly kernels: KernelChoice | undefined;
}

async function loaded(store: DiskIndex, { flatUpTo, kernels }: InMemory): Promise<StoredIndex> {
  const { dim, bits, seed, metric, center, originals } = store.header;
  const index = createVectorIndex({
    ...{ dim, bits, seed, metric, originals },
    ...(center === undefined ? {} : { center }),
    ...(flatUpTo === undefined ? {} : { flatUpTo }),
    ...(kernels === undefined ? {} : { kernels }),
  });
  for await (const columns of store.columns()) index.load(columns);
  return new StoredIndex(index, store);
}

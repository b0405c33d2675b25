/** Mistakes in the log everything durable goes through. */
import type { Mistake } from "../planting.ts";

const WRITER = "store/log/log-writer.ts";

export const STORE_MISTAKES: readonly Mistake[] = [
  {
    id: "batch-not-synced",
    file: WRITER,
    find: 'during = "sync";\n      await file.sync();',
    put: 'during = "sync";',
    why: "A write that returned is taken for one that survives a loss of power.",
  },
];

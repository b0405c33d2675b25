import { indexFileConformance } from "./index-file-conformance.ts";
import { createMemoryFile } from "./memory-file.ts";

indexFileConformance("memory", async () => {
  const file = createMemoryFile();
  return { file, again: async () => createMemoryFile(file.bytes()) };
});

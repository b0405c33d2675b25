/** Opens the file of an index in a process of its own, and prints how long that took and what the process takes. */
import process from "node:process";
import { openVectorIndexAt } from "../../packages/turboquant/src/node/index.ts";

const began = performance.now();
await using index = await openVectorIndexAt(process.argv[2] as string);
const ms = performance.now() - began;
process.stdout.write(JSON.stringify({ ms, residentBytes: process.memoryUsage.rss(), vectors: index.size }));

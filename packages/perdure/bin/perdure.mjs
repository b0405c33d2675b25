#!/usr/bin/env node
/** The command. On a Node that is new enough it starts in this process; on an older one it starts again under one that is. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findNode, handOver, isNewEnough, reportStart } from "./bring-node.mjs";

/** A checkout runs its TypeScript, a package its JavaScript. */
const [main] = ["../src/cli/main.ts", "../dist/cli/main.js"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .filter(existsSync);

function cacheFolder() {
  if (process.env.XDG_CACHE_HOME) return join(process.env.XDG_CACHE_HOME, "perdure");
  if (process.platform === "win32") return join(process.env.LOCALAPPDATA ?? homedir(), "perdure", "cache");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "perdure");
  return join(homedir(), ".cache", "perdure");
}

try {
  if (isNewEnough(process.version) && !process.env.PERDURE_NODE) {
    await import(pathToFileURL(main).href);
  } else {
    const node = await findNode({ folder: cacheFolder(), say: (line) => process.stderr.write(`perdure: ${line}\n`) });
    handOver(node, [main, ...process.argv.slice(2)]);
  }
} catch (error) {
  reportStart(error);
}

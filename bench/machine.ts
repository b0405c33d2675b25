/** What a number was measured on; without it a number says nothing. */
import { execFileSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { arch, cpus, loadavg, release, totalmem, type } from "node:os";
import process from "node:process";

export interface Conditions {
  readonly at: string;
  readonly commit: string;
  /** True when the checkout differed from that commit. */
  readonly changed: boolean;
  readonly node: string;
  readonly system: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** Of the last minute, before the benchmark began. */
  readonly load: number;
  /** Type number of the file system that files were written to. */
  readonly fileSystem: string;
}

export function conditionsNow(root: string): Conditions {
  const git = (...args: readonly string[]): string => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  return {
    at: new Date().toISOString(),
    commit: git("rev-parse", "HEAD"),
    changed: git("status", "--porcelain", "--untracked-files=no") !== "",
    node: process.version,
    system: `${type()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    load: loadavg()[0] ?? 0,
    fileSystem: `0x${statfsSync(root).type.toString(16)}`,
  };
}

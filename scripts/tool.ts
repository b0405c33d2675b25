/** Running the programs a package brings, under the Node that runs us. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** The script behind a package's program, as its package.json names it. */
export function toolPath(packageName: string, program: string = packageName): string {
  const manifestPath = join(ROOT, "node_modules", packageName, "package.json");
  const { bin } = JSON.parse(readFileSync(manifestPath, "utf8")) as { readonly bin: string | Readonly<Record<string, string>> };
  return join(dirname(manifestPath), typeof bin === "string" ? bin : (bin[program] as string));
}

export interface Ended {
  /** Exit code; 124 when it was stopped at its deadline. */
  readonly code: number;
  /** What it printed, unless it printed straight to ours. */
  readonly output: string;
}

export interface ToolOptions {
  readonly deadlineMs: number;
  /** Prints to our own streams. */
  readonly live?: boolean;
  readonly cwd?: string;
}

/** Runs a script with this Node and resolves when it ended; it never throws for what the script does. */
export function runTool(script: string, args: readonly string[], { deadlineMs, live = false, cwd = ROOT }: ToolOptions): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [script, ...args], {
      cwd,
      stdio: ["ignore", live ? "inherit" : "pipe", live ? "inherit" : "pipe"],
    });
    const chunks: string[] = [];
    let late = false;
    const deadline = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, deadlineMs);
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
    child.on("error", (error) => chunks.push(error.message));
    child.on("close", (code) => {
      clearTimeout(deadline);
      if (late) chunks.push(`stopped after ${deadlineMs / 1000} s\n`);
      resolve({ code: late ? 124 : (code ?? 1), output: chunks.join("") });
    });
  });
}

/** A relay in a process of its own, as `perdure relay` runs it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

export interface RelayProcess extends AsyncDisposable {
  readonly address: string;
  readonly page: string;
  kill(): Promise<void>;
}

export async function startRelayProcess(folder: string, ...words: readonly string[]): Promise<RelayProcess> {
  const child: ChildProcess = spawn(process.execPath, [MAIN, "relay", "--at", folder, "--json", ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
  const [line] = await Promise.race([once(lines, "line"), exit.then(() => Promise.reject(new Error("the relay ended at once")))]);
  const { address, page } = JSON.parse(String(line)) as { readonly address: string; readonly page: string };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await exit;
  };
  return { address, page, kill, [Symbol.asyncDispose]: kill };
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Overhead {
  /** Microseconds of processor time of a call, beyond those of the call alone. */
  readonly addedUs: Readonly<Record<string, number>>;
  readonly aloneUs: number;
  /** After so many calls by one gate; garbage is collected first. */
  readonly memory: readonly { readonly calls: number; readonly heapMb: number }[];
  readonly memorySeconds: number;
}

/** In a process of its own, with the machine's clock. */
export async function measureOverhead(calls: number, say: (line: string) => void): Promise<Overhead> {
  const child = fork(fileURLToPath(new URL("overhead-run.ts", import.meta.url)), { execArgv: ["--expose-gc"] });
  const ended = new AbortController();
  try {
    const gone = once(child, "exit", { signal: ended.signal }).then(([code]) => {
      throw new Error(`the process that measures overhead ended with ${code}`);
    });
    const said = once(child, "message", { signal: ended.signal });
    child.send(calls);
    const [found] = (await Promise.race([said, gone])) as [Overhead];
    for (const [name, us] of Object.entries(found.addedUs)) say(`  ${name.padEnd(20)}${us.toFixed(2).padStart(8)} µs of processor a call`);
    const [first, last] = [found.memory[1], found.memory.at(-1)];
    say(
      `  heap after ${first?.calls} calls by the gate ${first?.heapMb} MB, after ${last?.calls} ${last?.heapMb} MB (${found.memorySeconds} s)`,
    );
    return found;
  } finally {
    ended.abort();
    child.kill();
  }
}

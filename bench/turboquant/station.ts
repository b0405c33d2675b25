/** The parent's end of a process that serves one system. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Settled } from "./opened-set.ts";
import type { Added, Answer, Built, Order, Searched } from "./serve.ts";

export interface Station {
  build(): Promise<Built>;
  search(from: number, until: number): Promise<readonly Searched[]>;
  add(): Promise<Added | undefined>;
  end(): Promise<void>;
}

/** Longer than any build takes; a system that hangs ends then. */
const DEADLINE_MS = 15 * 60_000;

export function openStation(system: string, set: Settled, pinnedTo: number | undefined): Station {
  const folder = join(set.folder, system);
  mkdirSync(folder, { recursive: true });
  const script = fileURLToPath(new URL("serve.ts", import.meta.url));
  const words = [process.execPath, "--expose-gc", script, system, folder, JSON.stringify(set)];
  const [command = "", ...args] = pinnedTo === undefined ? words : ["taskset", "-c", String(pinnedTo), ...words];
  const child = spawn(command, args, {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, LANCE_CPU_THREADS: "1", OMP_NUM_THREADS: "1", RUST_LOG: "error" },
  });
  const order = async (wish: Order): Promise<Exclude<Answer, { readonly failed: string }>> => {
    const answer = await answerTo(child, wish);
    if ("failed" in answer) throw new Error(answer.failed);
    return answer;
  };
  return {
    build: async () => {
      const answer = await order({ do: "build" });
      if (!("built" in answer)) throw new Error("it answered something else");
      return answer.built;
    },
    search: async (from, until) => {
      const answer = await order({ do: "search", from, until });
      return "searched" in answer ? answer.searched : [];
    },
    add: async () => {
      const answer = await order({ do: "add" });
      return "added" in answer ? answer.added : undefined;
    },
    end: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

async function answerTo(child: ChildProcess, order: Order): Promise<Answer> {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(endOf(child));
  const ended = new AbortController();
  try {
    const gone = once(child, "exit", { signal: ended.signal }).then(() => {
      throw new Error(endOf(child));
    });
    const late = once(AbortSignal.timeout(DEADLINE_MS), "abort", { signal: ended.signal }).then(() => {
      child.kill("SIGKILL");
      throw new Error(`it did not ${order.do} within ${DEADLINE_MS / 60_000} minutes`);
    });
    const answer = once(child, "message", { signal: ended.signal });
    child.send(order);
    const [said] = (await Promise.race([answer, gone, late])) as [Answer];
    return said;
  } finally {
    ended.abort();
  }
}

function endOf({ exitCode, signalCode }: ChildProcess): string {
  return `its process ended with ${exitCode ?? signalCode}`;
}

/** The last processor this process may use: all systems are put on that one, so that each has one thread whatever it starts. */
export function onePlace(): number | undefined {
  try {
    execFileSync("taskset", ["-V"], { stdio: "ignore" });
    const allowed = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync("/proc/self/status", "latin1"))?.[1];
    const last = allowed?.split(/[,-]/).at(-1);
    return last === undefined ? undefined : Number(last);
  } catch {
    return undefined;
  }
}

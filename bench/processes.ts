/** A relay or a reader in a process of its own, so that a benchmark does not share its loop with what it measures. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export interface Member extends AsyncDisposable {
  /** The relay's address, or the reader's id. */
  readonly says: string;
  readonly pid: number;
  /** Ends it without a chance to do anything first. */
  kill(): Promise<void>;
}

/** Words of the process: `relay FOLDER [OPTIONS]`, options as JSON, or `reader FOLDER ADDRESS`. */
export function startMember(...words: readonly string[]): Promise<Member> {
  return startProcess("member.ts", words);
}

/** `script` says over the channel to its parent where it is, and ends when it is told to stop. */
export async function startProcess(script: string, words: readonly string[]): Promise<Member> {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [...words], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const says = String(await answer(child));
  return {
    says,
    pid: child.pid ?? 0,
    async kill() {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.send("stop");
      await gone;
    },
  };
}

/** Its next message; an error when it ends without one. */
async function answer(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  try {
    const gone = once(child, "exit", { signal: ended.signal }).then(([code]) => {
      throw new Error(`a process of the benchmark ended with ${code}`);
    });
    const [said] = await Promise.race([once(child, "message", { signal: ended.signal }), gone]);
    return said;
  } finally {
    ended.abort();
  }
}

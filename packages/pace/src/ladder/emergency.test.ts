import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pace-emergency-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Longer than the test: a keeper on a busy machine is not to be given up, or its watchers are told, as they should be, before it has ended. */
const KEEP_MS = 600_000;
const SRC = new URL("../", import.meta.url).href;

/**
 * An agent in a process of its own, whose quota jumps from 45 to 95 in a hundred. It has its tasks in mind and keeps them in a file as its keeper says; it is killed, as
 * a machine kills, by the very first thing that is told. `as`: where its keeping is registered.
 */
function agent(as: "keep" | "watch", file: string): string {
  return `
    import { open, rename } from "node:fs/promises";
    import { createLadder } from "${SRC}ladder/ladder.ts";
    import { createReactions } from "${SRC}ladder/reactions.ts";
    import { systemClock } from "${SRC}host/node/clock.ts";
    const tasks = Array.from({ length: 1000 }, (_, nth) => ({ nth, state: "half done" }));
    const ladder = createLadder({}, systemClock);
    const reactions = createReactions({ keepMs: ${KEEP_MS} }, { clock: systemClock, fault: (fault) => { throw fault.error; } });
    reactions.watch("the end", () => process.kill(process.pid, "SIGKILL"));
    reactions.${as}("tasks", async () => {
      const handle = await open(${JSON.stringify(`${file}.new`)}, "w");
      await handle.writeFile(JSON.stringify(tasks));
      await handle.sync();
      await handle.close();
      await rename(${JSON.stringify(`${file}.new`)}, ${JSON.stringify(file)});
    });
    const gauge = { partition: "here", unit: "requests", name: "minute", limit: 100, windowMs: 60000, shape: "window", waiting: 0,
      resetInMs: 30000, source: "policy", confidence: 1, chargesRefused: undefined };
    const look = (used) => reactions.tell(ladder.look([{ ...gauge, used, available: 100 - used }]));
    await look(45);
    await look(95);
  `;
}

/** An agent whose calls, one at once after the other, spend the whole of its quota; it is killed by the answer to the one with which it came to 90 in a hundred. */
function hasty(file: string): string {
  return `
    import { writeFileSync } from "node:fs";
    import { createPace } from "${SRC}pace.ts";
    const headers = { "x-ratelimit-limit-requests": "1000", "x-ratelimit-remaining-requests": "990", "x-ratelimit-reset-requests": "1s" };
    const fault = ({ error }) => { throw error; };
    const pace = createPace(
      { quotas: { "*": [{ limit: 20, windowMs: 3600000, shape: "window" }] } },
      { fetch: async () => new Response("", { headers }), fault },
    );
    let done = 0;
    pace.keep("tasks", () => writeFileSync(${JSON.stringify(file)}, String(done)));
    for (; done < 20; done++) {
      await pace.fetch("https://api.example.com/");
      if (done + 1 === 18) process.kill(process.pid, "SIGKILL");
    }
  `;
}

function killed(program: string): Promise<NodeJS.Signals | null> {
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], { stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (_code, signal) => resolve(signal));
  });
}

describe("an agent that is killed right after it crossed into an emergency", () => {
  it("has kept all of its tasks", async () => {
    const file = join(folder, "kept.json");
    expect(await killed(agent("keep", file))).toBe("SIGKILL");
    const tasks = JSON.parse(await readFile(file, "utf8")) as { readonly state: string }[];
    expect(tasks.length).toBe(1000);
    expect(tasks.every(({ state }) => state === "half done")).toBe(true);
  });

  it("has lost them where keeping is one reaction among others", async () => {
    const file = join(folder, "lost.json");
    expect(await killed(agent("watch", file))).toBe("SIGKILL");
    await expect(readFile(file)).rejects.toThrow(/ENOENT/);
  });

  it("has kept them before that call left, though all was spent within a moment", async () => {
    const file = join(folder, "hasty.txt");
    expect(await killed(hasty(file))).toBe("SIGKILL");
    expect(await readFile(file, "utf8")).toBe("17");
  });
});

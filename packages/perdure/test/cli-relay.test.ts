import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const TEST_MS = 60_000;

describe("the relay as a process", () => {
  let folder = "";
  const started: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-cli-relay-"));
  });
  afterEach(async () => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  });

  const start = async (
    ...words: readonly string[]
  ): Promise<{ readonly child: ChildProcess; readonly line: Readonly<Record<string, unknown>>; readonly exit: Promise<unknown[]> }> => {
    const child = spawn(process.execPath, [MAIN, "relay", "--at", folder, "--json", ...words], { stdio: "pipe" });
    started.push(child);
    child.stderr.resume();
    const exit = once(child, "exit");
    const [line] = await Promise.race([
      once(createInterface({ input: child.stdout }), "line"),
      exit.then(() => Promise.reject(new Error("it ended at once"))),
    ]);
    return { child, line: JSON.parse(String(line)) as Record<string, unknown>, exit };
  };

  it("takes the next port when the default one is busy and none was named", { timeout: TEST_MS }, async () => {
    const busy = createServer();
    // Whoever has the port already keeps it just as busy.
    busy.on("error", () => {});
    await new Promise<void>((resolve) => busy.on("error", () => resolve()).listen(4410, "127.0.0.1", () => resolve()));
    try {
      const { line } = await start();
      expect(Number(new URL(String(line["url"])).port)).toBeGreaterThan(4410);
    } finally {
      busy.close();
    }
  });

  it("prints an address, a page and its own pid", { timeout: TEST_MS }, async () => {
    const { child, line } = await start("--listen", "0");
    expect(line).toMatchObject({ type: "relay", pid: child.pid, folder });
    expect(line["address"]).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/#ag1[a-z2-7]{52}$/);
    expect((await fetch(String(line["page"]))).status).toBe(200);
    expect((await fetch(new URL("healthz", String(line["page"])))).status).toBe(200);
  });

  it("has the same identity after a restart", { timeout: TEST_MS }, async () => {
    const first = await start("--listen", "0");
    first.child.kill("SIGKILL");
    await first.exit;
    const second = await start("--listen", "0");
    expect(second.line["id"]).toBe(first.line["id"]);
  });

  it("goes back to where its agents know it, and nowhere else unasked", { timeout: TEST_MS }, async () => {
    const first = await start("--listen", "0");
    first.child.kill("SIGTERM");
    await first.exit;
    const second = await start();
    expect(second.line["url"]).toBe(first.line["url"]);
    second.child.kill("SIGTERM");
    await second.exit;

    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(Number(new URL(String(first.line["url"])).port), "127.0.0.1", () => resolve()));
    try {
      await expect(start()).rejects.toThrow("ended at once");
      const moved = await start("--listen", "0");
      expect(moved.line["id"]).toBe(first.line["id"]);
    } finally {
      squatter.close();
    }
  });

  it.runIf(process.platform !== "win32").each(["SIGTERM", "SIGINT"] as const)(
    "%s drains it, and that is its proper end",
    { timeout: TEST_MS },
    async (signal) => {
      const { child, exit } = await start("--listen", "0");
      child.kill(signal);
      expect(await exit).toEqual([0, null]);
    },
  );

  it("a supervised one ends with its supervisor", { timeout: TEST_MS }, async () => {
    const { child, exit } = await start("--listen", "0", "--until-stdin-ends");
    child.stdin?.end();
    expect(await exit).toEqual([0, null]);
  });
});

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it, vi } from "vitest";
import { openWork } from "../src/work/index.ts";

const run = promisify(execFile);
const EXAMPLES = fileURLToPath(new URL("../../../examples/pace/", import.meta.url));

async function printed(name: string, ...given: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [`${EXAMPLES}${name}.js`, ...given]);
  return stdout;
}

it("the budget of the example is not overdrawn, and what does not fit is not asked", async () => {
  const lines = await printed("budget");
  expect(lines).toContain("It was not asked.");
  const cents = [...lines.matchAll(/([\d.]+) of 2 cents/g)].map(([, spent]) => Number(spent));
  expect(cents.length).toBeGreaterThan(3);
  expect(Math.max(...cents)).toBeLessThanOrEqual(2);
});

it("the streams of the example come whole, and tell what they took", async () => {
  const lines = await printed("stream");
  expect(lines.match(/20 words after/g)?.length).toBe(5);
  expect(lines.match(/20 of output/g)?.length).toBe(5);
});

it("the provider of the example says which settings there are", async () => {
  const error = await run(process.execPath, [`${EXAMPLES}provider.js`, "speed=3"]).catch((thrown: unknown) => thrown);
  expect((error as { stderr: string }).stderr).toContain("requestsPerMinute");
});

it.each(["one-line", "budget", "stream", "urgent"])("%s.js ends in silence when nobody reads on", async (name) => {
  const child = spawn(process.execPath, [`${EXAMPLES}${name}.js`], { stdio: ["ignore", "pipe", "pipe"] });
  let error = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    error += text;
  });
  child.stdout.once("data", () => child.stdout.destroy());
  expect(await once(child, "close")).toEqual([0, null]);
  expect(error).toBe("");
});

it("the nightly work of the example ends by itself where all of it is done already", { timeout: 30_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "pace-nightly-"));
  try {
    // What is done is kept: no service is asked for it.
    const work = await openWork(folder);
    work.handle("report", async () => "sent before");
    for (const day of ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"])
      await work.defer("report", { day }, { key: `report of ${day}` });
    await vi.waitUntil(() => work.list("done").length === 4);
    await work.close();
    const env = { ...process.env, NIGHTLY: folder };
    const { stdout } = await run(process.execPath, [`${EXAMPLES}../nightly/nightly.js`], { env, timeout: 20_000 });
    expect(stdout.match(/^report of .*: done$/gm)).toHaveLength(4);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** Evidence outlives the bodies it lies between, and neither keeps the other on disk. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Sent } from "../src/agent/api.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { noise, openStage, type Stage, serving } from "./test-stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(folder)) bytes += (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0;
  return bytes;
}

test("bodies leave the disk, what proves their way stays, also over a restart", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk", strangers: "welcome" });
  const settings = { segmentBytes: 512 * 1024, sweepEveryMs: 100 };
  const writer = await stage.agent("writer", { join: stage.address(), settings });
  await using _served = serving(desk);
  const sents: Sent[] = [];
  for (let each = 0; each < 30; each++) {
    const sent = await writer.send("@desk", noise(200_000, each));
    await sent.until("done");
    sents.push(sent);
  }
  const folder = join(stage.folder, "writer", "agent");
  const endMs = performance.now() + 20_000;
  while ((await bytesIn(folder)) > 3_000_000 && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    // Files go as the log goes on.
    await (await writer.send("@desk", "on")).until("done");
  }
  expect(await bytesIn(folder)).toBeLessThan(3_000_000);
  await writer.close();
  const again = await stage.agent("writer", { settings });
  for (const { id } of sents) {
    const report = await verifyEvidence(createNodeHost().crypto, await (await again.sent(id)).export());
    expect(report.steps.at(-1)).toMatchObject({ state: "done", verdict: "proven" });
  }
});

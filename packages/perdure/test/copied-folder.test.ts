import { cp } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openStage, type Stage, serving, statesOf } from "./test-stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = performance.now() + 20_000; !(await condition()); ) {
    if (performance.now() > deadlineMs) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("of a folder and its copy only the one opened last gets mail, and the other says so", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  await cp(join(stage.folder, "desk"), join(stage.folder, "copy"), { recursive: true, filter: (path) => !path.endsWith(".sock") });
  const original = await stage.agent("desk");
  await until(async () => (await original.status()).relay.connected);
  const copy = await stage.agent("copy");
  await until(async () => (await original.status()).relay.lastError?.startsWith("fenced") === true);
  const writer = await stage.agent("writer", { join: stage.address() });
  await using first = serving(original);
  await using second = serving(copy);
  await (await writer.send("@desk", "hello")).until("done");
  expect([first.mails.length, second.mails.length]).toEqual([0, 1]);
  await until(async () => (await original.status()).relay.connected);
  expect((await original.status()).relay.lastError).toContain("fenced");
});

test("what was queued before a folder was copied is handled once, and the second to send it is told", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await stage.stopRelay();
  const { id } = await writer.send("@desk", "once");
  await writer.close();
  await cp(join(stage.folder, "writer"), join(stage.folder, "copy"), { recursive: true, filter: (path) => !path.endsWith(".sock") });
  await stage.startRelay();
  await using served = serving(desk);
  const one = await stage.agent("writer");
  expect((await statesOf(await one.sent(id))).at(-1)).toBe("done");
  await one.close();
  const two = await stage.agent("copy");
  const states = await statesOf(await two.sent(id));
  expect(["refused", "done"]).toContain(states.at(-1));
  expect(served.mails.length).toBe(1);
});

import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openStage, type Stage, serving, statesOf } from "./test-stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

const isCloned = async (agent: Agent): Promise<boolean> => (await agent.status()).alerts.some(({ code }) => code === "cloned");

test("of a folder and its copy neither gets mail once both were opened, both say what to do, and mail waits", async () => {
  await stage.startRelay();
  await (await stage.agent("desk", { name: "desk" })).close();
  await stage.copy("desk", "copy");
  const original = await stage.agent("desk");
  await stage.until("the original is connected", async () => (await original.status()).relay.connected);
  const copy = await stage.agent("copy");
  await stage.until("both are found out", async () => (await isCloned(original)) && (await isCloned(copy)));
  const writer = await stage.agent("writer", { join: stage.address() });
  await using first = serving(original);
  await using second = serving(copy);
  const sent = await writer.send("@desk", "hello");
  await sent.until("stored");
  // Both may write, and both are told on every opening.
  await stage.until(
    "both are connected again",
    async () => (await original.status()).relay.connected && (await copy.status()).relay.connected,
  );
  const { relay, alerts } = await original.status();
  expect(relay.lastError).toContain("cloned");
  expect(alerts).toEqual([expect.objectContaining({ code: "cloned", run: "perdure id claim" })]);
  expect([first.mails.length, second.mails.length]).toEqual([0, 0]);
  await original.close();
  await stage.until("it is told anew", async () => await isCloned(await stage.agent("desk")));
});

test("a folder copied while it was open is found out too, when the copy takes over", async () => {
  await stage.startRelay();
  const original = await stage.agent("desk", { name: "desk" });
  await stage.until("the original is connected", async () => (await original.status()).relay.connected);
  await stage.copy("desk", "copy");
  const copy = await stage.agent("copy");
  await stage.until("both are found out", async () => (await isCloned(original)) && (await isCloned(copy)));
});

test("what was queued before a folder was copied is handled once, however many send it", async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  await stage.stopRelay();
  const { id } = await writer.send("@desk", "once");
  await writer.close();
  await stage.copy("writer", "copy");
  await stage.startRelay();
  await using served = serving(desk);
  const one = await stage.agent("writer");
  expect((await statesOf(await one.sent(id))).at(-1)).toBe("done");
  await one.close();
  const two = await stage.agent("copy");
  await stage.until("the copy is found out", async () => await isCloned(two));
  // The copy sends it too, and hears of its relay only: the receipt stays in the mailbox nobody reads.
  await (await two.sent(id)).until("stored");
  expect(served.mails.length).toBe(1);
});

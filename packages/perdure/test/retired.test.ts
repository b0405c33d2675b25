/** A retired agent: what it may still write, and what it is told. */
import { expect, test } from "vitest";
import { openStage, serving } from "./test-stage.ts";

const TEST_MS = 60_000;

test("a retired agent begins nothing, and answers what it has while its signature counts", { timeout: TEST_MS }, async () => {
  await using stage = await openStage();
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address() });
  const asked = writer.ask("@desk", "still there?", { timeoutMs: 30_000 });
  asked.catch(() => undefined);
  await stage.until("the question is there", async () => (await desk.status()).waiting > 0);
  await desk.identity.retire({ reason: "moved on" });
  const refused = { code: "identity-retired", hint: expect.stringContaining("--at <another folder>") };
  await expect(desk.send(writer.id, "one more")).rejects.toMatchObject(refused);
  await expect(desk.ask(writer.id, "one more?")).rejects.toMatchObject(refused);
  await expect(desk.accept((await writer.invite()).text)).rejects.toMatchObject(refused);
  expect((await desk.status()).alerts).toEqual([
    expect.objectContaining({ code: "identity-retired", run: expect.stringContaining("--at <another folder>") }),
  ]);
  await using _served = serving(desk, async (_mail, turn) => await turn.reply("for the last time"));
  expect(await (await asked).text()).toBe("for the last time");
  await expect(desk.send(writer.id, "one more")).rejects.toMatchObject(refused);
});

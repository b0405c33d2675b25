import { expect, test } from "vitest";
import { createTestnet } from "./index.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

test("mail waits for an agent that sleeps three days", async () => {
  await using net = await createTestnet({ seed: 1 });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => {
    await net.clock.sleep(5000);
    heard.push(await mail.text());
  });
  await net.sleep("desk");
  const sent = await anna.send(desk.id, "hello");
  await sent.until("stored");
  await net.advance(3 * DAY_MS);
  expect(heard).toEqual([]);
  await net.wake("desk");
  await sent.until("done");
  expect(heard).toEqual(["hello"]);
});

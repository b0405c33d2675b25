import { expect, test } from "vitest";
import { createTestnet } from "../src/testing/index.ts";

test("agents that say so share encapsulated keys, also in receipts and over restarts", async () => {
  await using net = await createTestnet({ relays: 2, seed: 5 });
  const anna = await net.agent("anna", { strangers: "welcome" });
  const desk = await net.agent("desk", { strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await (await anna.send(desk.id, "first")).until("done");
  await (await anna.send(desk.id, "second")).until("done");
  await net.sleep("desk");
  const third = await anna.send(desk.id, "third");
  await third.until("stored");
  // What it had in memory is gone: the encapsulated key says it again.
  await net.wake("desk");
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await third.until("done");
  expect(heard).toEqual(["first", "second", "third"]);
  const suites = net.trail().flatMap(({ event, fields }) => (event === "agent.sealed" ? [fields["suite"]] : []));
  expect(suites.length).toBeGreaterThanOrEqual(6);
  expect(new Set(suites)).toEqual(new Set([2]));
});

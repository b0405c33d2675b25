import { expect, test } from "vitest";
import { createTestnet } from "../src/testing/index.ts";
import { isPerdureError } from "../src/wire/error.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A new inbox key each minute, and none older than two. */
const FAST = { inboxKeyUseMs: MINUTE_MS, inboxKeyGraceMs: 0, inboxKeyKeepMs: MINUTE_MS };

test("mail to a destroyed inbox key comes back as that, and what is sent after the sender asked again arrives", async () => {
  await using net = await createTestnet({ relays: 1, seed: 3 });
  const anna = await net.agent("anna", { strangers: "welcome" });
  const desk = await net.agent("desk", { strangers: "welcome", settings: FAST });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await (await anna.send(desk.id, "first")).until("done");
  // What anna knows of desk stays fresh for a day, so she seals to a key that is gone.
  await net.advance(10 * MINUTE_MS);
  const late = await anna.send(desk.id, "late");
  const refused = await late.until("done").catch((error: unknown) => error);
  expect(isPerdureError(refused) && refused.code).toBe("refused");
  expect(late.steps.at(-1)).toMatchObject({ state: "refused", proof: "receipt", detail: expect.stringContaining("key-retired") });
  await (await anna.send(desk.id, "second")).until("done");
  expect(heard).toEqual(["first", "second"]);
});

test("an agent that slept for three weeks is written to with the key it has, and makes a new one when it wakes", async () => {
  await using net = await createTestnet({ relays: 1, seed: 4 });
  const desk = await net.agent("desk", { strangers: "welcome" });
  const [first] = (await desk.identity.show()).inboxKeys;
  await net.sleep("desk");
  await net.advance(21 * DAY_MS);
  const anna = await net.agent("anna");
  const sent = await anna.send(desk.id, "hello");
  await sent.until("stored");
  await net.wake("desk");
  void desk.serve(async () => undefined);
  await sent.until("done");
  const keys = (await desk.identity.show()).inboxKeys;
  expect(keys.map(({ generation }) => generation)).toEqual([1, 2]);
  expect(keys[0]?.id).toBe(first?.id);
  expect(keys[0]?.destroyAtMs).toBeGreaterThan(net.clock.wallMs + 36 * DAY_MS);
});

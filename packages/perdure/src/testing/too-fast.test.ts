import { expect, test } from "vitest";
import { createTestnet } from "./index.ts";

const SLOW = { agentMessagesPerSecond: 5, agentMessagesBurst: 10 };

test("an agent that is too fast rests, says why and until when, and everything arrives in its order", { timeout: 120_000 }, async () => {
  await using net = await createTestnet({ relays: 1, seed: 3, settings: SLOW });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  const texts = Array.from({ length: 40 }, (_, index) => `message ${index}`);
  const sent = await Promise.all(texts.map((text) => anna.send(desk.address, text)));
  const last = sent.at(-1);
  await net.advance(1500);
  const trouble =
    (await anna.sent(last?.id as NonNullable<typeof last>["id"])).trouble ??
    (await anna.sent(sent[20]?.id as NonNullable<typeof last>["id"])).trouble;
  expect(trouble).toMatch(/^rate-limited \(agentMessagesPerSecond is 5, \d+ left\), room again at \d{4}-\d\d-\d\dT[\d:]{8}Z: Slow down\./);
  await last?.until("stored", { timeoutMs: 60_000 });
  await net.advance(20_000);
  expect(heard).toEqual(texts);
});

test("mail between relays that comes too fast waits and arrives, and nobody loses a session", { timeout: 120_000 }, async () => {
  await using net = await createTestnet({ relays: 2, seed: 4, settings: { peerMessagesPerSecond: 5, peerMessagesBurst: 10 } });
  const anna = await net.agent("anna");
  const desk = await net.agent("desk", { relay: 1, strangers: "welcome" });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  const texts = Array.from({ length: 30 }, (_, index) => `message ${index}`);
  await Promise.all(texts.map((text) => anna.send(desk.address, text)));
  await net.advance(60_000);
  expect(heard).toEqual(texts);
});

import { expect, test } from "vitest";
import { createNodeCrypto } from "../src/host/node/crypto.ts";
import { createCheapCrypto } from "../src/host/simulated/cheap-crypto.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { createTestnet } from "../src/testing/index.ts";
import { noise } from "./test-stage.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A new inbox key each minute, and none older than two. */
const FAST = { inboxKeyUseMs: MINUTE_MS, inboxKeyGraceMs: 0, inboxKeyKeepMs: MINUTE_MS };

test("mail to a destroyed inbox key comes back as that, and is sealed to the newest one without anybody's doing", async () => {
  await using net = await createTestnet({ relays: 1, seed: 3 });
  const anna = await net.agent("anna", { strangers: "welcome" });
  const desk = await net.agent("desk", { strangers: "welcome", settings: FAST });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await (await anna.send(desk.id, "first")).until("done");
  // What anna knows of desk stays fresh for a day, so she seals to a key that is gone.
  await net.advance(10 * MINUTE_MS);
  const big = "late ".repeat(100_000);
  const late = await anna.send(desk.id, "late");
  const parts = await anna.send(desk.id, big);
  expect([(await late.until("done")).proof, (await parts.until("done")).proof]).toEqual(["receipt", "receipt"]);
  expect(net.trail().filter(({ event, fields }) => event === "agent.rejected" && fields["code"] === "key-retired")).toHaveLength(3);
  expect(net.trail().filter(({ event }) => event === "agent.sealed-anew")).toHaveLength(3);
  await (await anna.send(desk.id, "second")).until("done");
  expect(heard).toEqual(["first", "late", big, "second"]);
  // Neither had to do anything, and nobody was alarmed.
  expect(net.trail().filter(({ event }) => event === "agent.not-taken" || event === "agent.receipt-mismatch")).toEqual([]);
  const report = await verifyEvidence(
    createCheapCrypto(createNodeCrypto().hash, { bytes: (count) => noise(count, 3) }),
    await late.export(),
  );
  expect([report.proven, report.boundBy, report.steps.at(-1)?.verdict]).toEqual([true, desk.id, "proven"]);
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

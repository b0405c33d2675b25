/** Mail that was sealed before its sender's keys were replaced, and reaches a relay only afterwards. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import type { InternalOptions } from "../src/agent/open-agent.ts";
import type { Crypto } from "../src/host/crypto.ts";
import { createNodeCrypto } from "../src/host/node/crypto.ts";
import { createCheapCrypto } from "../src/host/simulated/cheap-crypto.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { createTestnet } from "../src/testing/index.ts";
import { PART_BYTES } from "../src/wire/limits.ts";
import { noise, openStage, type Stage, serving, statesOf } from "./test-stage.ts";

const TEST_MS = 120_000;
/** What the old keys signed counts for nothing at once, and nobody waits long for a relay that is away. */
const HASTY = { oldKeysGraceMs: 0, lookupTimeoutMs: 300 };
const ALARMS = ["agent.held", "agent.not-taken", "agent.rejected", "agent.receipt-mismatch", "agent.statement-mismatch"];

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

/** As the machines of a testnet have it. */
const simulated = (): Crypto => createCheapCrypto(createNodeCrypto().hash, { bytes: (count) => noise(count, 3) });

const seen = (event: string): number => stage.facts.filter((fact) => fact.event === event).length;
const digests = (event: string): readonly string[] =>
  stage.facts.filter((fact) => fact.event === event).map(({ fields }) => String(fields["digest"]));
/** How many of the last four parts that were received are among these. */
const receivedOf = (sealed: readonly string[]): number =>
  digests("agent.received")
    .slice(-4)
    .filter((digest) => sealed.includes(digest)).length;
const alarms = (): readonly string[] => stage.warnings.filter((warning) => ALARMS.some((event) => warning.startsWith(event)));

/** Two who know each other, and a relay that is away. */
async function cutOff(options: InternalOptions = {}): Promise<{ readonly writer: Agent; readonly desk: Agent }> {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { ...options, join: stage.address(), settings: HASTY });
  const first = await writer.send("@desk", "first");
  await using served = serving(desk);
  await statesOf(first);
  expect(served.mails.length).toBe(1);
  await stage.stopRelay();
  return { writer, desk };
}

/** A message of one part and one of three, both sealed. */
async function sealTwo(writer: Agent): Promise<readonly [string, string]> {
  const before = seen("agent.sealed");
  const one = await writer.send("@desk", "small");
  const many = await writer.send("@desk", noise(2 * PART_BYTES + 5, 7));
  await stage.until("everything is sealed", () => seen("agent.sealed") === before + 4);
  return [one.id, many.id];
}

test.each(["claim", "rotate"] as const)(
  "what no relay had taken when its sender's keys were replaced by %s is sealed anew, and arrives once",
  { timeout: TEST_MS },
  async (change) => {
    const { writer, desk } = await cutOff();
    const ids = await sealTwo(writer);
    const before = digests("agent.sealed");
    expect(await writer.identity[change]()).toMatchObject({ relayHasIt: false });
    await stage.startRelay();
    await using served = serving(desk);
    for (const id of ids) expect((await statesOf(await writer.sent(id))).at(-1)).toBe("done");
    expect(served.mails.map(({ content }) => content.length)).toEqual([5, 2 * PART_BYTES + 5]);
    expect([seen("agent.sealed-anew"), alarms()]).toEqual([4, []]);
    expect(receivedOf(before)).toBe(0);
  },
);

test("control: without that it travels as it was, signed by an instance that is revoked", { timeout: TEST_MS }, async () => {
  const { writer, desk } = await cutOff({ defences: { dedupe: true, floor: true, contacts: true, loopGuard: true, reseal: false } });
  const ids = await sealTwo(writer);
  const sealed = digests("agent.sealed");
  await writer.identity.claim();
  await stage.startRelay();
  await using served = serving(desk);
  for (const id of ids) await statesOf(await writer.sent(id));
  expect([served.mails.length, seen("agent.sealed-anew")]).toEqual([2, 0]);
  // Desk has not heard of the claim, or it would have left them at the relay.
  expect(receivedOf(sealed)).toBe(4);
});

test("a process that begins anew seals what the one before it had sealed", { timeout: TEST_MS }, async () => {
  const { writer, desk } = await cutOff();
  const [id] = await sealTwo(writer);
  await writer.identity.claim();
  await writer.close();
  const again = await stage.agent("writer", { settings: HASTY });
  await stage.startRelay();
  await using served = serving(desk);
  expect((await statesOf(await again.sent(id))).at(-1)).toBe("done");
  await stage.until("both are there", () => served.mails.length === 2);
  expect([seen("agent.sealed-anew"), alarms()]).toEqual([4, []]);
});

test("what a relay had taken without the sender's knowledge is sealed anew too, handled once, and proven", {
  timeout: TEST_MS,
}, async () => {
  await using net = await createTestnet({ relays: 1, seed: 11, latencyMs: 400 });
  const [relay] = net.relays;
  const desk = await net.agent("desk", { strangers: "welcome" });
  const anna = await net.agent("anna", { settings: { ...HASTY, lookupTimeoutMs: 10_000 } });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await (await anna.send(desk.id, "first")).until("done");
  await net.settled();
  await net.sleep("desk");
  const count = (event: string): number => net.trail().filter((fact) => fact.event === event).length;
  const taken = count("relay.mail-appended");
  const { id } = await anna.send(desk.id, "second");
  await net.until(() => count("relay.mail-appended") === taken + 1);
  net.kill("anna");
  net.partition(["anna"], [relay?.name ?? ""]);
  await net.wake("anna");
  expect(await anna.identity.claim()).toMatchObject({ relayHasIt: false });
  net.heal();
  await net.until(() => count("relay.mail-appended") === taken + 2);
  expect(count("agent.sealed-anew")).toBe(1);
  await net.wake("desk");
  const sent = await anna.sent(id);
  expect((await sent.until("done")).proof).toBe("receipt");
  await net.settled();
  expect(heard).toEqual(["first", "second"]);
  expect(net.trail().filter(({ event }) => ALARMS.includes(event))).toEqual([]);
  const report = await verifyEvidence(simulated(), await sent.export());
  expect(report.steps.at(-1)).toMatchObject({ state: "done", verdict: "proven" });
  expect([report.proven, report.boundBy]).toEqual([true, desk.id]);
});

/** Virtual milliseconds after which the sender's machine loses power; the links take a few. */
const POWER_LOST_AFTER_MS = [0, 1, 2, 3, 4, 6, 8, 12, 20, 40, 200];

test("what the recipient's relay stores too late for the old keys is sealed anew, handled once, and proven", {
  timeout: TEST_MS,
}, async () => {
  await using net = await createTestnet({ relays: 2, seed: 5 });
  const desk = await net.agent("desk", { relay: 1, strangers: "welcome" });
  const anna = await net.agent("anna", { settings: { ...HASTY, lookupTimeoutMs: 10_000 } });
  const heard: string[] = [];
  void desk.serve(async (mail) => void heard.push(await mail.text()));
  await (await anna.send(desk.address, "first")).until("done");
  const [near] = net.relays.map(({ name }) => name) as [string];
  net.lie(near, { withhold: true });
  const sent = await anna.send(desk.address, "second", { expiresInMs: 3_600_000 });
  await net.until(async () => (await anna.sent(sent.id)).steps.some(({ proof }) => proof === "statement"));
  await anna.identity.claim();
  // The recipient hears of the claim before the mail comes, which would say it too.
  await desk.contacts.acceptChange(anna.address);
  net.lie(near, {});
  await net.restart(near);
  expect((await (await anna.sent(sent.id)).until("done", { timeoutMs: 7_200_000 })).proof).toBe("receipt");
  await net.settled();
  expect(heard).toEqual(["first", "second"]);
  expect(net.trail().filter(({ event }) => event === "agent.sealed-anew").length).toBe(1);
  // The first envelope was left where it was, until the second named it.
  expect(
    net
      .trail()
      .filter(({ event }) => ALARMS.includes(event))
      .map(({ event }) => event),
  ).toContain("agent.held");
  const report = await verifyEvidence(simulated(), await (await anna.sent(sent.id)).export());
  expect([report.proven, report.steps.at(-1)?.state]).toEqual([true, "done"]);
});

test("power lost anywhere while mail is sealed anew for new keys loses nothing and has nothing handled twice", {
  timeout: TEST_MS,
}, async () => {
  let anew = 0;
  for (const delayMs of POWER_LOST_AFTER_MS) {
    await using net = await createTestnet({ relays: 1, seed: delayMs });
    const desk = await net.agent("desk", { strangers: "welcome" });
    const anna = await net.agent("anna", { settings: HASTY });
    const heard: string[] = [];
    void desk.serve(async (mail) => void heard.push(await mail.text()));
    await (await anna.send(desk.id, "first")).until("done");
    const name = net.relays[0]?.name ?? "";
    net.kill(name);
    const big = "b".repeat(PART_BYTES + 1);
    const ids = [(await anna.send(desk.id, "small")).id, (await anna.send(desk.id, big)).id];
    await net.until(() => net.trail().filter(({ who, event }) => who === "anna" && event === "agent.sealed").length === 4);
    await anna.identity.claim();
    await net.wake(name);
    await net.until(() => net.trail().filter(({ who, event }) => who === "anna" && event === "agent.attached").length === 2);
    await net.advance(delayMs);
    net.kill("anna", { power: true });
    await net.wake("anna");
    for (const id of ids) await (await anna.sent(id)).until("done");
    await net.settled();
    expect(heard.toSorted()).toEqual([big, "first", "small"]);
    expect(net.trail().filter(({ event }) => ALARMS.includes(event))).toEqual([]);
    anew += net.trail().filter(({ event }) => event === "agent.sealed-anew").length;
  }
  expect(anew).toBeGreaterThanOrEqual(3 * POWER_LOST_AFTER_MS.length);
});

test("power lost anywhere while mail is sealed anew for a destroyed inbox key ends no message", { timeout: TEST_MS }, async () => {
  const minuteMs = 60_000;
  const settings = { inboxKeyUseMs: minuteMs, inboxKeyGraceMs: 0, inboxKeyKeepMs: minuteMs };
  for (const delayMs of POWER_LOST_AFTER_MS) {
    await using net = await createTestnet({ relays: 1, seed: delayMs });
    const desk = await net.agent("desk", { strangers: "welcome", settings });
    const anna = await net.agent("anna", { strangers: "welcome" });
    const heard: string[] = [];
    void desk.serve(async (mail) => void heard.push(await mail.text()));
    await (await anna.send(desk.id, "first")).until("done");
    await net.advance(10 * minuteMs);
    const { id } = await anna.send(desk.id, "late");
    await net.until(() => net.trail().some(({ event, fields }) => event === "agent.rejected" && fields["code"] === "key-retired"));
    await net.advance(delayMs);
    net.kill("anna", { power: true });
    await net.wake("anna");
    await (await anna.sent(id)).until("done");
    await net.settled();
    expect(heard).toEqual(["first", "late"]);
    expect(net.trail().filter(({ event }) => ALARMS.includes(event) && event !== "agent.rejected")).toEqual([]);
  }
});

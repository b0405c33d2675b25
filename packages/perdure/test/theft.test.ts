/** A folder that was copied, stolen or replaced, against a real relay: who is thrown out, what is frozen, and that no mail is lost. */
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, AgentStatus } from "../src/agent/api.ts";
import { silentLog } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { signRotation, verifyLog } from "../src/identity/agent-log.ts";
import { bundleWith, keysIn, tellRelay } from "./test-second-history.ts";
import { openStage, type Stage, serving, statesOf } from "./test-stage.ts";

const TEST_MS = 120_000;
/** Nobody waits long for a relay that is away. */
const HASTY = { settings: { lookupTimeoutMs: 1000 } };

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

const alertsOf = async (agent: Agent): Promise<readonly string[]> => (await agent.status()).alerts.map(({ code }) => code);
const connected = async (agent: Agent): Promise<boolean> => (await agent.status()).relay.connected;
const recovery = (name: string): string => join(stage.folder, `${name}.recovery`);

function alarmed(agent: Agent, code: AgentStatus["alerts"][number]["code"]): Promise<void> {
  return stage.until(`the alert ${code}`, async () => (await alertsOf(agent)).includes(code));
}

/** `desk` with its next keys in a recovery file, and a copy of its folder as a thief has it: with every key but those. */
async function stolen(): Promise<void> {
  await (await stage.agent("desk", { name: "desk", recoveryFile: recovery("desk") })).close();
  await stage.copy("desk", "thief");
}

test("a copied folder: one is claimed, the other is out, and what waited arrives once", { timeout: TEST_MS }, async () => {
  const relay = await stage.startRelay();
  const standing = () => relay.status().agents.find(({ name }) => name === "desk")?.standing;
  await stolen();
  const desk = await stage.agent("desk");
  await stage.until("desk is connected", () => connected(desk));
  const copy = await stage.agent("thief");
  await alarmed(desk, "cloned");
  await alarmed(copy, "cloned");
  const writer = await stage.agent("writer", { join: stage.address() });
  const sent = await writer.send("@desk", "while nobody could say which is which");
  await sent.until("stored");
  expect(standing()).toBe("cloned");
  expect(await desk.identity.claim()).toMatchObject({ relayHasIt: true });
  await using served = serving(desk);
  await using other = serving(copy);
  expect((await statesOf(sent)).at(-1)).toBe("done");
  expect([await alertsOf(desk), served.mails.length, other.mails.length, standing()]).toEqual([[], 1, 0, "open"]);
  await alarmed(copy, "instance-revoked");
});

test("a thief with the current keys takes the mailbox, and the owner's rotation takes it back", { timeout: TEST_MS }, async () => {
  await stage.startRelay();
  await stolen();
  const thief = await stage.agent("thief");
  expect(await thief.identity.claim()).toMatchObject({ relayHasIt: true });
  const desk = await stage.agent("desk");
  await alarmed(desk, "instance-revoked");
  await expect(thief.identity.rotate()).rejects.toMatchObject({ code: expect.stringMatching(/bad-argument|not-found/) });
  const writer = await stage.agent("writer", { join: stage.address() });
  expect(await desk.identity.rotate({ recoveryFile: recovery("desk") })).toMatchObject({
    relayHasIt: true,
  });
  await alarmed(thief, "instance-revoked");
  await using served = serving(desk);
  await using stolenMail = serving(thief);
  expect((await statesOf(await writer.send("@desk", "for the owner"))).at(-1)).toBe("done");
  expect([await alertsOf(desk), served.mails.length, stolenMail.mails.length]).toEqual([[], 1, 0]);
});

test("owner and thief write to the log at once: nobody reads until a rotation decides, and nothing is lost", {
  timeout: TEST_MS,
}, async () => {
  await stage.startRelay();
  await stolen();
  const writer = await stage.agent("writer", { join: stage.address() });
  await writer.contacts.add("@desk");
  await stage.stopRelay();
  const desk = await stage.agent("desk", HASTY);
  const thief = await stage.agent("thief", HASTY);
  expect([(await desk.identity.claim()).relayHasIt, (await thief.identity.claim()).relayHasIt]).toEqual([false, false]);
  const relay = await stage.startRelay();
  await alarmed(desk, "identity-forked");
  expect(relay.status().agents.find(({ name }) => name === "desk")?.standing).toBe("frozen");
  await alarmed(thief, "identity-forked");
  await using served = serving(desk);
  await using stolenMail = serving(thief);
  const sent = await writer.send("@desk", "to whom it may concern");
  expect((await desk.status()).alerts[0]?.run).toBe("perdure id rotate");
  await desk.identity.rotate({ recoveryFile: recovery("desk") });
  expect((await statesOf(sent)).at(-1)).toBe("done");
  expect([await alertsOf(desk), served.mails.length, stolenMail.mails.length]).toEqual([[], 1, 0]);
  await alarmed(thief, "instance-revoked");
});

/** Tells the relay of a rotation in the place of the owner's last one, to the same key, as who has that folder can sign it. */
async function reopen(name: string): Promise<void> {
  const host = createNodeHost({ log: silentLog });
  const kept = await keysIn(join(stage.folder, name));
  const log = await verifyLog(host.crypto, kept.log);
  const before = kept.log.slice(0, log.epochs.at(-1)?.fromSeq);
  const nowMs = host.clock.wallMs();
  const again = await signRotation(host.crypto, await verifyLog(host.crypto, before), {
    revealed: [await host.crypto.signatures.load(kept.controlSeed)],
    following: log.nextCommitments,
    recoverySalt: host.random.bytes(32),
    body: { voidFromSeq: 1, oldKeysUntilMs: nowMs, extensions: [] },
    nowMs,
  });
  await tellRelay(stage.address(), join(stage.folder, name), bundleWith(kept, [...before, again]));
}

test("a thief of the key in force reopens its commitment: nobody reads until the owner's next rotation, which ends it", {
  timeout: TEST_MS,
}, async () => {
  await stage.startRelay();
  const first = await stage.agent("desk", { name: "desk", recoveryFile: recovery("desk") });
  await first.identity.rotate({ recoveryFile: recovery("desk") });
  await first.close();
  await stage.copy("desk", "thief");
  await reopen("thief");
  const desk = await stage.agent("desk", HASTY);
  await alarmed(desk, "identity-forked");
  const writer = await stage.agent("writer", { join: stage.address() });
  expect(await desk.identity.rotate({ recoveryFile: recovery("desk") })).toMatchObject({ seq: 2, relayHasIt: true });
  await reopen("thief");
  await using served = serving(desk);
  expect((await statesOf(await writer.send("@desk", "for the owner"))).at(-1)).toBe("done");
  expect([await alertsOf(desk), served.mails.length]).toEqual([[], 1]);
});

test("mail that was stored before its writer's keys were replaced is still read after that was learnt", { timeout: TEST_MS }, async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk" });
  const writer = await stage.agent("writer", { join: stage.address(), recoveryFile: recovery("writer") });
  {
    await using served = serving(desk);
    await (await writer.send("@desk", "first")).until("done");
    expect(served.mails.length).toBe(1);
  }
  await desk.close();
  const before = await writer.send("@desk", "sealed with the old key");
  await before.until("stored");
  await writer.identity.rotate({ recoveryFile: recovery("writer") });
  const after = await writer.send("@desk", "sealed with the new key");
  await after.until("stored");
  const again = await stage.agent("desk");
  await using served = serving(again);
  expect([(await statesOf(before)).at(-1), (await statesOf(after)).at(-1)]).toEqual(["done", "done"]);
  expect(served.mails.length).toBe(2);
});

test("mail to an agent that was retired ends with that reason, queued and new", { timeout: TEST_MS }, async () => {
  await stage.startRelay();
  const desk = await stage.agent("desk", { name: "desk", recoveryFile: recovery("desk") });
  const writer = await stage.agent("writer", { join: stage.address() });
  {
    await using _served = serving(desk);
    await (await writer.send("@desk", "hello")).until("done");
  }
  await desk.identity.retire({ recoveryFile: recovery("desk"), reason: "moved on" });
  const sent = await writer.send("@desk", "too late");
  const steps = [];
  for await (const step of sent) steps.push(step);
  expect(steps.at(-1)).toMatchObject({ state: "refused", detail: expect.stringContaining("identity-retired") });
});

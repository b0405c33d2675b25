/** Histories of one agent that contradict each other, are cut off, or come from another time, at two relays: who finds out, and what holds. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent, AgentStatus } from "../src/agent/api.ts";
import { restoreAgent } from "../src/agent/restore-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { verifyLog } from "../src/identity/agent-log.ts";
import { forgeEvent } from "../src/identity/test-log-mutations.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { createSettings } from "../src/settings/register.ts";
import { EVENT_KINDS } from "../src/wire/identity.ts";
import { bundleWith, keysIn, otherHistory, tellRelay } from "./test-second-history.ts";
import { codeOf, openStage, type Stage, serving, statesOf } from "./test-stage.ts";

const TEST_MS = 120_000;
/** Nobody waits long for a relay that is away. */
const HASTY = { settings: { lookupTimeoutMs: 1000 } };
const PASSPHRASE = "correct horse battery";
/** A guess costs little here. */
const CHEAP = { passphraseMemoryKiB: 19456, passphrasePasses: 1 };

let stage: Stage;
let east: Relay;
beforeEach(async () => {
  stage = await openStage();
  await stage.startRelay();
  east = await openRelay({ folder: join(stage.folder, "east"), listen: "ws://127.0.0.1:0" });
});
afterEach(async () => {
  // It lives in the folder of the stage.
  await east.drain();
  await stage[Symbol.asyncDispose]();
});

const place = (name: string): string => join(stage.folder, name);
const hostOf = (address: string): string => new URL(address.split("#")[0] as string).host;
const alertsOf = async (agent: Agent): Promise<readonly string[]> => (await agent.status()).alerts.map(({ code }) => code);
const alarmed = (agent: Agent, code: AgentStatus["alerts"][number]["code"]): Promise<void> =>
  stage.until(`the alert ${code}`, async () => (await alertsOf(agent)).includes(code));
const troubleOf = async (agent: Agent, id: string): Promise<string | undefined> =>
  (await agent.contacts.list()).find((each) => each.id === id)?.trouble;

test("I4: a key that signs two events of one number, each for another relay, is found out where both are seen, and the proof stays", {
  timeout: TEST_MS,
}, async () => {
  const recoveryFile = place("desk.recovery");
  const first = await stage.agent("desk", { name: "desk", recoveryFile });
  const { id } = first;
  await first.identity.anchor(new Uint8Array(32), { about: "for the one relay" });
  await first.close();
  const other = await otherHistory(await keysIn(place("desk")), 0);
  expect(await tellRelay(east.address, place("desk"), other)).toBe("welcome");
  await stage.stopRelay();
  const writer = await stage.agent("writer", { name: "writer", join: east.address });
  await writer.send(id, "to whom its relay says it is");
  await stage.until("that is known of it", async () => (await writer.contacts.list()).some(({ name }) => name === "desk"));
  expect(await troubleOf(writer, id), "one history alone shows nothing").toBeUndefined();

  await stage.startRelay();
  const desk = await stage.agent("desk");
  await using read = serving(writer);
  const sent = await desk.send(`@writer@${hostOf(east.address)}`, "with the other history");
  await stage.until("both were seen", async () => (await troubleOf(writer, id)) === "frozen");
  expect(read.mails.length).toBe(0);
  await writer.close();
  const again = await stage.agent("writer", {});
  expect(await troubleOf(again, id), "kept over a restart").toBe("frozen");

  expect(await tellRelay(stage.address(), place("desk"), other)).toBe("welcome");
  await alarmed(desk, "identity-forked");
  const newcomer = await stage.agent("newcomer", { join: stage.address() });
  const waits = await newcomer.send(id, "who has seen neither");
  await stage.until("a relay that saw both shows both", async () => (await troubleOf(newcomer, id)) === "frozen");

  expect(await desk.identity.rotate({ recoveryFile })).toMatchObject({ relayHasIt: true });
  await using served = serving(desk);
  await using late = serving(again);
  await desk.send(`@writer@${hostOf(east.address)}`, "with the one that counts");
  expect((await statesOf(sent)).at(-1)).toBe("done");
  expect((await statesOf(waits)).at(-1)).toBe("done");
  await stage.until("what was held is read", () => late.mails.length === 2);
  expect([await troubleOf(again, id), await alertsOf(desk)]).toEqual([undefined, []]);
  expect(served.mails.length).toBeGreaterThanOrEqual(1);
});

test("I5: a relay that shows a log without its end is believed by nobody who saw that end, and is told again", {
  timeout: TEST_MS,
}, async () => {
  const recoveryFile = place("desk.recovery");
  const desk = await stage.agent("desk", { name: "desk", recoveryFile });
  const name = `@desk@${hostOf(stage.address())}`;
  const writer = await stage.agent("writer", { name: "writer", join: east.address });
  await (await writer.send(name, "before")).until("stored");
  await stage.stopRelay();
  await stage.copy("relay", "older");
  await stage.startRelay();
  expect(await desk.identity.rotate({ recoveryFile })).toMatchObject({ seq: 1, relayHasIt: true });
  await writer.contacts.acceptChange(name);
  await desk.close();

  await stage.stopRelay();
  await rm(place("relay"), { recursive: true });
  await stage.copy("older", "relay");
  await stage.startRelay();
  expect(await writer.contacts.acceptChange(name).catch(codeOf)).toBe("record-rolled-back");
  const newcomer = await stage.agent("newcomer", { join: east.address });
  expect(await newcomer.contacts.acceptChange(name).catch(codeOf), "who never saw it has nothing to compare").toBe(desk.id);

  const again = await stage.agent("desk");
  await using served = serving(again);
  for (const each of [writer, newcomer]) expect((await statesOf(await each.send(name, "after"))).at(-1)).toBe("done");
  expect(await writer.contacts.acceptChange(name)).toBe(desk.id);
  expect((await again.identity.show()).log.map(({ kind }) => kind)).toEqual(["inception", "rotate"]);
  expect(served.mails.length).toBe(3);
});

test("I8: an old backup that is brought to life with the recovery file, without having seen the rotation since, ties and loses", {
  timeout: TEST_MS,
}, async () => {
  const recoveryFile = place("desk.recovery");
  await (await stage.agent("desk", { name: "desk", recoveryFile })).close();
  await stage.copy("desk", "backup");
  const desk = await stage.agent("desk", HASTY);
  expect(await desk.identity.rotate({ recoveryFile })).toMatchObject({ seq: 1, relayHasIt: true });
  await stage.stopRelay();
  const backup = await stage.agent("backup", HASTY);
  await expect(backup.identity.rotate(), "without the file").rejects.toMatchObject({
    code: expect.stringMatching(/bad-argument|not-found/),
  });
  expect(await backup.identity.rotate({ recoveryFile })).toMatchObject({ seq: 1, relayHasIt: false });
  await stage.startRelay();
  await alarmed(desk, "identity-forked");
  const writer = await stage.agent("writer", { join: east.address });
  const waits = await writer.send(`@desk@${hostOf(stage.address())}`, "to the owner");
  expect(await desk.identity.rotate({ recoveryFile })).toMatchObject({ seq: 2, relayHasIt: true });
  await alarmed(backup, "instance-revoked");
  await using served = serving(desk);
  await using other = serving(backup);
  expect((await statesOf(waits)).at(-1)).toBe("done");
  expect([served.mails.length, other.mails.length, await alertsOf(desk)]).toEqual([1, 0, []]);
});

test("I8: an export from a time when the next keys lay in the folder can rotate for ever: who rotates last holds the agent", {
  timeout: TEST_MS,
}, async () => {
  const recoveryFile = place("desk.recovery");
  const desk = await stage.agent("desk", { name: "desk", settings: CHEAP });
  const file = await desk.identity.export(PASSPHRASE);
  await desk.identity.rotate({ newRecoveryFile: recoveryFile });
  const { identity } = await restoreAgent({
    host: createNodeHost(),
    folder: place("replayed"),
    settings: createSettings(CHEAP),
    file,
    passphrase: PASSPHRASE,
    folderPassphrase: undefined,
    offline: false,
    signal: AbortSignal.timeout(TEST_MS),
  });
  expect([identity.standing, identity.custody]).toEqual(["superseded", "together"]);
  const replayed = await stage.agent("replayed", { strangers: "welcome" });
  expect(await replayed.identity.rotate()).toMatchObject({ seq: 2, identity: { standing: "in-force" } });
  await alarmed(desk, "instance-revoked");
  expect(await desk.identity.rotate({ recoveryFile })).toMatchObject({ seq: 3, identity: { standing: "in-force" } });
  await alarmed(replayed, "instance-revoked");
});

test("I8: a recovery by guardians, which this version has none of, changes nothing at a relay", { timeout: TEST_MS }, async () => {
  const { crypto } = createNodeHost();
  const desk = await stage.agent("desk", { name: "desk" });
  const { seq } = await desk.identity.anchor(new Uint8Array(32), { about: "before" });
  await desk.close();
  const kept = await keysIn(place("desk"));
  const keys = [await crypto.signatures.load(kept.controlSeed)];
  for (const log of [kept.log.slice(0, 1), kept.log]) {
    const recover = await forgeEvent(crypto, await verifyLog(crypto, log), { kind: EVENT_KINDS.indexOf("recover") }, keys);
    for (const { address } of [{ address: stage.address() }, east])
      expect(await tellRelay(address, place("desk"), bundleWith(kept, [...log, recover]))).toBe("needs-newer-verifier");
  }
  const writer = await stage.agent("writer", { join: stage.address() });
  const again = await stage.agent("desk");
  await using served = serving(again);
  expect((await statesOf(await writer.send("@desk", "hello"))).at(-1)).toBe("done");
  expect([(await again.identity.show()).log.at(-1)?.seq, served.mails.length]).toEqual([seq, 1]);
});

import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type RestoredAgent, restoreAgent } from "../src/agent/restore-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createSettings } from "../src/settings/register.ts";
import { openStage, type Stage, serving } from "./test-stage.ts";

/** A guess costs little here. */
const CHEAP = { passphraseMemoryKiB: 19456, passphrasePasses: 1 };
const PASSPHRASE = "correct horse battery";

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function restore(folder: string, file: Uint8Array, options: { readonly offline?: boolean } = {}): Promise<RestoredAgent> {
  await mkdir(join(stage.folder, folder), { recursive: true });
  return await restoreAgent({
    host: createNodeHost(),
    folder: join(stage.folder, folder),
    settings: createSettings(CHEAP),
    file,
    passphrase: PASSPHRASE,
    folderPassphrase: undefined,
    offline: options.offline === true,
    signal: AbortSignal.timeout(60_000),
  });
}

test("a restored agent is another instance, the relay knows at once, and mail comes to it alone", async () => {
  await stage.startRelay();
  const old = await stage.agent("desk", { name: "desk", settings: CHEAP });
  const file = await old.identity.export(PASSPHRASE);
  // The log goes on after the export: the restored folder has to learn that before it writes to it.
  await old.identity.pinHome();
  const restored = await restore("again", file);
  expect(restored).toMatchObject({ relayHasIt: true, identity: { id: old.id, standing: "in-force" } });
  expect(restored.identity.log.map(({ kind }) => kind)).toEqual(["inception", "home-set", "instance-revoke"]);
  expect((await stat(join(stage.folder, "again/identity/keys.cbor"))).mode & 0o777).toBe(0o600);
  await expect(restore("again", file)).rejects.toMatchObject({ code: "agent-exists" });
  await stage.until("the old one knows that it was revoked", async () =>
    (await old.identity.show()).instances.some(({ isThis, revoked }) => isThis && revoked),
  );
  await using left = serving(old);
  const writer = await stage.agent("writer", { join: stage.address() });
  const again = await stage.agent("again", { strangers: "welcome" });
  await using served = serving(again);
  await (await writer.send("@desk", "hello")).until("done");
  expect([left.mails.length, served.mails.length]).toEqual([0, 1]);
});

test("of two that are restored from one export, or claimed one after the other, the last acts alone", async () => {
  await stage.startRelay();
  const old = await stage.agent("desk", { name: "desk", settings: CHEAP });
  const file = await old.identity.export(PASSPHRASE);
  await old.close();
  expect(await restore("first", file)).toMatchObject({ relayHasIt: true });
  const second = await restore("second", file);
  expect(second).toMatchObject({ relayHasIt: true, identity: { standing: "in-force" } });
  const acting = (view: RestoredAgent["identity"]) => view.instances.filter(({ revoked }) => !revoked).map(({ isThis }) => isThis);
  expect(acting(second.identity)).toEqual([true]);
  const first = await stage.agent("first", {});
  await stage.until("the first one knows that it was revoked", async () =>
    (await first.identity.show()).instances.some(({ isThis, revoked }) => isThis && revoked),
  );
  const claimed = await first.identity.claim();
  expect(acting(claimed.identity)).toEqual([true]);
  expect(claimed.identity.instances.length).toBeGreaterThanOrEqual(3);
});

test("an export from before a rotation is restored for a rotation to take it back, and can do nothing else", async () => {
  await stage.startRelay();
  const recoveryFile = join(stage.folder, "first.recovery");
  const old = await stage.agent("desk", { name: "desk", recoveryFile, settings: CHEAP });
  const file = await old.identity.export(PASSPHRASE);
  await old.identity.rotate({ recoveryFile });
  await old.close();
  const { identity } = await restore("again", file);
  expect(identity.standing).toBe("superseded");
  const again = await stage.agent("again", { strangers: "welcome" });
  await expect(again.identity.claim()).rejects.toMatchObject({ code: "instance-revoked" });
  const taken = await again.identity.rotate({ recoveryFile });
  expect(taken).toMatchObject({ seq: 2, relayHasIt: true, identity: { standing: "in-force" } });
  const writer = await stage.agent("writer", { join: stage.address() });
  await using served = serving(again);
  await (await writer.send("@desk", "hello")).until("done");
  expect(served.mails).toHaveLength(1);
});

test("nobody is restored from what the relay cannot be asked about, unless it is gone for good", async () => {
  await stage.startRelay();
  const old = await stage.agent("desk", { name: "desk", settings: CHEAP });
  const file = await old.identity.export(PASSPHRASE);
  await old.close();
  await stage.stopRelay();
  await expect(restore("again", file)).rejects.toMatchObject({ code: "relay-unreachable", hint: expect.stringContaining("--offline") });
  expect(await restore("again", file, { offline: true })).toMatchObject({ relayHasIt: false, identity: { standing: "in-force" } });
});

test("what is no export, or was changed, is refused", async () => {
  await stage.startRelay();
  const old = await stage.agent("desk", { name: "desk", settings: CHEAP });
  const file = await old.identity.export(PASSPHRASE);
  for (const at of [0, 40, 500, file.length - 1]) {
    const bad = file.slice();
    bad[at] = (bad[at] as number) ^ 1;
    await expect(restore("again", bad)).rejects.toMatchObject({ code: "key-damaged" });
  }
  await expect(restore("again", file.subarray(0, 100))).rejects.toMatchObject({ code: "key-damaged" });
  await expect(stat(join(stage.folder, "again/identity/keys.cbor"))).rejects.toThrow();
});

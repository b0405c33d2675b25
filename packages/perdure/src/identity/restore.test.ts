import { describe, expect, it } from "vitest";
import { createSettings } from "../settings/register.ts";
import { equalBytes, hex } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import { readKept, readShown } from "./custody.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
import { restoreIdentity } from "./restore.ts";
import { createTestMachine, crypto, NOW_MS, type TestMachine } from "./test-machine.ts";
import { verifyBundle } from "./verify.ts";

const CHEAP = createSettings({ passphraseMemoryKiB: 19456, passphrasePasses: 1 });
const PASSPHRASE = "correct horse";
const DAY_MS = 24 * 60 * 60_000;
/** An export is opened at each port call, which takes memory and time on purpose. */
const CRASHES_MS = 240_000;

interface Exported {
  readonly file: Uint8Array;
  readonly own: OwnIdentity;
  readonly host: TestMachine;
}

async function exported(): Promise<Exported> {
  const host = createTestMachine("old");
  const own = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings: CHEAP });
  return { own, host, file: await own.export(PASSPHRASE) };
}

type Newest = (own: OwnIdentity) => Promise<Uint8Array | undefined>;

async function restore(host: TestMachine, file: Uint8Array, newest: Newest, folderPassphrase?: string): Promise<OwnIdentity> {
  return await restoreIdentity({ host, folder: "home", settings: CHEAP, file, passphrase: PASSPHRASE, folderPassphrase, newest });
}

function reopen(host: TestMachine, passphrase?: string): Promise<OwnIdentity> {
  return openIdentity({ host, folder: "home", settings: CHEAP, ...(passphrase === undefined ? {} : { passphrase }) });
}

/** Whose log goes on from the one that was exported, and whose instance is another. */
async function expectRestored(again: OwnIdentity, { own }: Exported, standing: OwnIdentity["standing"]): Promise<void> {
  expect([again.id, again.standing]).toEqual([own.id, standing]);
  if (standing !== "in-force") return;
  expect(equalBytes(again.instanceKey.publicKey, own.instanceKey.publicKey)).toBe(false);
  expect(again.log.revoked.some(({ instanceKey }) => equalBytes(instanceKey, own.instanceKey.publicKey))).toBe(true);
  expect(again.inboxSecret(own.inboxKey.keyId)).toBeDefined();
  await verifyBundle(crypto, again.bundle(), NOW_MS + DAY_MS, again.idRaw);
}

async function crashEverywhere(
  of: Exported,
  bundle: Uint8Array | undefined,
  standing: OwnIdentity["standing"],
  passphrase?: string,
): Promise<{ readonly operations: number; readonly begunAnew: number }> {
  const probe = createTestMachine("probe");
  await restore(probe, of.file, async () => bundle, passphrase);
  const { operations } = probe.disk;
  let begunAnew = 0;
  for (let count = 0; count <= operations; count++) {
    const host = createTestMachine(`restored ${count}`);
    host.disk.failAfter(count);
    const failed = await restore(host, of.file, async () => bundle, passphrase).then(
      () => false,
      () => true,
    );
    host.disk.restart();
    const isThere = (await readShown(host.files, crypto.hash, "home")) !== undefined;
    if (!failed) expect(isThere).toBe(true);
    if (!isThere) {
      begunAnew++;
      await restore(host, of.file, async () => bundle, passphrase);
    }
    await expectRestored(await reopen(host, passphrase), of, standing);
    await expect(restore(host, of.file, async () => bundle, passphrase)).rejects.toMatchObject({ code: "agent-exists" });
  }
  return { operations, begunAnew };
}

describe("restoring an identity", () => {
  it("a crash at every port call leaves nothing, or the whole restored identity under a new instance", {
    timeout: CRASHES_MS,
  }, async () => {
    const { operations, begunAnew } = await crashEverywhere(await exported(), undefined, "in-force");
    expect(operations).toBeGreaterThan(3);
    expect(begunAnew).toBeGreaterThan(0);
    expect(begunAnew).toBeLessThanOrEqual(operations);
  });

  it("also of a folder that is sealed, of a log that went on, and of keys that were replaced", { timeout: CRASHES_MS }, async () => {
    const of = await exported();
    await crashEverywhere(of, undefined, "in-force", "battery staple");
    await of.own.anchor({ root: new Uint8Array(32), about: "", nowMs: NOW_MS });
    await crashEverywhere(of, of.own.bundle(), "in-force");
    await of.own.rotate({ nowMs: NOW_MS });
    await crashEverywhere(of, of.own.bundle(), "superseded");
  });

  it("writes nothing when its home cannot be asked, and asks it each time", async () => {
    const { file } = await exported();
    const host = createTestMachine("new");
    const away = new PerdureError("relay-unreachable", "nobody is there", { retry: "after" });
    for (let tries = 0; tries < 2; tries++)
      await expect(restore(host, file, () => Promise.reject(away))).rejects.toMatchObject({ code: "relay-unreachable" });
    expect(host.disk.operations).toBe(0);
    let asked = 0;
    await restore(host, file, async () => void asked++ as undefined);
    expect(asked).toBe(1);
  });

  it("never has the exported instance act, not even in what lies beside the folder's file after a crash", async () => {
    const of = await exported();
    const old = await readKept(of.host.files, crypto.hash, "home");
    const probe = createTestMachine("probe");
    await restore(probe, of.file, async () => undefined);
    for (let count = 0; count <= probe.disk.operations; count++) {
      const host = createTestMachine(`left ${count}`);
      host.disk.failAfter(count);
      await restore(host, of.file, async () => undefined).catch(() => undefined);
      for (const name of host.disk.names())
        expect(hex(host.disk.read(name) as Uint8Array)).not.toContain(hex(old?.instanceSeed as Uint8Array));
    }
    // Control: the folder that was exported has it.
    expect(
      of.host.disk.names().some((name) => hex(of.host.disk.read(name) as Uint8Array).includes(hex(old?.instanceSeed as Uint8Array))),
    ).toBe(true);
  });
});

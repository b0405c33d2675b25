import { argon2id } from "@noble/hashes/argon2.js";
import { describe, expect, it } from "vitest";
import { createSettings } from "../settings/register.ts";
import { equalBytes, hex } from "../wire/bytes.ts";
import { type SealedIdentity, sealedIdentity } from "../wire/kept-identity.ts";
import { identityPath, readShown } from "./custody.ts";
import { openExportFile } from "./export-file.ts";
import { decodeKeptFile, encodeKeptFile } from "./kept-file.ts";
import { createIdentity, openIdentity } from "./own-identity.ts";
import { newSealingKey, sealIdentity, unsealIdentity } from "./passphrase.ts";
import { createTestMachine, crypto, type TestMachine } from "./test-machine.ts";

const CHEAP = createSettings({ passphraseMemoryKiB: 19456, passphrasePasses: 1 });
const PASSPHRASE = "correct horse";

async function sealedFolder(): Promise<TestMachine> {
  const host = createTestMachine("a");
  await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings: CHEAP, passphrase: PASSPHRASE });
  return host;
}

function sealedIn(host: TestMachine): SealedIdentity {
  const file = decodeKeptFile(crypto.hash, host.disk.read(identityPath("home")) as Uint8Array, "the file");
  if (file.kind !== "sealed") throw new Error("the file is not sealed");
  return file.sealed;
}

function put(host: TestMachine, sealed: SealedIdentity): void {
  host.disk.put(identityPath("home"), encodeKeptFile(crypto.hash, { kind: "sealed", sealed }));
}

const open = (host: TestMachine, passphrase: string) => openIdentity({ host, folder: "home", settings: CHEAP, passphrase });

describe("a sealed folder", () => {
  it("opens with its passphrase, and with no other", async () => {
    const host = await sealedFolder();
    expect((await open(host, PASSPHRASE)).isSealed).toBe(true);
    await expect(open(host, "correct horse ")).rejects.toMatchObject({ code: "wrong-passphrase" });
    await expect(openIdentity({ host, folder: "home", settings: CHEAP })).rejects.toMatchObject({ code: "passphrase-required" });
  });

  it("shows who it is and nothing that is secret", async () => {
    const host = await sealedFolder();
    const own = await open(host, PASSPHRASE);
    expect(await readShown(host.files, crypto.hash, "home")).toMatchObject({ custody: "together", isSealed: true, bundle: own.bundle() });
    const { kept } = await unsealIdentity(crypto, sealedIn(host), PASSPHRASE, "the file");
    const secrets = [
      kept.controlSeed,
      kept.instanceSeed,
      kept.next?.seed,
      kept.next?.recoverySalt,
      ...kept.inboxSecrets.map(({ secret }) => secret),
    ];
    for (const name of host.disk.names()) {
      for (const secret of secrets) expect(hex(host.disk.read(name) as Uint8Array)).not.toContain(hex(secret as Uint8Array));
    }
  });

  it("no two writes use one key", async () => {
    const host = await sealedFolder();
    const own = await open(host, PASSPHRASE);
    const before = sealedIn(host);
    await own.setHome({ relayId: new Uint8Array(32), url: "ws://a/", preference: 0 }, host.clock.wallMs());
    const after = sealedIn(host);
    expect(equalBytes(before.salt, after.salt)).toBe(true);
    expect(equalBytes(before.once, after.once)).toBe(false);
  });

  it("the passphrase becomes a key as another implementation of Argon2id makes it", async () => {
    const salt = new Uint8Array(32).fill(5);
    const key = await crypto.passphrase?.derive("größer als 8", salt, { memoryKiB: 64, passes: 3 });
    expect(key).toEqual(argon2id("größer als 8", salt, { t: 3, m: 64, p: 1, dkLen: 32 }));
  });

  it.each<[string, Partial<SealedIdentity>]>([
    ["a terabyte of memory", { memoryKiB: 1024 * 1024 * 1024 }],
    ["a million passes", { passes: 1_000_000 }],
    ["no pass", { passes: 0 }],
    ["no memory", { memoryKiB: 0 }],
  ])("a file that asks for %s is refused before anything is granted", async (_name, asked) => {
    const host = await sealedFolder();
    put(host, { ...sealedIn(host), ...asked });
    await expect(open(host, PASSPHRASE)).rejects.toMatchObject({ code: "key-damaged" });
  });

  it("what stands in the open cannot be changed either", async () => {
    const host = await sealedFolder();
    const good = sealedIn(host);
    const other = createTestMachine("b");
    const foreign = (await createIdentity({ host: other, folder: "home", role: "mail", custody: "together", settings: CHEAP })).bundle();
    for (const change of [{ custody: "split" as const }, { bundle: foreign }, { once: new Uint8Array(32) }]) {
      put(host, { ...good, ...change });
      await expect(open(host, PASSPHRASE)).rejects.toMatchObject({ code: "wrong-passphrase" });
    }
  });

  it("a folder's own file is no export, and an export no folder's file", async () => {
    const host = await sealedFolder();
    const own = await open(host, PASSPHRASE);
    const file = host.disk.read(identityPath("home")) as Uint8Array;
    await expect(openExportFile(crypto, file, PASSPHRASE, "the file")).rejects.toMatchObject({ code: "bad-argument" });
    const exported = await own.export("another");
    expect((await openExportFile(crypto, exported, "another", "the export")).log).toHaveLength(1);
    host.disk.put(identityPath("home"), exported);
    await expect(open(host, "another")).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("a crash at every port call of a change of the passphrase leaves one of the two", async () => {
    for (let count = 0; count < 6; count++) {
      const host = await sealedFolder();
      const own = await open(host, PASSPHRASE);
      host.disk.failAfter(count);
      const failed = await own.setPassphrase("another").then(
        () => false,
        () => true,
      );
      host.disk.restart();
      const opened = await open(host, failed ? PASSPHRASE : "another").catch(() => open(host, "another"));
      expect(opened.id).toBe(own.id);
    }
  });

  it("has one encoding", async () => {
    const host = await sealedFolder();
    const sealed = sealedIn(host);
    expect(sealedIdentity.decode(sealedIdentity.encode(sealed))).toEqual(sealed);
    const by = await newSealingKey(crypto, host.random, "x", { memoryKiB: 64, passes: 1 });
    const { kept } = await unsealIdentity(crypto, sealed, PASSPHRASE, "the file");
    const again = await sealIdentity({ crypto, random: host.random, by, purpose: "folder", kept, bundle: sealed.bundle });
    expect((await unsealIdentity(crypto, again, "x", "the file")).kept).toEqual(kept);
  });
});

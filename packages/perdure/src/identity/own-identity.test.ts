import { describe, expect, it } from "vitest";
import { equalBytes, fromUtf8, hex, utf8 } from "../wire/bytes.ts";
import { identityBundle } from "../wire/identity.ts";
import { keptIdentity } from "../wire/kept-identity.ts";
import { identityPath, readKept, readRecovery } from "./custody.ts";
import { createIdentity, openIdentity } from "./own-identity.ts";
import { parseRecovery } from "./recovery.ts";
import { createTestMachine, crypto, NOW_MS, settings } from "./test-machine.ts";
import { verifyBundle } from "./verify.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOME = { relayId: new Uint8Array(32).fill(7), url: "ws://127.0.0.1:4410/", preference: 0 };
const together = { folder: "home", role: "mail", custody: "together", settings } as const;
const split = { folder: "home", role: "mail", custody: "split", recoveryPath: "usb/desk.txt", settings } as const;

describe("createIdentity", () => {
  it("makes an identity that its own bundle proves", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together, name: "desk" });
    const seen = await verifyBundle(crypto, own.bundle(), NOW_MS, own.idRaw);
    expect(seen.id).toBe(own.id);
    expect(seen.name).toBe("desk");
    expect(seen.logHead).toEqual(own.logHead);
    expect(seen.inboxKey).toEqual(own.inboxKey);
    expect(own.inboxSecret(own.inboxKey.keyId)?.publicKey).toEqual(own.inboxKey.publicKey);
  });

  it("opens as the same identity later", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    const again = await openIdentity({ host, folder: "home", settings });
    expect(again.id).toBe(own.id);
    expect(again.bundle()).toEqual(own.bundle());
  });

  it("refuses a second identity in one folder", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    await expect(createIdentity({ host, ...together })).rejects.toMatchObject({ code: "agent-exists" });
  });

  it.each(["Desk", "-desk", "", "a b", "x".repeat(33)])("refuses the name %j", async (name) => {
    await expect(createIdentity({ host: createTestMachine("a"), ...together, name })).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("says no-agent-here for an empty folder", async () => {
    await expect(openIdentity({ host: createTestMachine("a"), folder: "home", settings })).rejects.toMatchObject({ code: "no-agent-here" });
  });

  it("leaves no identity and can be tried again, wherever the disk fails", async () => {
    const probe = createTestMachine("probe");
    await createIdentity({ host: probe, ...split });
    for (let count = 0; count < probe.disk.operations; count++) {
      const host = createTestMachine(`fault ${count}`);
      host.disk.failAfter(count);
      await expect(createIdentity({ host, ...split })).rejects.toMatchObject({ code: "disk-failed" });
      host.disk.restart();
      await expect(openIdentity({ host, folder: "home", settings })).rejects.toMatchObject({ code: "no-agent-here" });
      const own = await createIdentity({ host, ...split });
      const kept = await readKept(host.files, crypto.hash, "home");
      expect((await readRecovery(host.files, crypto, "usb/desk.txt", kept?.log ?? [])).agentId).toBe(own.id);
    }
  });
});

describe("a damaged identity", () => {
  it("is key-damaged whichever byte changed, and names the file", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    const good = host.disk.read(identityPath("home")) as Uint8Array;
    for (let at = 0; at < good.length; at += 13) {
      const bad = good.slice();
      bad[at] = (bad[at] as number) ^ 1;
      host.disk.put(identityPath("home"), bad);
      await expect(openIdentity({ host, folder: "home", settings })).rejects.toMatchObject({
        code: "key-damaged",
        message: expect.stringContaining("home/identity/keys.cbor"),
      });
    }
  });

  it.each([0, 1, 31, 32, 100])("is key-damaged when cut to %i bytes", async (length) => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    host.disk.put(identityPath("home"), (host.disk.read(identityPath("home")) as Uint8Array).slice(0, length));
    await expect(openIdentity({ host, folder: "home", settings })).rejects.toMatchObject({ code: "key-damaged" });
  });
});

describe("custody", () => {
  it("split keeps the next key in the recovery file only", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...split, name: "desk" });
    const page = fromUtf8(host.disk.read("usb/desk.txt") as Uint8Array);
    const recovery = parseRecovery(crypto.hash, page);
    expect(recovery.agentId).toBe(own.id);
    expect((await readKept(host.files, crypto.hash, "home"))?.next).toBeUndefined();
    for (const name of host.disk.names().filter((each) => each.startsWith("home/"))) {
      const held = hex(host.disk.read(name) as Uint8Array);
      expect(held).not.toContain(hex(recovery.seed));
      expect(held).not.toContain(hex(recovery.recoverySalt));
    }
  });

  it("together keeps the next key in the folder", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    expect((await readKept(host.files, crypto.hash, "home"))?.next).toBeDefined();
  });

  it("split without a path and together with one are refused", async () => {
    const { recoveryPath, ...noPath } = split;
    await expect(createIdentity({ host: createTestMachine("a"), ...noPath })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(createIdentity({ host: createTestMachine("a"), ...together, recoveryPath })).rejects.toMatchObject({
      code: "bad-argument",
    });
  });

  it("never writes over a recovery file that is not its own", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...split });
    const page = host.disk.read("usb/desk.txt") as Uint8Array;
    await expect(createIdentity({ host, ...split, folder: "other" })).rejects.toMatchObject({ code: "bad-argument" });
    expect(host.disk.read("usb/desk.txt")).toEqual(page);
  });

  it("never writes over some other file", async () => {
    const host = createTestMachine("a");
    host.disk.put("usb/desk.txt", utf8("shopping list"));
    await expect(createIdentity({ host, ...split })).rejects.toMatchObject({ code: "bad-argument" });
    expect(host.disk.read("usb/desk.txt")).toEqual(utf8("shopping list"));
  });

  it("finds a recovery file of another agent out", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...split });
    const other = createTestMachine("b");
    await createIdentity({ host: other, ...split });
    const log = (await readKept(other.files, crypto.hash, "home"))?.log ?? [];
    await expect(readRecovery(host.files, crypto, "usb/desk.txt", log)).rejects.toMatchObject({ code: "wrong-recipient" });
  });

  it("finds a typing mistake in a recovery file and names the line", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...split });
    const page = fromUtf8(host.disk.read("usb/desk.txt") as Uint8Array);
    const typo = page.replace(/(Next keys: .)(.)/, (_, before: string, letter: string) => before + (letter === "a" ? "b" : "a"));
    expect(() => parseRecovery(crypto.hash, typo)).toThrow(/Next keys/);
  });
});

describe("changes", () => {
  it("setHome raises the record version and survives a restart", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    await own.setHome(HOME, NOW_MS);
    const again = await openIdentity({ host, folder: "home", settings });
    expect(again.homes()).toEqual([HOME]);
    expect((await verifyBundle(crypto, again.bundle(), NOW_MS)).recordVersion).toBe(2);
  });

  it("a change that could not be kept is not seen", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    const before = own.bundle();
    host.disk.failAfter(2);
    await expect(own.setHome(HOME, NOW_MS)).rejects.toMatchObject({ code: "disk-failed" });
    expect(own.bundle()).toEqual(before);
    host.disk.restart();
    expect((await openIdentity({ host, folder: "home", settings })).bundle()).toEqual(before);
  });

  it("changes asked for at once all happen, one version each", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    await Promise.all([0, 1, 2].map((preference) => own.setHome({ ...HOME, preference }, NOW_MS)));
    expect((await verifyBundle(crypto, own.bundle(), NOW_MS)).recordVersion).toBe(4);
    expect(own.homes()).toEqual([{ ...HOME, preference: 2 }]);
  });

  it("renews after a third of the certificate's life and keeps the old certificate", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    const first = own.certificateHash;
    expect(await own.renewIfDue(NOW_MS + 6 * DAY_MS)).toBe(false);
    // A new inbox key, under the same certificate.
    expect(await own.renewIfDue(NOW_MS + 9 * DAY_MS)).toBe(true);
    expect(equalBytes(own.certificateHash, first)).toBe(true);
    expect(await own.renewIfDue(NOW_MS + 11 * DAY_MS)).toBe(true);
    expect(equalBytes(own.certificateHash, first)).toBe(false);
    expect(identityBundle.decode(own.bundle()).certificates).toHaveLength(2);
    expect((await verifyBundle(crypto, own.bundle(), NOW_MS + 40 * DAY_MS)).id).toBe(own.id);
  });

  it("an agent that slept past its certificate gets a new one when it is opened", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    host.setWallMs(NOW_MS + 200 * DAY_MS);
    const own = await openIdentity({ host, folder: "home", settings });
    const seen = await verifyBundle(crypto, own.bundle(), NOW_MS + 200 * DAY_MS);
    expect(seen.inboxKey?.keyId).toEqual(own.inboxKey.keyId);
  });

  it("a full disk does not stop an agent whose certificate still holds", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    host.setWallMs(NOW_MS + 15 * DAY_MS);
    host.disk.failAfter(0);
    await expect(openIdentity({ host, folder: "home", settings })).resolves.toBeDefined();
  });

  it("years of renewals stay within one bundle", async () => {
    const host = createTestMachine("a");
    const own = await createIdentity({ host, ...together });
    for (let day = 0; day < 365; day += 11) await own.renewIfDue(NOW_MS + day * DAY_MS);
    expect(own.bundle().length).toBeLessThan(8 * 1024);
    expect((await readKept(host.files, crypto.hash, "home"))?.certificates.length).toBeLessThanOrEqual(8);
  });

  it("the kept file has one encoding", async () => {
    const host = createTestMachine("a");
    await createIdentity({ host, ...together });
    const kept = await readKept(host.files, crypto.hash, "home");
    expect(kept && keptIdentity.decode(keptIdentity.encode(kept))).toEqual(kept);
  });
});

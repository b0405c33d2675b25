import { describe, expect, it } from "vitest";
import { createIdentity, openIdentity } from "../identity/own-identity.ts";
import { createTestMachine, crypto, NOW_MS, settings } from "../identity/test-machine.ts";
import { verifyBundle } from "../identity/verify.ts";
import { hex } from "../wire/bytes.ts";
import { createIdentityCalls } from "./identity-calls.ts";
import { createIdentityWords } from "./identity-words.ts";

async function setUp(relayHasIt = true) {
  const host = createTestMachine("a");
  const own = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings });
  await own.setHome({ relayId: new Uint8Array(32).fill(7), url: "ws://127.0.0.1:4410/", preference: 0 }, NOW_MS);
  const calls = createIdentityCalls({ host, own, settings, tell: async () => relayHasIt, isCopied: () => false });
  const words = createIdentityWords({ core: calls, within: (_what, _waiting, work) => work(new AbortController().signal) });
  return { host, own, calls, words };
}

describe("an agent's own identity", () => {
  it("is shown as plain data", async () => {
    const { own, words } = await setUp();
    const shown = await words.show();
    expect(structuredClone(shown)).toEqual(shown);
    expect(shown).toMatchObject({ id: own.id, custody: "together", standing: "in-force", sealed: false, pinnedHomes: undefined });
    expect(shown.log).toMatchObject([{ seq: 0, kind: "inception", voided: false }]);
    expect(shown.instances).toMatchObject([{ key: hex(own.instanceKey.publicKey), isThis: true, revoked: false }]);
    expect(shown.inboxKeys).toHaveLength(1);
    await verifyBundle(crypto, shown.bundle, NOW_MS, own.idRaw);
  });

  it("a call that is made again is made once", async () => {
    const { own, calls } = await setUp();
    const claim = { kind: "claim", stolenSinceMs: undefined, afterSeq: 0 } as const;
    expect((await calls.changeIdentity(claim)).seq).toBe(1);
    const { publicKey } = own.instanceKey;
    expect((await calls.changeIdentity(claim)).seq).toBe(1);
    expect(own.instanceKey.publicKey).toEqual(publicKey);
    await expect(calls.changeIdentity({ kind: "anchor", root: "00".repeat(32), about: "", afterSeq: 0 })).rejects.toMatchObject({
      code: "fenced",
    });
  });

  it("another call after the same event is refused: none is said to be done that is not in the log", async () => {
    const { own, calls } = await setUp();
    const anchor = (about: string) => ({ kind: "anchor", root: "0A".repeat(32), about, afterSeq: 0 }) as const;
    const revoke = (instance: string) => ({ kind: "revoke", instance, voidFromMs: undefined, reason: "", afterSeq: 1 }) as const;
    const pin = (pinned: boolean) => ({ kind: "pin-home", pinned, afterSeq: 2 }) as const;
    const claim = { kind: "claim", stolenSinceMs: undefined, afterSeq: 1 } as const;
    for (const [made, others] of [
      [anchor("one"), [anchor("another"), { ...anchor("one"), root: "0b".repeat(32) }]],
      [revoke("ab".repeat(32)), [revoke("cd".repeat(32)), claim]],
      [pin(true), [pin(false)]],
    ] as const) {
      const { seq } = await calls.changeIdentity(made);
      expect((await calls.changeIdentity(made)).seq).toBe(seq);
      for (const other of others) await expect(calls.changeIdentity(other)).rejects.toMatchObject({ code: "fenced" });
      expect(own.log.seq).toBe(seq);
    }
  });

  it("rotates, and says whether the relay has it", async () => {
    for (const relayHasIt of [true, false]) {
      const { words } = await setUp(relayHasIt);
      const before = await words.show();
      const changed = await words.rotate();
      expect(changed).toMatchObject({ seq: 1, relayHasIt });
      expect(changed.identity.controlKeys).not.toEqual(before.controlKeys);
      expect(changed.identity.inboxKeys).toHaveLength(2);
      expect(changed.identity.instances).toHaveLength(2);
    }
  });

  it("what was written since the theft is voided by the rotation", async () => {
    const { host, words } = await setUp();
    await words.anchor(new Uint8Array(32).fill(1), { about: "ours" });
    host.setWallMs(NOW_MS + 60_000);
    await words.pinHome();
    await words.anchor("ff".repeat(32), { about: "not ours" });
    host.setWallMs(NOW_MS + 120_000);
    const { identity } = await words.rotate({ stolenSinceMs: NOW_MS + 30_000 });
    expect(identity.anchors.map(({ about }) => about)).toEqual(["ours"]);
    expect(identity.pinnedHomes).toBeUndefined();
    expect(identity.log.map(({ voided }) => voided)).toEqual([false, false, true, true, false]);
    expect(identity.instances[0]?.validUntilMs).toBe(NOW_MS + 30_000 - 1);
  });

  it("what a thief wrote is voided also when it claims to be older than the theft", async () => {
    const { host, own, words } = await setUp();
    const stolen = createTestMachine("a thief's");
    for (const name of host.disk.names()) stolen.disk.put(name, host.disk.read(name) as Uint8Array);
    const thief = await openIdentity({ host: stolen, folder: "home", settings });
    await words.anchor("aa".repeat(32), { about: "ours" });
    await thief.adopt(own.bundle(), NOW_MS);
    await thief.setHomesInLog([{ relayId: new Uint8Array(32).fill(6), url: "wss://evil.example/", preference: 0 }], NOW_MS - 1_000_000);
    expect(await own.adopt(thief.bundle(), NOW_MS)).toBe("continued");
    host.setWallMs(NOW_MS + 120_000);
    const { identity } = await words.rotate({ stolenSinceMs: NOW_MS + 30_000 });
    expect(identity.log.map(({ kind, voided }) => [kind, voided])).toEqual([
      ["inception", false],
      ["anchor", false],
      ["home-set", true],
      ["rotate", false],
    ]);
    expect([identity.pinnedHomes, own.adoptedFromSeq]).toEqual([undefined, undefined]);
  });

  it("names another instance by the beginning of its key, or in full", async () => {
    const { words } = await setUp();
    await expect(words.revoke("zz")).rejects.toMatchObject({ code: "bad-argument" });
    await expect(words.revoke("00")).rejects.toMatchObject({ code: "bad-argument" });
    const [own] = (await words.show()).instances;
    await expect(words.revoke(own?.key.slice(0, 8) ?? "")).rejects.toMatchObject({
      code: "bad-argument",
      hint: expect.stringContaining("claim"),
    });
    await words.claim();
    const changed = await words.revoke("ab".repeat(32), { reason: "sold" });
    expect(changed.seq).toBe(2);
  });

  it("under a passphrase opens with it only, and stays readable in what everybody may see", async () => {
    const { host, own, words } = await setUp();
    await words.setPassphrase("correct horse");
    expect((await words.show()).sealed).toBe(true);
    await words.rotate();
    await expect(openIdentity({ host, folder: "home", settings })).rejects.toMatchObject({ code: "passphrase-required" });
    await expect(openIdentity({ host, folder: "home", passphrase: "battery", settings })).rejects.toMatchObject({
      code: "wrong-passphrase",
    });
    const again = await openIdentity({ host, folder: "home", passphrase: "correct horse", settings });
    expect(again.id).toBe(own.id);
    expect(again.log.seq).toBe(1);
    await words.setPassphrase(undefined);
    expect((await openIdentity({ host, folder: "home", settings })).id).toBe(own.id);
    await expect(words.setPassphrase("x".repeat(2000))).rejects.toMatchObject({ code: "bad-argument" });
  });
});

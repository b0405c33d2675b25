/** Mail of an agent whose folder was copied by a thief, before and after its owner took the keys out of use. */
import { beforeAll, describe, expect, it } from "vitest";
import { equalBytes, utf8 } from "../wire/bytes.ts";
import type { Envelope } from "../wire/envelope.ts";
import { identityBundle } from "../wire/identity.ts";
import { headOver } from "../wire/test-sealed-head.ts";
import { BUNDLE_CERTIFICATES, encodeBundle } from "./bundle.ts";
import { signCertificate } from "./certificate.ts";
import { readKept } from "./custody.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
import { openPart, sealPart } from "./sealing.ts";
import { createTestMachine, crypto, NOW_MS, newIdentity, settings, type TestMachine } from "./test-machine.ts";
import { mergeIdentities, type VerifiedIdentity, verifyBundle } from "./verify.ts";

const HOUR_MS = 3_600_000;
const LATER_MS = NOW_MS + HOUR_MS;
const content = utf8("transfer everything to me");
const coded = (code: string) => expect.objectContaining({ name: "PerdureError", code });

let bob: OwnIdentity;
let machine: TestMachine;
let owner: OwnIdentity;
let thief: OwnIdentity;
beforeAll(async () => {
  bob = await newIdentity("bob");
});

/** An owner and a thief with a copy of the folder, which holds no next key. */
async function rob(seed: string): Promise<void> {
  machine = createTestMachine(seed);
  const options = { host: machine, folder: "home", settings } as const;
  owner = await createIdentity({ ...options, role: "mail", custody: "split", recoveryPath: "recovery" });
  const stolen = createTestMachine(`${seed}'s thief`);
  for (const name of machine.disk.names()) if (name.startsWith("home/")) stolen.disk.put(name, machine.disk.read(name) as Uint8Array);
  thief = await openIdentity({ ...options, host: stolen });
}

async function seal(own: OwnIdentity, sentAtMs: number): Promise<Envelope> {
  const head = headOver(content, crypto.hash.sha256, { sentAtMs, bundle: own.bundle() });
  const recipient = await verifyBundle(crypto, bob.bundle(), sentAtMs);
  const expiresAtMs = LATER_MS + 24 * HOUR_MS;
  const about = { crypto, random: machine.random, own, recipient, class: "mail", stream: utf8("stream-1"), seq: 1 } as const;
  return await sealPart({ ...about, expiresAtMs, head, content });
}

const open = async (envelope: Envelope, known: VerifiedIdentity | undefined, storedAtMs: number) =>
  await openPart({ crypto, own: bob, envelope, known: () => known, nowMs: storedAtMs, storedAtMs });
const seen = async (own: OwnIdentity, atMs = NOW_MS): Promise<VerifiedIdentity> => await verifyBundle(crypto, own.bundle(), atMs);
const rotate = async (nowMs: number, oldKeysUntilMs: number): Promise<void> => {
  await owner.rotate({ recoveryPath: "recovery", oldKeysUntilMs, nowMs });
};

describe("mail by a stolen folder", () => {
  it("is taken before the owner notices, and from then on by nobody who knows the rotation", async () => {
    await rob("robbed");
    const before = await seal(thief, NOW_MS);
    await expect(open(before, await seen(owner), NOW_MS), "nobody can tell").resolves.toBeDefined();
    await rotate(LATER_MS, NOW_MS + 1000);
    const pinned = await mergeIdentities(crypto, await seen(thief), await seen(owner, LATER_MS), LATER_MS);
    const after = await seal(thief, LATER_MS);
    await expect(open(after, pinned, LATER_MS)).rejects.toEqual(coded("instance-revoked"));
    await expect(open(before, pinned, NOW_MS + 1000), "stored before the keys ended").resolves.toBeDefined();
    await expect(open(before, pinned, NOW_MS + 1001), "the same, stored after").rejects.toEqual(coded("instance-revoked"));
    const own = await open(await seal(owner, LATER_MS), pinned, LATER_MS);
    expect([own.sender.logSeq, own.sender.frozen]).toEqual([1, false]);
  });

  it("is found out by a rotation that comes with the owner's own mail", async () => {
    await rob("told by mail");
    const pinned = await seen(thief);
    await rotate(LATER_MS, NOW_MS);
    const { sender } = await open(await seal(owner, LATER_MS), pinned, LATER_MS);
    await expect(open(await seal(thief, LATER_MS), sender, LATER_MS)).rejects.toEqual(coded("instance-revoked"));
  });

  it("freezes the agent when both wrote to the log, until the owner rotates", async () => {
    await rob("forked");
    await owner.anchor({ root: new Uint8Array(32), about: "mine", nowMs: NOW_MS });
    await thief.anchor({ root: new Uint8Array(32), about: "the thief's", nowMs: NOW_MS });
    const pinned = await seen(owner);
    await expect(open(await seal(thief, NOW_MS), pinned, NOW_MS)).rejects.toMatchObject({ code: "identity-forked", retry: "after" });
    const frozen = await mergeIdentities(crypto, pinned, await seen(thief), NOW_MS);
    await expect(open(await seal(owner, NOW_MS), frozen, NOW_MS), "nor the owner's: nobody can tell").rejects.toEqual(
      coded("identity-forked"),
    );
    await rotate(LATER_MS, NOW_MS);
    const healed = await open(await seal(owner, LATER_MS), frozen, LATER_MS);
    expect([healed.sender.frozen, healed.sender.logSeq]).toEqual([false, 2]);
  });

  it("gets no mail that is sealed after the owner rotated, whatever generation its record says", async () => {
    await rob("sealed to the thief");
    for (let times = 0; times < 3; times++) await thief.replaceInstance(NOW_MS);
    expect(await owner.adopt(thief.bundle(), NOW_MS)).toBe("continued");
    const before = await mergeIdentities(crypto, await seen(owner), await seen(thief), NOW_MS);
    expect(equalBytes(before.inboxKey?.keyId as Uint8Array, thief.inboxKey.keyId), "nobody can tell").toBe(true);
    await rotate(LATER_MS, LATER_MS + HOUR_MS);
    const after = await mergeIdentities(crypto, before, await seen(owner, LATER_MS), LATER_MS);
    expect(
      after.certificates.some((each) => equalBytes(each.instanceKey, thief.instanceKey.publicKey)),
      "in its grace",
    ).toBe(true);
    expect(equalBytes(after.inboxKey?.keyId as Uint8Array, owner.inboxKey.keyId)).toBe(true);
  });

  it("does not push out the owner's mail by certifying more instances than a bundle holds", async () => {
    await rob("pushed out");
    const { controlSeed } = (await readKept(machine.files, crypto.hash, "home")) ?? {};
    const controlKey = await crypto.signatures.load(controlSeed as Uint8Array);
    const { log } = owner;
    const many = Array.from({ length: BUNDLE_CERTIFICATES }, (_, index) =>
      signCertificate({ crypto, controlKey, log, instanceKey: new Uint8Array(32).fill(index), scope: "mail", nowMs: NOW_MS, lifeMs: 1e12 }),
    );
    const shown = encodeBundle({ ...identityBundle.decode(thief.bundle()), certificates: await Promise.all(many), records: [] });
    const pinned = await verifyBundle(crypto, shown, NOW_MS);
    const opened = await open(await seal(owner, NOW_MS), pinned, NOW_MS);
    expect(equalBytes(opened.content, content)).toBe(true);
    await rotate(LATER_MS, NOW_MS - 1);
    const rotated = await mergeIdentities(crypto, pinned, await seen(owner, LATER_MS), LATER_MS);
    await expect(open(await seal(thief, NOW_MS), rotated, NOW_MS)).rejects.toEqual(coded("instance-revoked"));
  });

  it("control: whoever does not know of the rotation cannot know, and takes it", async () => {
    await rob("unknown");
    await rotate(LATER_MS, NOW_MS);
    await expect(open(await seal(thief, LATER_MS), undefined, LATER_MS)).resolves.toBeDefined();
  });
});

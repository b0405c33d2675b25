import { describe, expect, it } from "vitest";
import { equalBytes, hex } from "../wire/bytes.ts";
import { identityBundle } from "../wire/identity.ts";
import { agentIdBytes } from "../wire/ids.ts";
import type { KeptIdentity } from "../wire/kept-identity.ts";
import { signRotation, verifyLog } from "./agent-log.ts";
import { encodeBundle } from "./bundle.ts";
import { readKept, readRecovery } from "./custody.ts";
import { chainSeed, createKeyChain, nextPosition } from "./key-chain.ts";
import { relateLogs } from "./log-ranking.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "./own-identity.ts";
import { createTestMachine, crypto, NOW_MS, settings, type TestMachine } from "./test-machine.ts";
import { verifyBundle } from "./verify.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Dozens of agents, each with keys of its own. */
const CRASHES_MS = 120_000;
const LATER_MS = NOW_MS + DAY_MS;
const HOME = { relayId: new Uint8Array(32).fill(7), url: "ws://127.0.0.1:4410/", preference: 0 };
const OTHER_HOME = { relayId: new Uint8Array(32).fill(8), url: "ws://127.0.0.1:4411/", preference: 0 };
const FIRST = "usb/first.txt";
const SECOND = "usb/second.txt";

async function create(host: TestMachine, custody: "split" | "together"): Promise<OwnIdentity> {
  const where = custody === "split" ? { recoveryPath: FIRST } : {};
  return await createIdentity({ host, folder: "home", role: "mail", custody, settings, ...where });
}

async function reopen(host: TestMachine): Promise<OwnIdentity> {
  return await openIdentity({ host, folder: "home", settings });
}

/** A usable control key, and a next key that opens what the log commits to, in the folder or in one of the pages. */
async function expectUsable(host: TestMachine, pages: readonly string[]): Promise<OwnIdentity> {
  const own = await reopen(host);
  const kept = await readKept(host.files, crypto.hash, "home");
  if (kept === undefined) throw new Error("the folder has an identity");
  const { publicKey } = await crypto.signatures.load(kept.controlSeed);
  expect(own.log.controlKeys.some((key) => equalBytes(key, publicKey))).toBe(true);
  const [committed] = own.log.nextCommitments;
  const holders: string[] = [];
  const position = nextPosition(own.log);
  const inFolder = kept.next === undefined ? undefined : await createKeyChain(crypto, kept.next.seed, position);
  if (inFolder !== undefined && equalBytes(inFolder.commitmentAt(position), committed as Uint8Array)) holders.push("folder");
  for (const page of pages) if (await opens(host, page, kept.log)) holders.push(page);
  if (own.log.retired === undefined) expect(holders).not.toEqual([]);
  await verifyBundle(crypto, own.bundle(), LATER_MS, own.idRaw);
  return own;
}

async function opens(host: TestMachine, page: string, log: readonly Uint8Array[]): Promise<boolean> {
  return await readRecovery(host.files, crypto, page, log).then(
    () => true,
    () => false,
  );
}

/** Lets the disk fail at every operation of `work` in turn, restarts, and does it again. */
async function crashEverywhere(
  custody: "split" | "together",
  work: (own: OwnIdentity) => Promise<unknown>,
  isDone: (own: OwnIdentity) => boolean,
): Promise<number> {
  const probe = createTestMachine("probe");
  const first = await create(probe, custody);
  const begun = probe.disk.operations;
  await work(first);
  const operations = probe.disk.operations - begun;
  expect(operations).toBeGreaterThan(2);
  for (let count = 0; count < operations; count++) {
    const host = createTestMachine(`crash ${count}`);
    const own = await create(host, custody);
    host.disk.failAfter(count);
    const failed = await work(own).then(
      () => false,
      () => true,
    );
    host.disk.restart();
    const again = await expectUsable(host, [FIRST, SECOND]);
    if (!failed) expect(isDone(again)).toBe(true);
    if (!isDone(again)) await work(again);
    const end = await expectUsable(host, [FIRST, SECOND]);
    expect(isDone(end)).toBe(true);
  }
  return operations;
}

describe("rotate", () => {
  it("together: brings new control, instance and inbox keys into force, and others believe it", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    const before = {
      control: own.log.controlKeys[0],
      instance: own.instanceKey.publicKey,
      inbox: own.inboxKey.keyId,
      bundle: own.bundle(),
    };
    expect(await own.rotate({ nowMs: LATER_MS })).toEqual({ seq: 1, custody: "together" });
    const seen = await verifyBundle(crypto, own.bundle(), LATER_MS, own.idRaw);
    expect(seen.id).toBe(own.id);
    expect(seen.logSeq).toBe(1);
    expect(own.log.controlKeys[0]).not.toEqual(before.control);
    expect(own.instanceKey.publicKey).not.toEqual(before.instance);
    expect(seen.inboxKey?.keyId).toEqual(own.inboxKey.keyId);
    expect(own.inboxKey.keyId).not.toEqual(before.inbox);
    expect(own.inboxSecret(before.inbox)).toBeDefined();
    const old = seen.certificates.find((each) => equalBytes(each.instanceKey, before.instance));
    expect(old?.validUntilMs).toBe(LATER_MS + settings.oldKeysGraceMs);
    expect(relateLogs(identityBundle.decode(own.bundle()).log, identityBundle.decode(before.bundle).log)).toBe("continues");
  });

  it("can be repeated as often as the log has room", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    for (let seq = 1; seq <= 12; seq++) expect(await own.rotate({ nowMs: LATER_MS + seq })).toEqual({ seq, custody: "together" });
    const again = await reopen(host);
    expect(again.log.seq).toBe(12);
    await verifyBundle(crypto, again.bundle(), LATER_MS, again.idRaw);
  });

  it("split: needs the recovery file, which stays good for every rotation", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "split");
    const page = host.disk.read(FIRST);
    await expect(own.rotate({ nowMs: LATER_MS })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(own.rotate({ recoveryPath: FIRST, newRecoveryPath: SECOND, nowMs: LATER_MS })).rejects.toMatchObject({
      code: "bad-argument",
    });
    await expect(own.rotate({ recoveryPath: "usb/none", nowMs: LATER_MS })).rejects.toMatchObject({ code: "not-found" });
    expect(own.log.seq).toBe(0);
    for (let seq = 1; seq <= 3; seq++)
      expect(await own.rotate({ recoveryPath: FIRST, nowMs: LATER_MS + seq })).toEqual({ seq, custody: "split" });
    expect((await readKept(host.files, crypto.hash, "home"))?.next).toBeUndefined();
    expect(host.disk.read(FIRST)).toEqual(page);
    expect(await opens(host, FIRST, identityBundle.decode(own.bundle()).log)).toBe(true);
  });

  it("split: nothing in the folder has the secret, or a key that is not revealed yet", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "split");
    const { seed, recoverySalt } = await readRecovery(host.files, crypto, FIRST, identityBundle.decode(own.bundle()).log);
    await own.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    const inFolder = host.disk
      .names()
      .filter((each) => each.startsWith("home/"))
      .map((name) => hex(host.disk.read(name) as Uint8Array))
      .join(" ");
    expect(inFolder).toContain(hex(chainSeed(crypto.hash, seed, 1)));
    for (const secret of [seed, recoverySalt, chainSeed(crypto.hash, seed, 2), chainSeed(crypto.hash, seed, 3)])
      expect(inFolder).not.toContain(hex(secret));
  });

  it("changes custody when it is told to", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    const secret = (await readKept(host.files, crypto.hash, "home"))?.next?.seed as Uint8Array;
    await expect(own.rotate({ custody: "split", nowMs: LATER_MS })).rejects.toMatchObject({ code: "bad-argument" });
    expect(await own.rotate({ newRecoveryPath: SECOND, nowMs: LATER_MS })).toEqual({ seq: 1, custody: "split" });
    expect(own.custody).toBe("split");
    expect((await readKept(host.files, crypto.hash, "home"))?.next).toBeUndefined();
    for (const name of host.disk.names().filter((each) => each.startsWith("home/")))
      expect(hex(host.disk.read(name) as Uint8Array), "the folder has forgotten it").not.toContain(hex(secret));
    expect(await opens(host, SECOND, identityBundle.decode(own.bundle()).log)).toBe(true);
    expect(await own.rotate({ recoveryPath: SECOND, custody: "together", nowMs: LATER_MS })).toEqual({ seq: 2, custody: "together" });
    expect(await own.rotate({ nowMs: LATER_MS })).toEqual({ seq: 3, custody: "together" });
  });

  it("never writes over a page somebody needs, and opens no page of another agent", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    const stranger = createTestMachine("b", host);
    await createIdentity({ host: stranger, folder: "away", role: "mail", custody: "split", recoveryPath: "usb/b.txt", settings });
    const page = host.disk.read("usb/b.txt");
    await expect(own.rotate({ newRecoveryPath: "usb/b.txt", nowMs: LATER_MS })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(own.rotate({ recoveryPath: "usb/b.txt", nowMs: LATER_MS })).rejects.toMatchObject({ code: "wrong-recipient" });
    expect(host.disk.read("usb/b.txt")).toEqual(page);
    expect(own.log.seq).toBe(0);
  });

  it("I14: a crash at every port call of a rotation leaves a usable control key and its next one, split", {
    timeout: CRASHES_MS,
  }, async () => {
    const rotate = (own: OwnIdentity): Promise<unknown> => own.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    await crashEverywhere("split", rotate, (own) => own.log.seq === 1);
  });

  it("I14: a crash at every port call of a change of custody leaves a usable control key and its next one", {
    timeout: CRASHES_MS,
  }, async () => {
    const toSplit = (own: OwnIdentity): Promise<unknown> => own.rotate({ newRecoveryPath: SECOND, nowMs: LATER_MS });
    expect(await crashEverywhere("together", toSplit, (own) => own.custody === "split")).toBeGreaterThan(5);
    const toFolder = (own: OwnIdentity): Promise<unknown> => own.rotate({ recoveryPath: FIRST, custody: "together", nowMs: LATER_MS });
    await crashEverywhere("split", toFolder, (own) => own.custody === "together");
  });

  it("I14: a crash at every port call of a rotation leaves a usable control key and its next one, together", {
    timeout: CRASHES_MS,
  }, async () => {
    await crashEverywhere(
      "together",
      (own) => own.rotate({ nowMs: LATER_MS }),
      (own) => own.log.seq >= 1,
    );
  });

  it("I14: two crashes in a row, at any two port calls", { timeout: CRASHES_MS }, async () => {
    for (let first = 0; first < 8; first += 2) {
      for (let second = 1; second < 8; second += 3) {
        const host = createTestMachine(`twice ${first} ${second}`);
        await create(host, "together");
        for (const count of [first, second]) {
          const own = await reopen(host);
          if (own.log.seq === 1) break;
          host.disk.failAfter(count);
          await own.rotate({ newRecoveryPath: SECOND, nowMs: LATER_MS }).catch(() => undefined);
          host.disk.restart();
          await expectUsable(host, [FIRST, SECOND]);
        }
        const own = await reopen(host);
        if (own.log.seq === 0) await own.rotate({ newRecoveryPath: SECOND, nowMs: LATER_MS });
        expect((await expectUsable(host, [SECOND])).log.seq).toBe(1);
      }
    }
  });
});

describe("other changes of the log", () => {
  it("replaceInstance revokes this instance and makes another, with another inbox key", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "split");
    const before = { instance: own.instanceKey.publicKey, inbox: own.inboxKey.keyId };
    await own.replaceInstance(LATER_MS);
    expect(own.log.revoked).toMatchObject([{ instanceKey: before.instance, voidFromMs: LATER_MS + settings.oldKeysGraceMs }]);
    expect(own.instance.revoked).toBe(false);
    expect(own.instanceKey.publicKey).not.toEqual(before.instance);
    const seen = await verifyBundle(crypto, own.bundle(), LATER_MS, own.idRaw);
    expect(seen.inboxKey?.keyId).toEqual(own.inboxKey.keyId);
    expect(own.inboxSecret(before.inbox)).toBeDefined();
    await expectUsable(host, [FIRST]);
  });

  it("replaceInstance leaves what the old instance signed no time when it is told so", async () => {
    const own = await create(createTestMachine("a"), "together");
    const { certificateHash } = own;
    await own.replaceInstance(LATER_MS, NOW_MS);
    expect(own.log.revoked).toMatchObject([{ voidFromMs: NOW_MS }]);
    expect(own.certificateHoldsUntilMs(certificateHash)).toBe(NOW_MS - 1);
    expect(own.certificateHoldsUntilMs(own.certificateHash)).toBe(own.instance.notAfterMs);
    expect(own.certificateHoldsUntilMs(new Uint8Array(32))).toBe(0);
  });

  it("revokes another instance, never itself, and forces a new inbox key", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    const { keyId } = own.inboxKey;
    const wish = { voidFromMs: NOW_MS, reason: "sold", nowMs: LATER_MS };
    await expect(own.revokeInstance({ ...wish, instanceKey: own.instanceKey.publicKey })).rejects.toMatchObject({ code: "bad-argument" });
    await own.revokeInstance({ ...wish, instanceKey: new Uint8Array(32).fill(3) });
    expect(own.log.revoked).toMatchObject([{ voidFromMs: NOW_MS, reason: "sold" }]);
    expect(own.inboxKey.keyId).not.toEqual(keyId);
  });

  it("pinned homes keep other relays out, also of this folder's own record", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "together");
    await own.setHome(HOME, NOW_MS);
    await own.setHomesInLog([HOME], LATER_MS);
    await expect(own.setHome(OTHER_HOME, LATER_MS)).rejects.toMatchObject({ code: "wrong-relay" });
    await own.setHome({ ...HOME, url: "ws://127.0.0.1:9/" }, LATER_MS);
    expect((await verifyBundle(crypto, own.bundle(), LATER_MS)).homes).toEqual([{ ...HOME, url: "ws://127.0.0.1:9/" }]);
    await own.moveHome(OTHER_HOME, LATER_MS);
    expect([own.log.homes, (await verifyBundle(crypto, own.bundle(), LATER_MS)).homes]).toEqual([[OTHER_HOME], [OTHER_HOME]]);
    await own.setHomesInLog([], LATER_MS);
    await own.moveHome(HOME, LATER_MS);
    expect([own.log.seq, own.log.homes, own.homes()]).toEqual([3, undefined, [HOME]]);
  });

  it("anchors", async () => {
    const own = await create(createTestMachine("a"), "together");
    const root = crypto.hash.sha256(new Uint8Array(3));
    await own.anchor({ root, about: "the minutes", nowMs: LATER_MS });
    expect(own.log.anchors).toEqual([{ root, about: "the minutes", seq: 1, claimedAtMs: LATER_MS }]);
  });

  it("retire ends everything, and needs the next key", async () => {
    const host = createTestMachine("a");
    const own = await create(host, "split");
    const wish = { reason: "moved", nowMs: LATER_MS };
    await expect(own.retire(wish)).rejects.toMatchObject({ code: "bad-argument" });
    await own.retire({ ...wish, recoveryPath: FIRST, successor: agentIdBytes(own.id) });
    expect(own.standing).toBe("retired");
    expect((await verifyBundle(crypto, own.bundle(), LATER_MS)).retired).toBe(true);
    await expect(own.anchor({ root: new Uint8Array(32), about: "", nowMs: LATER_MS })).rejects.toMatchObject({ code: "identity-retired" });
    await expect(own.retire({ ...wish, recoveryPath: FIRST })).rejects.toMatchObject({ code: "identity-retired" });
    expect((await reopen(host)).standing).toBe("retired");
  });

  const changes: readonly [string, (own: OwnIdentity) => Promise<unknown>, (own: OwnIdentity) => boolean][] = [
    [
      "revoke",
      (own) => own.revokeInstance({ instanceKey: OTHER_HOME.relayId, voidFromMs: 1, reason: "", nowMs: LATER_MS }),
      (own) => own.log.seq > 0,
    ],
    ["replaceInstance", (own) => own.replaceInstance(LATER_MS), (own) => own.log.seq > 0],
    ["retire", (own) => own.retire({ recoveryPath: FIRST, reason: "", nowMs: LATER_MS }), (own) => own.log.retired !== undefined],
    ["setHome", (own) => own.setHome(HOME, LATER_MS), (own) => own.homes().length > 0],
    ["setHomesInLog", (own) => own.setHomesInLog([HOME], LATER_MS), (own) => own.log.homes !== undefined],
    ["renewal", (own) => own.renewIfDue(NOW_MS + 12 * DAY_MS), (own) => own.generations.length > 1],
  ];
  it.each(changes)(
    "I14: a crash at every port call of %s leaves a usable control key",
    { timeout: CRASHES_MS },
    async (_name, work, isDone) => {
      await crashEverywhere("split", work, isDone);
    },
  );
});

describe("a copied folder", () => {
  interface Stolen {
    readonly owner: OwnIdentity;
    readonly ownerHost: TestMachine;
    readonly thief: OwnIdentity;
    readonly thiefHost: TestMachine;
  }

  /** Owner and thief with the same folder, on disks of their own. */
  async function stolen(custody: "split" | "together"): Promise<Stolen> {
    const ownerHost = createTestMachine("owner");
    const owner = await create(ownerHost, custody);
    const thiefHost = createTestMachine("thief");
    for (const name of ownerHost.disk.names().filter((each) => each.startsWith("home/")))
      thiefHost.disk.put(name, ownerHost.disk.read(name) as Uint8Array);
    return { owner, ownerHost, thief: await reopen(thiefHost), thiefHost };
  }

  it("with custody split cannot rotate or retire, and is superseded by the owner's rotation", async () => {
    const { owner, thief } = await stolen("split");
    await expect(thief.rotate({ nowMs: LATER_MS })).rejects.toMatchObject({ code: "bad-argument" });
    await expect(thief.retire({ reason: "", nowMs: LATER_MS })).rejects.toMatchObject({ code: "bad-argument" });
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    expect(await thief.adopt(owner.bundle(), LATER_MS)).toBe("superseded");
    expect(thief.standing).toBe("superseded");
    await expect(thief.replaceInstance(LATER_MS)).rejects.toMatchObject({ code: "instance-revoked" });
    await expect(thief.rotate({ nowMs: LATER_MS })).rejects.toMatchObject({ code: "instance-revoked" });
    expect(await owner.adopt(thief.bundle(), LATER_MS)).toBe("nothing");
  });

  it("that wrote to the log freezes both, until the owner rotates", async () => {
    const { owner, ownerHost, thief } = await stolen("split");
    await thief.setHomesInLog([OTHER_HOME], LATER_MS);
    await owner.anchor({ root: new Uint8Array(32), about: "", nowMs: LATER_MS });
    expect(await owner.adopt(thief.bundle(), LATER_MS)).toBe("forked");
    expect(owner.standing).toBe("frozen");
    expect((await verifyBundle(crypto, owner.bundle(), LATER_MS)).frozen).toBe(true);
    await expect(owner.replaceInstance(LATER_MS)).rejects.toMatchObject({ code: "identity-forked" });
    expect((await reopen(ownerHost)).standing).toBe("frozen");
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    expect(owner.standing).toBe("in-force");
    const seen = await verifyBundle(crypto, owner.bundle(), LATER_MS);
    expect(seen.frozen).toBe(false);
    expect(seen.log.homes).toBeUndefined();
    expect(await thief.adopt(owner.bundle(), LATER_MS)).toBe("superseded");
  });

  it("that wrote to the log unseen is taken for the log's, and voided by the owner's rotation", async () => {
    const { owner, thief } = await stolen("split");
    await thief.setHomesInLog([OTHER_HOME], LATER_MS);
    expect(await owner.adopt(thief.bundle(), LATER_MS)).toBe("continued");
    expect(owner.log.homes).toEqual([OTHER_HOME]);
    await owner.rotate({ recoveryPath: FIRST, voidFromSeq: 1, oldKeysUntilMs: NOW_MS, nowMs: LATER_MS });
    expect(owner.log.homes).toBeUndefined();
    expect(await thief.adopt(owner.bundle(), LATER_MS)).toBe("superseded");
  });

  it("that replaced the instance is replaced in turn by the owner", async () => {
    const { owner, thief } = await stolen("split");
    await thief.replaceInstance(LATER_MS);
    expect(await owner.adopt(thief.bundle(), LATER_MS)).toBe("continued");
    expect(owner.instance.revoked).toBe(true);
    expect(await owner.renewIfDue(LATER_MS + 20 * DAY_MS)).toBe(false);
    await owner.replaceInstance(LATER_MS + 1);
    expect(owner.instance.revoked).toBe(false);
    await verifyBundle(crypto, owner.bundle(), LATER_MS + 1);
    await owner.rotate({ recoveryPath: FIRST, voidFromSeq: 1, nowMs: LATER_MS + 2 });
    expect(owner.log.revoked).toEqual([]);
    await verifyBundle(crypto, owner.bundle(), LATER_MS + 2);
  });

  it("I13: an old backup and the recovery file take the agent back", async () => {
    const { owner, ownerHost, thief: backup, thiefHost } = await stolen("split");
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    expect(await backup.adopt(owner.bundle(), LATER_MS)).toBe("superseded");
    thiefHost.disk.put(FIRST, ownerHost.disk.read(FIRST) as Uint8Array);
    await backup.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    expect(backup.standing).toBe("in-force");
    expect(backup.log.seq).toBe(2);
    await verifyBundle(crypto, backup.bundle(), LATER_MS, owner.idRaw);
    expect(await owner.adopt(backup.bundle(), LATER_MS)).toBe("superseded");
  });

  it("with custody together is the agent, as was said when it was made", async () => {
    const { owner, thief } = await stolen("together");
    await thief.rotate({ nowMs: LATER_MS });
    expect(await owner.adopt(thief.bundle(), LATER_MS)).toBe("superseded");
    await owner.rotate({ nowMs: LATER_MS });
    expect([owner.standing, owner.log.seq], "so is its owner's, as often as he likes").toEqual(["in-force", 2]);
    expect(await thief.adopt(owner.bundle(), LATER_MS)).toBe("superseded");
  });

  it("with the key a rotation revealed rotates again in its place: a tie, which freezes both, and the owner's next rotation ends", async () => {
    const { owner, ownerHost, thiefHost } = await stolen("split");
    expect(thiefHost.disk.read(FIRST)).toBeUndefined();
    const before = identityBundle.decode(owner.bundle()).log;
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    const kept = (await readKept(ownerHost.files, crypto.hash, "home")) as KeptIdentity;
    const [after, state] = [await verifyLog(crypto, kept.log), await verifyLog(crypto, before)];
    const key = await crypto.signatures.load(kept.controlSeed);
    const tied = await signRotation(crypto, state, {
      revealed: [key],
      following: after.nextCommitments,
      recoverySalt: new Uint8Array(32),
      body: { voidFromSeq: 1, oldKeysUntilMs: LATER_MS, extensions: [] },
      nowMs: LATER_MS + 1,
    });
    const bundle = encodeBundle({ log: [...before, tied], certificates: [], records: [] });
    expect(await owner.adopt(bundle, LATER_MS)).toBe("forked");
    await expect(owner.anchor({ root: new Uint8Array(32), about: "", nowMs: LATER_MS })).rejects.toMatchObject({ code: "identity-forked" });
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    expect(owner.standing).toBe("in-force");
    expect(await owner.adopt(bundle, LATER_MS)).toBe("nothing");
    expect((await verifyBundle(crypto, owner.bundle(), LATER_MS)).frozen).toBe(false);
  });

  it("that undoes a retirement is answered by rotating, and retiring again", async () => {
    const { owner, ownerHost } = await stolen("split");
    const before = identityBundle.decode(owner.bundle()).log;
    await owner.retire({ recoveryPath: FIRST, reason: "", nowMs: LATER_MS });
    const kept = (await readKept(ownerHost.files, crypto.hash, "home")) as KeptIdentity;
    const alive = await signRotation(crypto, await verifyLog(crypto, before), {
      revealed: [await crypto.signatures.load(kept.controlSeed)],
      following: owner.log.nextCommitments,
      recoverySalt: new Uint8Array(32),
      body: { voidFromSeq: 1, oldKeysUntilMs: LATER_MS, extensions: [] },
      nowMs: LATER_MS + 1,
    });
    expect(await owner.adopt(encodeBundle({ log: [...before, alive], certificates: [], records: [] }), LATER_MS)).toBe("forked");
    await owner.rotate({ recoveryPath: FIRST, nowMs: LATER_MS });
    await owner.retire({ recoveryPath: FIRST, reason: "", nowMs: LATER_MS });
    expect([owner.standing, owner.log.seq]).toEqual(["retired", 3]);
  });

  it("of another agent is not adopted", async () => {
    const { owner } = await stolen("together");
    const other = await create(createTestMachine("other"), "together");
    await expect(owner.adopt(other.bundle(), LATER_MS)).rejects.toMatchObject({ code: "bad-signature" });
  });
});

/** What an identity is worth after its log moved on: certificates, records and homes by the keys behind them, forks, pins. */
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { SigningKey } from "../host/crypto.ts";
import { createNodeCrypto } from "../host/node/crypto.ts";
import { createCheapCrypto } from "../host/simulated/cheap-crypto.ts";
import { type Bytes, utf8 } from "../wire/bytes.ts";
import { type AgentRecord, type Home, identityBundle } from "../wire/identity.ts";
import { verifyLog } from "./agent-log.ts";
import { signRecord } from "./agent-record.ts";
import { BUNDLE_CERTIFICATES, encodeBundle } from "./bundle.ts";
import { certifiedInstance } from "./certificate.ts";
import { joinLogs } from "./log-ranking.ts";
import { createTestAgent, LOG_BEGINS_MS, type TestAgent } from "./test-log.ts";
import type { Log } from "./test-log-mutations.ts";
import {
  changesAtMs,
  mergeIdentities,
  readIdentity,
  refuseRollback,
  relateIdentities,
  type VerifiedIdentity,
  verifyBundle,
} from "./verify.ts";

const crypto = createCheapCrypto(createNodeCrypto().hash, { bytes: (count) => new Uint8Array(count) });
const HOUR_MS = 3_600_000;
const NOW_MS = LOG_BEGINS_MS + HOUR_MS;
const HOME: Home = { relayId: new Uint8Array(32).fill(7), url: "wss://home.example/", preference: 0 };
const EVIL: Home = { relayId: new Uint8Array(32).fill(6), url: "wss://evil.example/", preference: 0 };
const coded = (code: string) => expect.objectContaining({ name: "PerdureError", code });

let agent: TestAgent;
let first: Log;
let instance: SigningKey;
let stolen: SigningKey;
const keyOf = async (name: string): Promise<SigningKey> => await crypto.signatures.load(crypto.hash.sha256(utf8(name)));
beforeAll(async () => {
  agent = await createTestAgent(crypto, "epochs");
  first = [agent.inception];
  [instance, stolen] = [await keyOf("instance"), await keyOf("stolen instance")];
});

async function recordOf(key: SigningKey, recordVersion: number, homes: readonly Home[] = [HOME]): Promise<Bytes> {
  const said: AgentRecord = {
    version: 1,
    agentId: (await verifyLog(crypto, first)).idRaw,
    instanceKey: key.publicKey,
    recordVersion,
    name: "epochs",
    inboxKeys: [
      {
        keyId: key.publicKey.slice(0, 8),
        suite: 1,
        publicKey: key.publicKey,
        generation: recordVersion,
        notAfterMs: NOW_MS + 99 * HOUR_MS,
      },
    ],
    homes,
    capabilities: [],
    freshUntilMs: NOW_MS + HOUR_MS,
    validUntilMs: NOW_MS + 99 * HOUR_MS,
    extensions: [],
  };
  return await signRecord(crypto, key, said);
}

interface Shown {
  readonly log: Log;
  readonly certificates?: readonly Bytes[];
  readonly records?: readonly Bytes[];
}
const show = async ({ log, certificates, records = [] }: Shown, nowMs = NOW_MS): Promise<VerifiedIdentity> =>
  await verifyBundle(
    crypto,
    encodeBundle({ log, certificates: certificates ?? [await agent.certificate(log, instance.publicKey)], records }),
    nowMs,
  );

describe("certificates and the keys behind them", () => {
  it("hold after a rotation only for what was stored until it says, while those of the new keys go on", async () => {
    const untilMs = LOG_BEGINS_MS + 1000;
    const rotated = await agent.append(first, { kind: "rotate", to: "owner", untilMs });
    const certificates = [await agent.certificate(first, stolen.publicKey), await agent.certificate(rotated, instance.publicKey)];
    const seen = await show({ log: rotated, certificates });
    expect(certifiedInstance(seen, stolen.publicKey, "mail", untilMs).instanceKey).toEqual(stolen.publicKey);
    expect(() => certifiedInstance(seen, stolen.publicKey, "mail", untilMs + 1)).toThrow(coded("instance-revoked"));
    expect(() => certifiedInstance(seen, stolen.publicKey, "mail", NOW_MS + 9999 * HOUR_MS)).toThrow(coded("certificate-expired"));
    expect(certifiedInstance(seen, instance.publicKey, "mail", NOW_MS).controlSeq).toBe(1);
  });

  it("are worth no more after two rotations than the stricter of them says", async () => {
    const once = await agent.append(first, { kind: "rotate", to: "one", untilMs: NOW_MS });
    const twice = await agent.append(once, { kind: "rotate", to: "two", untilMs: NOW_MS - HOUR_MS / 2 });
    const log = await verifyLog(crypto, twice);
    expect(log.epochs.map(({ fromSeq, untilMs }) => [fromSeq, untilMs])).toEqual([
      [0, NOW_MS - HOUR_MS / 2],
      [1, NOW_MS - HOUR_MS / 2],
      [2, undefined],
    ]);
  });

  it("end when their instance is revoked, and only its", async () => {
    const voidFromMs = NOW_MS - 1000;
    const log = await agent.append(first, { kind: "instance-revoke", instanceKey: stolen.publicKey, voidFromMs });
    const certificates = [await agent.certificate(log, stolen.publicKey), await agent.certificate(log, instance.publicKey)];
    const records = [await recordOf(stolen, 9, [EVIL]), await recordOf(instance, 2)];
    const seen = await show({ log, certificates, records });
    expect(certifiedInstance(seen, stolen.publicKey, "mail", voidFromMs - 1).validUntilMs).toBe(voidFromMs - 1);
    expect(() => certifiedInstance(seen, stolen.publicKey, "mail", voidFromMs)).toThrow(coded("instance-revoked"));
    expect([seen.homes, seen.inboxKey?.publicKey]).toEqual([[HOME], instance.publicKey]);
  });

  it("are refused when they name an event of other keys", async () => {
    const rotated = await agent.append(first, { kind: "rotate", to: "owner" });
    const early = await agent.certificate(rotated, instance.publicKey);
    await expect(show({ log: first, certificates: [early] })).rejects.toEqual(coded("bad-signature"));
  });
});

describe("homes", () => {
  it("that the log does not name are ignored, and an empty list lifts that", async () => {
    const pinned = await agent.append(first, { kind: "home-set", homes: [HOME] });
    const records = [await recordOf(instance, 1, [EVIL, HOME])];
    expect((await show({ log: pinned, records })).homes).toEqual([HOME]);
    expect((await show({ log: first, records })).homes).toHaveLength(2);
    const lifted = await agent.append(pinned, { kind: "home-set", homes: [] });
    expect((await show({ log: lifted, records })).homes).toHaveLength(2);
  });
});

describe("a retired agent", () => {
  it("says so, also when no certificate of it is valid any more, and takes no mail", async () => {
    const log = await agent.append(first, { kind: "retire", untilMs: NOW_MS - HOUR_MS / 2 });
    const certificates = [await agent.certificate(first, instance.publicKey)];
    const seen = await show({ log, certificates, records: [await recordOf(instance, 1)] });
    expect([seen.retired, seen.frozen, seen.inboxKey]).toEqual([true, false, undefined]);
    expect(() => certifiedInstance(seen, instance.publicKey, "mail", NOW_MS)).toThrow(coded("instance-revoked"));
  });
});

describe("a frozen agent", () => {
  it("is who it was at the last event that nobody disputes, and nothing after", async () => {
    const base = await agent.append(first, { kind: "rotate", to: "base", untilMs: NOW_MS - HOUR_MS / 2 });
    const branches = joinLogs(
      { log: await agent.append(base, { kind: "home-set", homes: [EVIL] }), rival: [] },
      { log: await agent.append(base, { kind: "anchor", about: "mine" }), rival: [] },
    );
    const certificates = [await agent.certificate(base, instance.publicKey)];
    const bundle = encodeBundle({ ...branches, certificates, records: [await recordOf(instance, 1)] });
    const seen = await verifyBundle(crypto, bundle, NOW_MS);
    expect([seen.frozen, seen.logSeq, seen.log.homes, seen.homes]).toEqual([true, 1, undefined, [HOME]]);
    const [log, rival] = [branches.log, branches.rival];
    const longer = await agent.append(log, { kind: "anchor", about: "more than the proof takes" });
    const later = await agent.append(base, { kind: "anchor", about: "third" });
    for (const bad of [
      { log: longer, rival },
      { log: base, rival },
      { log, rival: [log.at(-1) as Bytes] },
      { log, rival: later.slice(-1).concat(rival) },
    ])
      await expect(verifyBundle(crypto, encodeBundle({ ...bad, certificates, records: [] }), NOW_MS)).rejects.toEqual(coded("malformed"));
  });

  it("comes of merging, and a rotation of the owner ends it", async () => {
    const mine = await agent.append(first, { kind: "anchor", about: "mine" });
    const [one, other] = [await show({ log: mine }), await show({ log: await agent.append(first, { kind: "anchor", about: "theirs" }) })];
    refuseRollback(one, other);
    const frozen = await mergeIdentities(crypto, one, other, NOW_MS);
    expect([frozen.frozen, relateIdentities(one, frozen), relateIdentities(frozen, one)]).toEqual([true, "forked", "forked"]);
    refuseRollback(frozen, one);
    expect((await mergeIdentities(crypto, frozen, one, NOW_MS)).bundle).toEqual(frozen.bundle);

    const rotated = await agent.append(mine, { kind: "rotate", to: "heal" });
    const healed = await show({ log: rotated });
    expect(relateIdentities(healed, frozen)).toBe("outranks");
    refuseRollback(frozen, healed);
    const merged = await mergeIdentities(crypto, frozen, healed, NOW_MS);
    expect([merged.frozen, merged.logHead]).toEqual([false, healed.logHead]);
    expect(() => refuseRollback(merged, other)).toThrow(coded("record-rolled-back"));
    expect(() => refuseRollback(merged, frozen)).toThrow(coded("record-rolled-back"));
  });
});

describe("a pin", () => {
  it("refuses a log that is behind or that a rotation undid, and takes one that goes on or outranks", async () => {
    const thief = await agent.append(await agent.append(first, { kind: "home-set", homes: [EVIL] }), { kind: "anchor", about: "thief" });
    const owner = await agent.append(first, { kind: "rotate", to: "owner" });
    const [older, robbed, rotated] = [await show({ log: first }), await show({ log: thief }), await show({ log: owner })];
    refuseRollback(older, robbed);
    refuseRollback(robbed, rotated);
    for (const offered of [older, robbed]) expect(() => refuseRollback(rotated, offered)).toThrow(coded("record-rolled-back"));
    expect((await mergeIdentities(crypto, robbed, rotated, NOW_MS)).logHead).toEqual(rotated.logHead);
  });

  it("still says which log is older when nobody can speak for the agent any more", async () => {
    const log = await agent.append(first, { kind: "rotate", to: "owner" });
    const bundle = encodeBundle({ log, certificates: [await agent.certificate(log, instance.publicKey, 1)], records: [] });
    await expect(verifyBundle(crypto, bundle, NOW_MS)).rejects.toEqual(coded("certificate-expired"));
    const pinned = await readIdentity(crypto, bundle, NOW_MS);
    expect(() => refuseRollbackOf(pinned)).not.toThrow();
    const thief = await show({ log: await agent.append(first, { kind: "anchor", about: "thief" }) });
    expect(() => refuseRollback(pinned, thief)).toThrow(coded("record-rolled-back"));
  });
  const refuseRollbackOf = (pinned: VerifiedIdentity): void => refuseRollback(pinned, pinned);

  it("does not hold the records of a revoked instance against those that replace it", async () => {
    const certificates = [await agent.certificate(first, stolen.publicKey)];
    const robbed = await show({ log: first, certificates, records: [await recordOf(stolen, 999, [EVIL])] });
    const log = await agent.append(first, { kind: "instance-revoke", instanceKey: stolen.publicKey, voidFromMs: LOG_BEGINS_MS });
    const both = [...certificates, await agent.certificate(log, instance.publicKey)];
    const healed = await show({ log, certificates: both, records: [await recordOf(stolen, 2), await recordOf(instance, 3)] });
    refuseRollback(robbed, healed);
    expect((await mergeIdentities(crypto, robbed, healed, NOW_MS)).homes).toEqual([HOME]);
  });
});

describe("merging", () => {
  it("a thief's certificates, however many and long, do not push out those that hold", async () => {
    const many = await Promise.all(
      Array.from({ length: BUNDLE_CERTIFICATES }, async (_, index) =>
        agent.certificate(first, new Uint8Array(32).fill(100 + index), 1e12 + index),
      ),
    );
    const robbed = await show({ log: first, certificates: many });
    const log = await agent.append(first, { kind: "rotate", to: "owner", untilMs: NOW_MS - HOUR_MS / 2 });
    const healed = await show({ log, records: [await recordOf(instance, 2)] });
    for (const merged of [await mergeIdentities(crypto, robbed, healed, NOW_MS), await mergeIdentities(crypto, healed, robbed, NOW_MS)]) {
      expect(certifiedInstance(merged, instance.publicKey, "mail", NOW_MS).controlSeq).toBe(1);
      expect(merged.homes).toEqual([HOME]);
    }
  });

  it("keeps what one agent says after many instances came and went", async () => {
    let known: VerifiedIdentity | undefined;
    for (let index = 0; index < 12; index++) {
      const key = await keyOf(`instance ${index}`);
      const certificates = [await agent.certificate(first, key.publicKey, HOUR_MS * (2 + index))];
      const offered = await show({ log: first, certificates, records: [await recordOf(key, index + 1)] });
      known = known === undefined ? offered : await mergeIdentities(crypto, known, offered, NOW_MS);
      expect(known.inboxKey?.publicKey).toEqual(key.publicKey);
    }
    const kept = identityBundle.decode(known?.bundle as Uint8Array);
    expect([kept.certificates.length, known?.records.length]).toEqual([BUNDLE_CERTIFICATES, BUNDLE_CERTIFICATES]);
  });

  it("gives the same in any order, whatever rotations, forks, certificates and records come together", async () => {
    const mine = await agent.append(first, { kind: "anchor", about: "mine" });
    const theirs = await agent.append(first, { kind: "anchor", about: "theirs" });
    const logs = [
      first,
      mine,
      theirs,
      await agent.append(mine, { kind: "rotate", to: "a" }),
      await agent.append(first, { kind: "rotate", to: "b" }),
    ];
    const shown: VerifiedIdentity[] = [];
    for (const [index, log] of logs.entries()) {
      const key = index % 2 === 0 ? instance : stolen;
      shown.push(
        await show({ log, certificates: [await agent.certificate(log, key.publicKey)], records: [await recordOf(key, 1 + (index % 3))] }),
      );
    }
    const some = fc.constantFrom(...shown);
    await fc.assert(
      fc.asyncProperty(some, some, some, async (a, b, c) => {
        const join = async (one: VerifiedIdentity, other: VerifiedIdentity) => await mergeIdentities(crypto, one, other, NOW_MS);
        expect((await join(a, b)).bundle).toEqual((await join(b, a)).bundle);
        const [left, right] = [await join(await join(a, b), c), await join(a, await join(b, c))];
        expect([left.frozen, left.logHead, left.logSeq]).toEqual([right.frozen, right.logHead, right.logSeq]);
      }),
      { numRuns: 120 },
    );
  });
});

describe("changesAtMs", () => {
  it("is when the next thing in a bundle begins or ends", async () => {
    const untilMs = NOW_MS + 60_000;
    const log = await agent.append(first, { kind: "rotate", to: "owner", untilMs });
    const certificates = [await agent.certificate(first, stolen.publicKey), await agent.certificate(log, instance.publicKey)];
    const seen = await show({ log, certificates, records: [await recordOf(instance, 1)] });
    expect(changesAtMs(seen, NOW_MS)).toBe(untilMs + 1);
    expect(changesAtMs(seen, untilMs + 1)).toBe(NOW_MS + 99 * HOUR_MS + 1);
  });
});

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type Bytes, concat, EMPTY, equalBytes } from "../wire/bytes.ts";
import {
  type AgentRecord,
  agentRecord,
  certificate,
  DOMAINS,
  type IdentityEvent,
  identityBundle,
  identityEvent,
  signedCertificate,
  signedEvent,
  signedRecord,
  toBeSigned,
} from "../wire/identity.ts";
import { mergeRecords, signRecord } from "./agent-record.ts";
import { encodeBundle } from "./bundle.ts";
import { certifiedInstance } from "./certificate.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { createTestRandom, crypto, NOW_MS, newIdentity, settings } from "./test-machine.ts";
import { mergeIdentities, refuseRollback, verifyBundle } from "./verify.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const HOME = { relayId: new Uint8Array(32).fill(7), url: "ws://127.0.0.1:4410/", preference: 0 };

let alice: OwnIdentity;
let bob: OwnIdentity;
beforeAll(async () => {
  alice = await newIdentity("alice", { name: "alice" });
  bob = await newIdentity("bob");
});

const parts = (bundle: Bytes) => identityBundle.decode(bundle);
const with_ = (own: OwnIdentity, changes: Partial<ReturnType<typeof parts>>): Bytes =>
  identityBundle.encode({ ...parts(own.bundle()), ...changes });

/** A log of one event, changed as asked and signed again by a control key of its own. */
async function forgedLog(changes: Partial<IdentityEvent>, signers = 1): Promise<Bytes> {
  const control = await crypto.signatures.load(createTestRandom("control").bytes(32));
  const template = identityEvent.decode(signedEvent.decode(parts(alice.bundle()).log[0] as Bytes).event);
  const event = identityEvent.encode({ ...template, controlKeys: [control.publicKey], ...changes });
  const signature = await crypto.signatures.sign(control, toBeSigned("event", event));
  return signedEvent.encode({ event, signatures: Array.from({ length: signers }, (_, keyIndex) => ({ keyIndex, signature })) });
}

describe("verifyBundle", () => {
  it("finds every change of a single byte out", async () => {
    const good = alice.bundle();
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] as number) ^ (1 << (at % 8));
      await expect(verifyBundle(crypto, bad, NOW_MS, alice.idRaw), `byte ${at}`).rejects.toMatchObject({ name: "PerdureError" });
    }
  });

  it("refuses the bundle of somebody else", async () => {
    await expect(verifyBundle(crypto, bob.bundle(), NOW_MS, alice.idRaw)).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("refuses another agent's certificate and record", async () => {
    const theirs = parts(bob.bundle());
    await expect(verifyBundle(crypto, with_(alice, { certificates: theirs.certificates }), NOW_MS)).rejects.toMatchObject({
      code: "bad-signature",
    });
    await expect(verifyBundle(crypto, with_(alice, { records: theirs.records }), NOW_MS)).rejects.toMatchObject({ code: "bad-signature" });
  });

  it("refuses a record of an instance nobody certified", async () => {
    const stranger = await crypto.signatures.load(createTestRandom("stranger").bytes(32));
    const said = agentRecord.decode(signedRecord.decode(parts(alice.bundle()).records[0] as Bytes).record);
    const record = await signRecord(crypto, stranger, { ...said, instanceKey: stranger.publicKey, recordVersion: 99 });
    await expect(verifyBundle(crypto, with_(alice, { records: [...parts(alice.bundle()).records, record] }), NOW_MS)).rejects.toMatchObject(
      { code: "bad-signature" },
    );
  });

  it("refuses a certificate signed for another purpose", async () => {
    const control = await crypto.signatures.load(createTestRandom("alice").bytes(32));
    const signed = signedCertificate.decode(parts(alice.bundle()).certificates[0] as Bytes);
    const said = certificate.decode(signed.certificate);
    const asRecord = await crypto.signatures.sign(control, toBeSigned("record", signed.certificate));
    const asCertificate = await crypto.signatures.sign(control, toBeSigned("certificate", signed.certificate));
    expect(asCertificate, "the control key of the test is the real one").toEqual(signed.signature);
    const forged = signedCertificate.encode({ certificate: certificate.encode(said), keyIndex: 0, signature: asRecord });
    await expect(verifyBundle(crypto, with_(alice, { certificates: [forged] }), NOW_MS)).rejects.toMatchObject({ code: "bad-signature" });
  });

  it.each([
    ["before it", NOW_MS - DAY_MS],
    ["after it", NOW_MS + 31 * DAY_MS],
  ])("says certificate-expired %s", async (_, atMs) => {
    await expect(verifyBundle(crypto, alice.bundle(), atMs)).rejects.toMatchObject({ code: "certificate-expired" });
  });

  it("takes a certificate from a peer whose clock is a little behind", async () => {
    await expect(verifyBundle(crypto, alice.bundle(), NOW_MS - 5 * 60 * 1000)).resolves.toBeDefined();
  });

  it("does not act on a record that has run out", async () => {
    const own = await newIdentity("long", { settings: { ...settings, certificateMs: 300 * DAY_MS } });
    const seen = await verifyBundle(crypto, own.bundle(), NOW_MS + 91 * DAY_MS);
    expect(seen.inboxKey).toBeUndefined();
    expect(seen.homes).toEqual([]);
  });

  it.each<[string, Partial<IdentityEvent>, string]>([
    ["another version", { version: 2 }, "needs-newer-verifier"],
    ["a kind nobody knows", { kind: 99 }, "needs-newer-verifier"],
    ["witnesses", { witnesses: [new Uint8Array(32)], witnessThreshold: 1 }, "needs-newer-verifier"],
    ["a body", { body: new Uint8Array(1) }, "needs-newer-verifier"],
    ["the reserved kind", { kind: 0 }, "malformed"],
    ["a rotation first", { kind: 2 }, "malformed"],
    ["a sequence number", { seq: 1 }, "malformed"],
    ["a previous event", { previous: new Uint8Array(32).fill(1) }, "malformed"],
    ["no control keys", { controlKeys: [], controlThreshold: 0 }, "malformed"],
    ["threshold 0", { controlThreshold: 0 }, "malformed"],
    ["threshold 2 of 1", { controlThreshold: 2 }, "malformed"],
    ["no next commitment", { nextCommitments: [], nextThreshold: 0 }, "malformed"],
  ])("refuses an inception with %s", async (_, changes, code) => {
    await expect(verifyBundle(crypto, with_(alice, { log: [await forgedLog(changes)] }), NOW_MS)).rejects.toMatchObject({ code });
  });

  it("does not count one key twice towards a threshold", async () => {
    const control = await crypto.signatures.load(createTestRandom("control").bytes(32));
    const log = [await forgedLog({ controlKeys: [control.publicKey, control.publicKey], controlThreshold: 2 }, 2)];
    await expect(verifyBundle(crypto, with_(alice, { log }), NOW_MS)).rejects.toMatchObject({ code: "malformed" });
  });

  it("stops at an event of a reserved kind", async () => {
    const [inception] = parts(alice.bundle()).log as readonly [Bytes];
    await expect(
      verifyBundle(crypto, with_(alice, { log: [inception, await forgedLog({ kind: 7, seq: 1 })] }), NOW_MS),
    ).rejects.toMatchObject({ code: "needs-newer-verifier" });
  });

  it("refuses an empty log", async () => {
    await expect(verifyBundle(crypto, with_(alice, { log: [] }), NOW_MS)).rejects.toMatchObject({ code: "malformed" });
  });

  it("refuses an inception without a signature", async () => {
    await expect(verifyBundle(crypto, with_(alice, { log: [await forgedLog({}, 0)] }), NOW_MS)).rejects.toMatchObject({
      code: "bad-signature",
    });
  });

  it("derives the id from the inception alone", () => {
    const { event } = signedEvent.decode(parts(alice.bundle()).log[0] as Bytes);
    expect(equalBytes(alice.idRaw, crypto.hash.sha256(concat(DOMAINS.agentId, event)))).toBe(true);
    expect(identityEvent.decode(event).agentId).toEqual(EMPTY);
  });
});

describe("certifiedInstance", () => {
  it("knows scope, key and time apart", async () => {
    const seen = await verifyBundle(crypto, alice.bundle(), NOW_MS);
    const key = alice.instanceKey.publicKey;
    expect(certifiedInstance(seen, key, "mail", NOW_MS).instanceKey).toEqual(key);
    expect(() => certifiedInstance(seen, key, "relay", NOW_MS)).toThrow(expect.objectContaining({ code: "bad-signature" }));
    expect(() => certifiedInstance(seen, bob.instanceKey.publicKey, "mail", NOW_MS)).toThrow(
      expect.objectContaining({ code: "bad-signature" }),
    );
    expect(() => certifiedInstance(seen, key, "mail", NOW_MS + 31 * DAY_MS)).toThrow(
      expect.objectContaining({ code: "certificate-expired" }),
    );
  });
});

describe("pinning", () => {
  it("refuses an older record and takes a newer one", async () => {
    const own = await newIdentity("pin");
    const older = await verifyBundle(crypto, own.bundle(), NOW_MS);
    await own.setHome(HOME, NOW_MS);
    const newer = await verifyBundle(crypto, own.bundle(), NOW_MS);
    refuseRollback(older, newer);
    refuseRollback(newer, newer);
    expect(() => refuseRollback(newer, older)).toThrow(expect.objectContaining({ code: "record-rolled-back" }));
  });

  it("refuses another record under the same version", async () => {
    const pinned = await verifyBundle(crypto, alice.bundle(), NOW_MS);
    const said = pinned.records[0] as AgentRecord;
    const record = await signRecord(crypto, alice.instanceKey, { ...said, name: "mallory" });
    const offered = await verifyBundle(crypto, with_(alice, { records: [record] }), NOW_MS);
    expect(() => refuseRollback(pinned, offered)).toThrow(expect.objectContaining({ code: "record-rolled-back" }));
  });

  it("refuses another agent", async () => {
    const [a, b] = await Promise.all([alice, bob].map((own) => verifyBundle(crypto, own.bundle(), NOW_MS)));
    expect(() => a && b && refuseRollback(a, b)).toThrow(expect.objectContaining({ code: "bad-signature" }));
  });

  it("merging an old bundle into a new one changes nothing", async () => {
    const own = await newIdentity("merge");
    const older = await verifyBundle(crypto, own.bundle(), NOW_MS);
    await own.setHome(HOME, NOW_MS);
    const newer = await verifyBundle(crypto, own.bundle(), NOW_MS);
    const merged = await mergeIdentities(crypto, older, newer, NOW_MS);
    expect(merged.bundle).toEqual(newer.bundle);
    expect(merged.homes).toEqual([HOME]);
  });
});

describe("merging", () => {
  const record = fc.record({
    instance: fc.integer({ min: 1, max: 3 }),
    recordVersion: fc.integer({ min: 1, max: 4 }),
    name: fc.constantFrom(undefined, "a", "b"),
  });
  const encodedRecord = record.map(({ instance, recordVersion, name }) =>
    signedRecord.encode({
      record: agentRecord.encode({
        version: 1,
        agentId: new Uint8Array(32),
        instanceKey: new Uint8Array(32).fill(instance),
        recordVersion,
        name,
        inboxKeys: [],
        homes: [],
        capabilities: [],
        freshUntilMs: 0,
        validUntilMs: 0,
        extensions: [],
      }),
      signature: new Uint8Array(64),
    }),
  );
  const encodedCertificate = fc
    .record({ key: fc.integer({ min: 0, max: 2 }), notAfterMs: fc.integer({ min: 0, max: 20 }) })
    .map(({ key, notAfterMs }) =>
      signedCertificate.encode({
        certificate: certificate.encode({
          version: 1,
          agentId: new Uint8Array(32),
          instanceKey: new Uint8Array(32).fill(key),
          scopes: [],
          notBeforeMs: 0,
          notAfterMs,
          controlSeq: 0,
          extensions: [],
        }),
        keyIndex: 0,
        signature: new Uint8Array(64),
      }),
    );
  it("writes one bundle for one content, in any order and however often it is given", () => {
    fc.assert(
      fc.property(fc.array(encodedCertificate, { maxLength: 8 }), fc.array(encodedRecord, { maxLength: 6 }), (certificates, records) => {
        const given = { log: [new Uint8Array([1])], certificates, records };
        const turned = { ...given, certificates: certificates.toReversed(), records: [...records, ...records.toReversed()] };
        expect(encodeBundle(turned)).toEqual(encodeBundle(given));
      }),
    );
  });

  it("keeps one record per instance, of the highest version", () => {
    fc.assert(
      fc.property(fc.array(encodedRecord, { maxLength: 8 }), (encoded) => {
        const said = (bytes: Bytes): AgentRecord => agentRecord.decode(signedRecord.decode(bytes).record);
        const highest = new Map<number, number>();
        for (const each of encoded.map(said))
          highest.set(each.instanceKey[0] as number, Math.max(each.recordVersion, highest.get(each.instanceKey[0] as number) ?? 0));
        expect(
          new Map(
            mergeRecords(encoded)
              .map(said)
              .map((each) => [each.instanceKey[0], each.recordVersion]),
          ),
        ).toEqual(highest);
      }),
    );
  });
});

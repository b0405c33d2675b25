/** One encapsulation for many messages: what it is bound to, how long it serves, and what either end remembers of it. */
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Clock } from "../host/clock.ts";
import type { Crypto, DecapsulationKey } from "../host/crypto.ts";
import { FIXED } from "../settings/fixed.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex, utf8 } from "../wire/bytes.ts";
import { boundHeaderOf, type Envelope, encodeBoundHeader, encodeEnvelope } from "../wire/envelope.ts";
import { DOMAINS } from "../wire/identity.ts";
import type { AgentId } from "../wire/ids.ts";
import { headOver } from "../wire/test-sealed-head.ts";
import { createOpenedSecrets, type OpenedSecrets } from "./opened-secrets.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { type OpenedPart, type OpenPart, openPart, type SealPart, sealPart } from "./sealing.ts";
import { createSealingSecrets, infoOfMany, type SealingSecrets } from "./sealing-secrets.ts";
import { createTestRandom, crypto, NOW_MS, newIdentity, settings } from "./test-machine.ts";
import { type VerifiedIdentity, verifyBundle } from "./verify.ts";

const DAY_MS = 86_400_000;
const LIFE_MS = FIXED.sealingSecretMs.value;
const USES = FIXED.sealedBySecret.value;
const random = createTestRandom("sealing many");

let alice: OwnIdentity;
let bob: OwnIdentity;
let carol: OwnIdentity;
let bobSeen: VerifiedIdentity;
let carolSeen: VerifiedIdentity;
beforeAll(async () => {
  alice = await newIdentity("alice", { name: "alice" });
  bob = await newIdentity("bob");
  carol = await newIdentity("carol");
  bobSeen = await verifyBundle(crypto, bob.bundle(), NOW_MS);
  carolSeen = await verifyBundle(crypto, carol.bundle(), NOW_MS);
});

/** Time that passes when it is told to. */
const time = { monotonicMs: 5, wallMs: NOW_MS };
const clock: Clock = { monotonicMs: () => time.monotonicMs, wallMs: () => time.wallMs, after: () => () => undefined };
const pass = (ms: number): void => {
  time.monotonicMs += ms;
  time.wallMs += ms;
};
let secrets: SealingSecrets;
let opened: OpenedSecrets;
let seq = 0;
beforeEach(() => {
  time.monotonicMs = 5;
  time.wallMs = NOW_MS;
  secrets = createSealingSecrets({ clock, crypto, random });
  opened = createOpenedSecrets();
});

async function seal(text = "hello", changes: Partial<SealPart> = {}): Promise<Envelope> {
  const content = utf8(text);
  const own = changes.own ?? alice;
  seq++;
  const head = headOver(content, crypto.hash.sha256, { sentAtMs: NOW_MS, floor: seq, bundle: own.bundle() });
  const about = { crypto, random, own, recipient: bobSeen, class: "mail", stream: utf8("stream-1"), seq, secrets } as const;
  return await sealPart({ ...about, expiresAtMs: NOW_MS + DAY_MS, head: { ...head, floor: 1 }, content, ...changes });
}

async function open(envelope: Envelope, changes: Partial<OpenPart> = {}): Promise<OpenedPart> {
  const about = { crypto, own: bob, envelope, known: () => undefined, nowMs: NOW_MS, storedAtMs: NOW_MS, opened };
  return await openPart({ ...about, ...changes });
}

/** Cryptography that counts decapsulations. */
function counting(): { readonly crypto: Crypto; readonly count: () => number } {
  let count = 0;
  const decapsulate: Crypto["encapsulation"]["decapsulate"] = async (...given) => {
    count++;
    return await crypto.encapsulation.decapsulate(...given);
  };
  return { crypto: { ...crypto, encapsulation: { ...crypto.encapsulation, decapsulate } }, count: () => count };
}

const keyOf = (envelope: Envelope): string => hex(envelope.body.subarray(0, 32));
const coded = (code: string) => expect.objectContaining({ name: "PerdureError", code });

describe("suite 2", () => {
  it("shares an encapsulated key between messages, and neither salt, commitment nor key", async () => {
    const sent = await Promise.all(["one", "two", "one"].map((text) => seal(text)));
    expect(sent.map(({ suite }) => suite)).toEqual([2, 2, 2]);
    expect(new Set(sent.map(keyOf)).size).toBe(1);
    expect(new Set(sent.map(({ body }) => hex(body.subarray(32, 64)))).size).toBe(3);
    expect(new Set(sent.map(({ body }) => hex(body.subarray(64, 96)))).size).toBe(3);
    const counted = counting();
    const texts: string[] = [];
    for (const each of sent) texts.push(new TextDecoder().decode((await open(each, { crypto: counted.crypto })).content));
    expect(texts).toEqual(["one", "two", "one"]);
    expect(counted.count(), "found out once").toBe(1);
  });

  it("opens in any order, and without anything remembered", async () => {
    const sent = await Promise.all(["one", "two", "three"].map((text) => seal(text)));
    for (const each of sent.toReversed()) await expect(open(each, { opened: createOpenedSecrets() })).resolves.toBeDefined();
  });

  it("is for whoever says so in a signed record: everybody else gets suite 1", async () => {
    expect(bobSeen.suites).toEqual([1, 2]);
    expect((await seal("x", { recipient: { ...bobSeen, suites: [1] } })).suite).toBe(1);
    expect((await seal("x", { recipient: { ...bobSeen, suites: [] } })).suite).toBe(1);
    expect((await open(await seal("x", { recipient: { ...bobSeen, suites: [1] } }))).head.version).toBe(1);
  });

  it("with any single bit changed is refused, whether its key is known or not", async () => {
    const first = await seal("known");
    await open(first);
    expect(opened.size).toBe(1);
    const good = await seal("hello");
    for (let at = 0; at < good.body.length; at += at < 96 ? 1 : 37) {
      const body = good.body.slice();
      body[at] = (body[at] as number) ^ (1 << (at % 8));
      const bad = encodeEnvelope(good, body, crypto.hash.sha256);
      await expect(open(bad), `byte ${at}`).rejects.toMatchObject({ name: "PerdureError" });
    }
    for (const change of [{ seq: 99 }, { class: "receipt" as const }, { expiresAtMs: NOW_MS }, { suite: 1 }, { from: carol.idRaw }])
      await expect(open(encodeEnvelope({ ...good, ...change }, good.body, crypto.hash.sha256))).rejects.toEqual(coded("wrong-commitment"));
    expect(opened.size, "and nothing of it is remembered").toBe(1);
  });

  it("is refused when the commitment is not that of the key: known secret or not", async () => {
    const envelope = await seal();
    const body = envelope.body.slice();
    body[64] = (body[64] as number) ^ 1;
    const bad = encodeEnvelope(envelope, body, crypto.hash.sha256);
    await expect(open(bad)).rejects.toEqual(coded("wrong-commitment"));
    await open(envelope);
    await expect(open(bad)).rejects.toEqual(coded("wrong-commitment"));
  });

  it("refuses a second key under which the same ciphertext opens: AES-GCM would not notice", async () => {
    // A commitment of another key, with a ciphertext that is right for the one the secret gives.
    const secret = await secrets.take(alice, bobSeen, bob.inboxKey);
    const header = { ...(await seal()), seq: 7 };
    const plaintext = new Uint8Array(256);
    const bound = encodeBoundHeader(header, 96 + plaintext.length + 16);
    const salt = random.bytes(32);
    const key = crypto.hash.hkdfSha256(secret.secret, salt, bound, 64).subarray(0, 32);
    const before = concat(secret.encapsulated, salt, random.bytes(32));
    const sealed = await crypto.aead.seal(key, plaintext, concat(bound, before));
    const envelope = encodeEnvelope(header, concat(before, sealed), crypto.hash.sha256);
    await expect(open(envelope)).rejects.toEqual(coded("wrong-commitment"));
  });
});

describe("what a secret is bound to", () => {
  /** Who knows a secret seals what he likes under any header. */
  async function sealUnder(envelope: Envelope, secret: Bytes, changes: Partial<Envelope>): Promise<Envelope> {
    const header = { ...envelope, ...changes };
    const plaintext = new Uint8Array(256);
    const bound = encodeBoundHeader(header, 96 + plaintext.length + 16);
    const salt = random.bytes(32);
    const derived = crypto.hash.hkdfSha256(secret, salt, bound, 64);
    const before = concat(envelope.body.subarray(0, 32), salt, derived.subarray(32));
    const sealed = await crypto.aead.seal(derived.subarray(0, 32), plaintext, concat(bound, before));
    return encodeEnvelope(header, concat(before, sealed), crypto.hash.sha256);
  }

  it("one pair of agents: under another sender or recipient it is another secret", async () => {
    const envelope = await seal();
    const { secret } = await secrets.take(alice, bobSeen, bob.inboxKey);
    const right = await sealUnder(envelope, secret, {});
    await expect(open(right), "it is the secret").rejects.toEqual(coded("malformed"));
    await expect(open(await sealUnder(envelope, secret, { from: carol.idRaw }))).rejects.toEqual(coded("wrong-commitment"));
    const other = { ...bob, idRaw: carol.idRaw, inboxSecret: bob.inboxSecret } as OwnIdentity;
    await expect(open(await sealUnder(envelope, secret, { to: carol.idRaw }), { own: other })).rejects.toEqual(coded("wrong-commitment"));
  });

  it("also where it is remembered: another sender who names the same encapsulated key finds nothing", async () => {
    const envelope = await seal();
    await open(envelope);
    const counted = counting();
    const stolen = encodeEnvelope({ ...envelope, from: carol.idRaw }, envelope.body, crypto.hash.sha256);
    await expect(open(stolen, { crypto: counted.crypto })).rejects.toEqual(coded("wrong-commitment"));
    expect(counted.count()).toBe(1);
  });

  it("one inbox key and one suite", async () => {
    const [a, b] = [alice.idRaw, bob.idRaw];
    const infos = [
      infoOfMany(a, b, bob.inboxKey.keyId),
      infoOfMany(b, a, bob.inboxKey.keyId),
      infoOfMany(a, b, carol.inboxKey.keyId),
      concat(DOMAINS.seal, boundHeaderOf(await seal())),
    ];
    expect(new Set(infos.map(hex)).size).toBe(4);
    expect(equalBytes(infos[0]?.subarray(0, DOMAINS.sealMany.length) as Bytes, DOMAINS.sealMany)).toBe(true);
    const { encapsulated, secret } = await secrets.take(alice, bobSeen, bob.inboxKey);
    const found = await Promise.all(
      infos.map((info) => crypto.encapsulation.decapsulate(bob.inboxSecret(bob.inboxKey.keyId) as DecapsulationKey, encapsulated, info)),
    );
    expect(found.map((each) => equalBytes(each, secret))).toEqual([true, false, false, false]);
  });

  it("a text that somebody else was written does not verify under a secret of one's own", async () => {
    // Bob takes what Alice signed for him, seals it to Carol under a key that he and Carol share, as if it were from Alice.
    const envelope = await seal("pay bob");
    const { signed } = await open(envelope);
    const header = { ...envelope, to: carol.idRaw, inboxKeyId: carol.inboxKey.keyId };
    const info = infoOfMany(alice.idRaw, carol.idRaw, carol.inboxKey.keyId);
    const { encapsulated, secret } = await crypto.encapsulation.encapsulate(carol.inboxKey.publicKey, info);
    const plaintext = concat(signed.signature, signed.plaintext);
    const bound = encodeBoundHeader(header, 96 + plaintext.length + 16);
    const salt = random.bytes(32);
    const derived = crypto.hash.hkdfSha256(secret, salt, bound, 64);
    const before = concat(encapsulated, salt, derived.subarray(32));
    const sealed = await crypto.aead.seal(derived.subarray(0, 32), plaintext, concat(bound, before));
    const forged = encodeEnvelope(header, concat(before, sealed), crypto.hash.sha256);
    const theirs = createOpenedSecrets();
    await expect(open(forged, { own: carol, opened: theirs })).rejects.toEqual(coded("bad-signature"));
    expect(theirs.size, "only what was verified is remembered").toBe(0);
  });
});

describe("a machine that is put back", () => {
  it("with a secret in memory uses another key for another text, also when all random numbers repeat", async () => {
    const frozen = { bytes: (count: number) => new Uint8Array(count) };
    const one = await crypto.encapsulation.encapsulate(bob.inboxKey.publicKey, infoOfMany(alice.idRaw, bob.idRaw, bob.inboxKey.keyId));
    const cloned: Crypto = { ...crypto, encapsulation: { ...crypto.encapsulation, encapsulate: async () => one } };
    const used = new Map<string, string>();
    const machine = async (text: string): Promise<Envelope> => {
      const watched: Crypto = {
        ...cloned,
        aead: {
          ...cloned.aead,
          seal: async (key, plaintext, associated) => {
            const said = hex(crypto.hash.sha256(concat(plaintext, associated)));
            expect(used.get(hex(key)) ?? said, "one key, one text").toBe(said);
            used.set(hex(key), said);
            return await cloned.aead.seal(key, plaintext, associated);
          },
        },
      };
      seq = 0;
      return await seal(text, {
        crypto: watched,
        random: frozen,
        secrets: createSealingSecrets({ clock, crypto: watched, random: frozen }),
      });
    };
    const [yes, no, again] = [await machine("yes"), await machine("no!"), await machine("yes")];
    expect(keyOf(no), "the secret is the same").toBe(keyOf(yes));
    expect(used.size).toBe(2);
    expect(equalBytes(again.bytes, yes.bytes), "the same text is the same bytes").toBe(true);
    expect(equalBytes(yes.body.subarray(32, 64), no.body.subarray(32, 64))).toBe(false);
  });
});

describe("the sender's secrets", () => {
  const take = async (own: OwnIdentity = alice, seen = bobSeen): Promise<string> => {
    if (seen.inboxKey === undefined) throw new TypeError("no inbox key");
    return hex((await secrets.take(own, seen, seen.inboxKey)).encapsulated);
  };

  it(`serve ${USES} messages and not one more`, async () => {
    const keys = await Promise.all(Array.from({ length: 2 * USES + 1 }, () => take()));
    const counts = [...Map.groupBy(keys, (key) => key).values()].map(({ length }) => length);
    expect(counts).toEqual([USES, USES, 1]);
  });

  it("serve ten minutes and not a moment longer, by either clock, also one that went back", async () => {
    const first = await take();
    pass(LIFE_MS - 1);
    expect(await take()).toBe(first);
    pass(1);
    const second = await take();
    expect(second).not.toBe(first);
    time.wallMs += LIFE_MS;
    const slept = await take();
    expect(slept, "a machine that slept").not.toBe(second);
    time.wallMs -= 1;
    expect(await take(), "a clock that went back").not.toBe(slept);
  });

  it("are others for another recipient, inbox key, or instance of the sender", async () => {
    const first = await take();
    expect(await take(alice, carolSeen)).not.toBe(first);
    expect(await take(), "and the first is kept").toBe(first);
    const own = await newIdentity("replaced");
    const before = await take(own);
    await own.replaceInstance(NOW_MS);
    expect(await take(own)).not.toBe(before);
    const other = await newIdentity("bob who renews");
    const seen = await verifyBundle(crypto, other.bundle(), NOW_MS);
    const old = await take(alice, seen);
    await other.renewIfDue(NOW_MS + settings.inboxKeyUseMs);
    const renewed = await verifyBundle(crypto, other.bundle(), NOW_MS + settings.inboxKeyUseMs);
    expect(await take(alice, renewed)).not.toBe(old);
  });

  it("are bounded, forgotten after their time, and all at once", async () => {
    const encapsulate: Crypto["encapsulation"]["encapsulate"] = async () => ({ encapsulated: random.bytes(32), secret: random.bytes(32) });
    secrets = createSealingSecrets({ clock, crypto: { ...crypto, encapsulation: { ...crypto.encapsulation, encapsulate } }, random });
    const first = await take(alice, { ...bobSeen, id: "ag10" as AgentId });
    for (let other = 1; other < 3000; other++) {
      await take(alice, { ...bobSeen, id: `ag1${other}` as AgentId });
      if (other % 100 === 0) expect(await take(alice, { ...bobSeen, id: "ag10" as AgentId }), "who is written to stays").toBe(first);
    }
    expect(secrets.size).toBe(1024);
    pass(LIFE_MS);
    secrets.sweep();
    expect(secrets.size).toBe(0);
    await take();
    secrets.forgetAll();
    expect(secrets.size).toBe(0);
  });

  it("that could not be made are made with the next message", async () => {
    let fails = true;
    const encapsulate: Crypto["encapsulation"]["encapsulate"] = async (...given) => {
      if (fails) throw new Error("no entropy");
      return await crypto.encapsulation.encapsulate(...given);
    };
    secrets = createSealingSecrets({ clock, crypto: { ...crypto, encapsulation: { ...crypto.encapsulation, encapsulate } }, random });
    await expect(Promise.allSettled([take(), take()])).resolves.toMatchObject([{ status: "rejected" }, { status: "rejected" }]);
    fails = false;
    await expect(take()).resolves.toHaveLength(64);
  });
});

describe("the recipient's secrets", () => {
  const keyId = new Uint8Array(8);
  const secretOf = (name: string) => ({ keyId, encapsulated: crypto.hash.sha256(utf8(name)), secret: utf8(name) });
  const keep = (from: string, name: string, nowMs = NOW_MS): void => opened.keep(from as AgentId, secretOf(name), nowMs);
  const has = (from: string, name: string, nowMs = NOW_MS): boolean =>
    opened.find(from as AgentId, keyId, secretOf(name).encapsulated, nowMs) !== undefined;

  it("of one sender have a few places: whoever takes a new key each time pushes out nobody else's", () => {
    keep("alice", "one");
    for (let count = 0; count < 100_000; count++) keep("mallory", `${count}`);
    expect(has("alice", "one")).toBe(true);
    expect(opened.size).toBe(5);
  });

  it("are bounded, and who was silent for longest goes first", () => {
    keep("alice", "one");
    keep("silent", "one");
    for (let sender = 0; sender < 1022; sender++) keep(`sybil ${sender}`, "one");
    expect(has("alice", "one")).toBe(true);
    keep("the last", "one");
    expect(opened.size).toBe(1024);
    expect([has("alice", "one"), has("silent", "one")]).toEqual([true, false]);
  });

  it("are forgotten after ten minutes, and when the clock goes back", () => {
    keep("alice", "one");
    expect([has("alice", "one", NOW_MS + LIFE_MS - 1), has("alice", "one", NOW_MS + LIFE_MS), has("alice", "one", NOW_MS - 1)]).toEqual([
      true,
      false,
      false,
    ]);
    opened.sweep(NOW_MS + LIFE_MS);
    expect(opened.size).toBe(0);
  });

  it("go with their inbox key", async () => {
    const own = await newIdentity("bob who forgets");
    const seen = await verifyBundle(crypto, own.bundle(), NOW_MS);
    const envelope = await seal("old", { recipient: seen });
    await open(envelope, { own, opened: own.opened });
    expect(own.opened.size).toBe(1);
    await own.renewIfDue(NOW_MS + settings.inboxKeyUseMs);
    expect(own.opened.size, "the key is still there").toBe(1);
    const endMs = NOW_MS + settings.inboxKeyUseMs + settings.inboxKeyGraceMs + settings.inboxKeyKeepMs;
    await own.renewIfDue(endMs);
    expect(own.isDestroyed(envelope.inboxKeyId)).toBe(true);
    expect(own.opened.size).toBe(0);
    await expect(open(envelope, { own, opened: own.opened })).rejects.toEqual(coded("unknown-inbox-key"));
  });

  it("of a key that is destroyed while the signature is verified are not kept", async () => {
    const envelope = await seal();
    let isDestroyed = false;
    const own = { ...bob, idRaw: bob.idRaw, inboxSecret: (id: Bytes) => (isDestroyed ? undefined : bob.inboxSecret(id)) } as OwnIdentity;
    const verify: Crypto["signatures"]["verify"] = async (...given) => {
      isDestroyed = true;
      return await crypto.signatures.verify(...given);
    };
    await open(envelope, { own, crypto: { ...crypto, signatures: { ...crypto.signatures, verify } } });
    expect(opened.size).toBe(0);
  });

  it("of mail that is not verified are not kept: anybody can write any sender into a header", async () => {
    const bare = { ...headOver(utf8("x"), crypto.hash.sha256, { sentAtMs: NOW_MS }), bundle: EMPTY };
    await expect(open(await seal("x", { head: bare }))).rejects.toEqual(coded("unknown-agent"));
    expect(opened.size).toBe(0);
  });
});

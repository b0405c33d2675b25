import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { Crypto, DecapsulationKey } from "../host/crypto.ts";
import { type Bytes, concat, EMPTY, equalBytes, utf8 } from "../wire/bytes.ts";
import {
  BOUND_HEADER_BYTES,
  boundHeaderOf,
  decodeEnvelope,
  ENVELOPE_HEADER_BYTES,
  type Envelope,
  type EnvelopeHeader,
  encodeBoundHeader,
  encodeEnvelope,
} from "../wire/envelope.ts";
import { DOMAINS } from "../wire/identity.ts";
import { MAX_ENVELOPE_BODY_BYTES, PART_BYTES } from "../wire/limits.ts";
import { RECEIPT_CONTENT_TYPE, type SealedHead } from "../wire/sealed.ts";
import { headOver } from "../wire/test-sealed-head.ts";
import type { OwnIdentity } from "./own-identity.ts";
import { paddedLength } from "./padding.ts";
import { type OpenedPart, type OpenPart, openPart, type SealPart, sealPart } from "./sealing.ts";
import { createTestRandom, crypto, NOW_MS, newIdentity } from "./test-machine.ts";
import { type VerifiedIdentity, verifyBundle } from "./verify.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const random = createTestRandom("sealing");
const stream = utf8("stream-1");

let alice: OwnIdentity;
let bob: OwnIdentity;
let carol: OwnIdentity;
let bobSeen: VerifiedIdentity;
beforeAll(async () => {
  alice = await newIdentity("alice", { name: "alice" });
  bob = await newIdentity("bob");
  carol = await newIdentity("carol");
  bobSeen = await verifyBundle(crypto, bob.bundle(), NOW_MS);
});

function headFor(content: Bytes, changes: Partial<SealedHead> = {}): SealedHead {
  const { logHead, certificateHash } = alice;
  return headOver(content, crypto.hash.sha256, { sentAtMs: NOW_MS, logHead, certificateHash, bundle: alice.bundle(), ...changes });
}

async function seal(content: Bytes = utf8("hello"), changes: Partial<SealPart> = {}): Promise<Envelope> {
  return await sealPart({
    crypto,
    random,
    own: alice,
    recipient: bobSeen,
    class: "mail",
    stream,
    seq: 1,
    expiresAtMs: NOW_MS + DAY_MS,
    head: headFor(content),
    content,
    ...changes,
  });
}

async function open(envelope: Envelope, changes: Partial<OpenPart> = {}): Promise<OpenedPart> {
  return await openPart({ crypto, own: bob, envelope, known: () => undefined, nowMs: NOW_MS, storedAtMs: NOW_MS, ...changes });
}

const refused = (code: string) => expect.objectContaining({ name: "PerdureError", code });
const redigest = (bytes: Bytes): Bytes => {
  const bound = bytes.subarray(0, BOUND_HEADER_BYTES);
  const body = bytes.subarray(ENVELOPE_HEADER_BYTES);
  return concat(bound, crypto.hash.sha256(concat(utf8("perdure/digest/1"), bound, body)).subarray(0, 16), body);
};

/** The plaintext of an envelope, as its rightful recipient could take it out. */
async function plaintextOf(envelope: Envelope, key: DecapsulationKey): Promise<Bytes> {
  const bound = boundHeaderOf(envelope);
  const secret = await crypto.encapsulation.decapsulate(key, envelope.body.subarray(0, 32), concat(DOMAINS.seal, bound));
  const derived = crypto.hash.hkdfSha256(secret, envelope.body.subarray(32, 64), bound, 64);
  const plaintext = await crypto.aead.open(
    derived.subarray(0, 32),
    envelope.body.subarray(96),
    concat(bound, envelope.body.subarray(0, 96)),
  );
  if (plaintext === undefined) throw new Error("the test could not open its own envelope");
  return plaintext;
}

/** Seals any plaintext under any header, correctly but for what the plaintext says. */
async function sealRaw(header: EnvelopeHeader, publicKey: Bytes, plaintext: Bytes): Promise<Envelope> {
  const bound = encodeBoundHeader(header, 96 + plaintext.length + 16);
  const { encapsulated, secret } = await crypto.encapsulation.encapsulate(publicKey, concat(DOMAINS.seal, bound));
  const salt = random.bytes(32);
  const derived = crypto.hash.hkdfSha256(secret, salt, bound, 64);
  const before = concat(encapsulated, salt, derived.subarray(32));
  return encodeEnvelope(
    header,
    concat(before, await crypto.aead.seal(derived.subarray(0, 32), plaintext, concat(bound, before))),
    crypto.hash.sha256,
  );
}

describe("a sealed part", () => {
  it("comes out as it went in", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 2000 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.string({ maxLength: 30 }),
        async (content, seq, collapseKey) => {
          const head = headFor(content, { collapseKey: collapseKey.normalize("NFC").slice(0, 20).toWellFormed(), floor: seq });
          const envelope = await seal(content, { seq, head });
          const opened = await open(decodeEnvelope(envelope.bytes));
          expect(opened.head).toEqual(head);
          expect(equalBytes(opened.content, content)).toBe(true);
          expect(opened.sender.id).toBe(alice.id);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("of full size fits an envelope, as the first and the last of many", async () => {
    const content = random.bytes(PART_BYTES);
    for (const part of [0, 31]) {
      const envelope = await seal(content, { seq: 32, head: headFor(content, { part, parts: 32, wholeBytes: 32 * PART_BYTES }) });
      expect(envelope.body.length).toBeLessThanOrEqual(MAX_ENVELOPE_BODY_BYTES);
      expect(equalBytes((await open(envelope)).content, content)).toBe(true);
    }
  });

  it("of no bytes is a message too", async () => {
    expect((await open(await seal(EMPTY))).content).toHaveLength(0);
  });

  it("has one of two lengths whatever the last 32 bytes of a kilobyte are", async () => {
    const lengths = await Promise.all(Array.from({ length: 32 }, async (_, extra) => (await seal(random.bytes(1000 + extra))).body.length));
    expect(new Set(lengths).size).toBeLessThanOrEqual(2);
  });

  it("shows nothing of its content or head", async () => {
    const canary = "a-canary-nobody-else-writes";
    const envelope = await seal(utf8(canary), { head: headFor(utf8(canary), { collapseKey: canary }) });
    expect(Buffer.from(envelope.bytes).includes(canary)).toBe(false);
  });
});

describe("tampering", () => {
  it("with any single bit is refused", async () => {
    const good = (await seal()).bytes;
    for (let at = 0; at < good.length; at++) {
      const bad = good.slice();
      bad[at] = (bad[at] as number) ^ (1 << (at % 8));
      await expect((async () => await open(decodeEnvelope(bad)))(), `byte ${at}`).rejects.toMatchObject({ name: "PerdureError" });
    }
  });

  it("with any single bit is refused when the digest is made to fit", async () => {
    const good = (await seal()).bytes;
    for (let at = 0; at < good.length; at++) {
      if (at >= BOUND_HEADER_BYTES && at < ENVELOPE_HEADER_BYTES) continue;
      const bad = good.slice();
      bad[at] = (bad[at] as number) ^ (1 << (at % 8));
      await expect(
        (async () => await open(decodeEnvelope(redigest(bad)), { own: { ...bob, idRaw: bad.slice(40, 72) } }))(),
        `byte ${at}`,
      ).rejects.toMatchObject({ name: "PerdureError" });
    }
  });

  it.each<[string, (header: EnvelopeHeader) => Partial<EnvelopeHeader>]>([
    ["class", () => ({ class: "receipt" })],
    ["expiry", (header) => ({ expiresAtMs: header.expiresAtMs + 1 })],
    ["sequence number", (header) => ({ seq: header.seq + 1 })],
    ["stream", () => ({ stream: new Uint8Array(8) })],
    ["sender", () => ({ from: carol.idRaw })],
  ])("with the %s by one who knows the key is refused", async (_, change) => {
    const content = utf8("hello");
    const envelope = await seal(content, { head: headFor(content, { contentType: RECEIPT_CONTENT_TYPE }) });
    const plaintext = await plaintextOf(envelope, bob.inboxSecret(bob.inboxKey.keyId) as DecapsulationKey);
    const forged = await sealRaw({ ...envelope, ...change(envelope) }, bob.inboxKey.publicKey, plaintext);
    await expect(open(forged)).rejects.toEqual(refused("bad-signature"));
  });

  it("by sealing the same text again under the same header is refused, because the encapsulated key is signed", async () => {
    const envelope = await seal();
    const plaintext = await plaintextOf(envelope, bob.inboxSecret(bob.inboxKey.keyId) as DecapsulationKey);
    await expect(open(await sealRaw(envelope, bob.inboxKey.publicKey, plaintext))).rejects.toEqual(refused("bad-signature"));
  });

  it("by passing a signed text on to a third agent is refused", async () => {
    const envelope = await seal();
    const plaintext = await plaintextOf(envelope, bob.inboxSecret(bob.inboxKey.keyId) as DecapsulationKey);
    const forwarded = await sealRaw(
      { ...envelope, to: carol.idRaw, inboxKeyId: carol.inboxKey.keyId },
      carol.inboxKey.publicKey,
      plaintext,
    );
    await expect(open(forwarded, { own: carol })).rejects.toEqual(refused("bad-signature"));
  });
});

describe("the recipient", () => {
  it("refuses what is addressed to another agent", async () => {
    await expect(open(await seal(), { own: carol })).rejects.toEqual(refused("wrong-recipient"));
  });

  it("refuses what is sealed to a key it does not have", async () => {
    await expect(open(await seal(), { own: { ...bob, inboxSecret: () => undefined } })).rejects.toEqual(refused("unknown-inbox-key"));
  });

  it("compares the commitment before it opens anything", async () => {
    let opened = 0;
    const watchedOpen: Crypto["aead"]["open"] = async (...rest) => {
      opened++;
      return await crypto.aead.open(...rest);
    };
    const watched: Crypto = { ...crypto, aead: { ...crypto.aead, open: watchedOpen } };
    const envelope = await seal();
    const wrongKey = { ...bob, inboxSecret: () => carol.inboxSecret(carol.inboxKey.keyId) };
    await expect(open(envelope, { own: wrongKey, crypto: watched })).rejects.toEqual(refused("wrong-commitment"));
    const bad = envelope.bytes.slice();
    bad[ENVELOPE_HEADER_BYTES + 64] = (bad[ENVELOPE_HEADER_BYTES + 64] as number) ^ 1;
    await expect(open(decodeEnvelope(redigest(bad)), { crypto: watched })).rejects.toEqual(refused("wrong-commitment"));
    expect(opened).toBe(0);
    await open(envelope, { crypto: watched });
    expect(opened).toBe(1);
  });

  it("judges the certificate at the time the relay stored the envelope", async () => {
    const envelope = await seal(utf8("slow"), { expiresAtMs: NOW_MS + 30 * DAY_MS });
    await expect(open(envelope, { storedAtMs: NOW_MS + 29 * DAY_MS, nowMs: NOW_MS + 300 * DAY_MS })).resolves.toBeDefined();
    await expect(open(envelope, { storedAtMs: NOW_MS + 31 * DAY_MS })).rejects.toEqual(refused("certificate-expired"));
  });

  it("does not take a relay's certificate for a mail signature", async () => {
    const relay = await newIdentity("relay", { role: "relay" });
    const content = utf8("hello");
    const envelope = await seal(content, { own: relay, head: headFor(content, { bundle: relay.bundle() }) });
    await expect(open(envelope)).rejects.toEqual(refused("bad-signature"));
  });

  it("refuses an expiry beyond what any sender may ask", async () => {
    await expect(open(await seal(utf8("x"), { expiresAtMs: NOW_MS + 40 * DAY_MS }))).rejects.toEqual(refused("expiry-out-of-range"));
  });

  it("refuses a single part whose content is not what the head names", async () => {
    await expect(open(await seal(utf8("hello"), { head: headFor(utf8("other")) }))).rejects.toEqual(refused("malformed"));
  });

  it("refuses somebody else's bundle", async () => {
    const content = utf8("hello");
    await expect(open(await seal(content, { head: headFor(content, { bundle: carol.bundle() }) }))).rejects.toEqual(
      refused("bad-signature"),
    );
  });

  it.each<[string, Partial<SealedHead>]>([
    ["part beyond the parts", { part: 1 }],
    ["more parts than the size asks for", { parts: 2 }],
    ["another size", { wholeBytes: 6 }],
    ["a floor above its own number", { floor: 2 }],
  ])("refuses a head with %s, and so does the sealer", async (_, changes) => {
    const content = utf8("hello");
    await expect(seal(content, { head: headFor(content, changes) })).rejects.toEqual(refused("malformed"));
  });
});

describe("an attached or known bundle", () => {
  const bare = async (): Promise<Envelope> => await seal(utf8("hello"), { head: headFor(utf8("hello"), { bundle: EMPTY }) });

  it("known is as good as attached", async () => {
    const seen = await verifyBundle(crypto, alice.bundle(), NOW_MS);
    expect((await open(await bare(), { known: (id) => (id === alice.id ? seen : undefined) })).sender).toBe(seen);
  });

  it("neither known nor attached means: look the sender up and try again", async () => {
    await expect(open(await bare())).rejects.toMatchObject({ code: "unknown-agent", retry: "after" });
  });

  it("known without the certificate that signed means the same", async () => {
    const own = await newIdentity("renewing");
    const before = await verifyBundle(crypto, own.bundle(), NOW_MS);
    await own.renewIfDue(NOW_MS + 11 * DAY_MS);
    const after = await verifyBundle(crypto, own.bundle(), NOW_MS + 11 * DAY_MS);
    const content = utf8("hello");
    const envelope = await seal(content, { own, head: headFor(content, { bundle: EMPTY }) });
    await expect(open(envelope, { known: () => before })).rejects.toMatchObject({ code: "unknown-agent", retry: "after" });
    await expect(open(envelope, { known: () => after, storedAtMs: NOW_MS + 11 * DAY_MS })).resolves.toBeDefined();
  });

  it("an old one attached does not take back what is known", async () => {
    const own = await newIdentity("moving");
    const content = utf8("hello");
    const envelope = await seal(content, { own, head: headFor(content, { bundle: own.bundle() }) });
    await own.setHome({ relayId: new Uint8Array(32), url: "ws://127.0.0.1:1/", preference: 0 }, NOW_MS);
    const known = await verifyBundle(crypto, own.bundle(), NOW_MS);
    expect((await open(envelope, { known: () => known })).sender.recordVersion).toBe(2);
  });
});

describe("the sealer", () => {
  it("refuses a recipient without an inbox key", async () => {
    await expect(seal(utf8("x"), { recipient: { ...bobSeen, inboxKey: undefined } })).rejects.toMatchObject({
      code: "unknown-inbox-key",
      retry: "after",
    });
  });

  it("refuses a receipt of another content type", async () => {
    await expect(seal(utf8("x"), { class: "receipt" })).rejects.toEqual(refused("malformed"));
  });

  it("uses another key for another text even when all random numbers repeat", async () => {
    const frozen = { bytes: (count: number) => new Uint8Array(count) };
    const one = await crypto.encapsulation.encapsulate(bob.inboxKey.publicKey, EMPTY);
    const cloned: Crypto = { ...crypto, encapsulation: { ...crypto.encapsulation, encapsulate: async () => one } };
    const saltOf = (envelope: Envelope): Bytes => envelope.body.subarray(32, 64);
    const a = await seal(utf8("yes"), { crypto: cloned, random: frozen });
    const b = await seal(utf8("no!"), { crypto: cloned, random: frozen });
    expect(equalBytes(saltOf(a), saltOf(b))).toBe(false);
    expect(equalBytes(saltOf(a), saltOf(await seal(utf8("yes"), { crypto: cloned, random: frozen })))).toBe(true);
  });
});

describe("padding", () => {
  it("never shortens, costs at most 12 %, and is its own padding", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 24 }), (length) => {
        const padded = paddedLength(length);
        expect(padded).toBeGreaterThanOrEqual(Math.max(256, length));
        expect(padded).toBeLessThanOrEqual(Math.max(256, length * 1.12));
        expect(paddedLength(padded)).toBe(padded);
      }),
    );
  });

  it.each([
    [0, 256],
    [256, 256],
    [257, 272],
    [1000, 1024],
    [1025, 1088],
    [262144, 262144],
    [262145, 270336],
  ])("makes %i bytes %i", (length, padded) => {
    expect(paddedLength(length)).toBe(padded);
  });
});

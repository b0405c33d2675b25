/**
 * The attacks on confidentiality by name, C1 to C10: what a relay, a network, a thief or a restored machine would need to read or pass
 * on what was not meant for them. Where an attack does not apply to this design its test says why and tries what comes nearest.
 */
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Host } from "../src/host/host.ts";
import type { Connection } from "../src/host/net.ts";
import { createNodeHash } from "../src/host/node/hash.ts";
import { createWorld } from "../src/host/simulated/index.ts";
import { encodeBundle } from "../src/identity/bundle.ts";
import { readKept } from "../src/identity/custody.ts";
import { createIdentity, type OwnIdentity, openIdentity } from "../src/identity/own-identity.ts";
import { type OpenedPart, type OpenPart, openPart, type SealPart, sealPart } from "../src/identity/sealing.ts";
import { createSealingSecrets } from "../src/identity/sealing-secrets.ts";
import {
  createTestMachine,
  createTestRandom,
  crypto,
  NOW_MS,
  newIdentity,
  settings,
  type TestMachine,
} from "../src/identity/test-machine.ts";
import { type VerifiedIdentity, verifyBundle } from "../src/identity/verify.ts";
import { MAX_RUNS } from "../src/protocol/delivery/incoming-stream.ts";
import { bench, completion, deliver, HOLE_WAIT, NOW, next, start } from "../src/protocol/delivery/test-inbox.ts";
import { createTestRelay } from "../src/protocol/delivery/test-relay.ts";
import { meet } from "../src/protocol/link/test-meeting.ts";
import { openRelay } from "../src/relay/index.ts";
import { type Bytes, concat, EMPTY, hex, utf8 } from "../src/wire/bytes.ts";
import { challenge, hello } from "../src/wire/control.ts";
import { BOUND_HEADER_BYTES, decodeEnvelope, ENVELOPE_HEADER_BYTES, type Envelope } from "../src/wire/envelope.ts";
import { isPerdureError } from "../src/wire/error.ts";
import { decodeTransport, encodeTransport } from "../src/wire/frame.ts";
import { agentRecord, identityBundle, signedRecord } from "../src/wire/identity.ts";
import { headOver } from "../src/wire/test-sealed-head.ts";
import { openStage } from "./test-stage.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const TEST_MS = 60_000;
const stream = utf8("stream-1");
const random = createTestRandom("confidentiality");

let anna: OwnIdentity;
let bob: OwnIdentity;
let bobMachine: TestMachine;
let mallory: OwnIdentity;
let bobSeen: VerifiedIdentity;

async function agentOn(machine: TestMachine): Promise<OwnIdentity> {
  return await createIdentity({ host: machine, folder: "home", role: "mail", custody: "together", settings });
}

beforeAll(async () => {
  anna = await newIdentity("anna");
  mallory = await newIdentity("mallory");
  bobMachine = createTestMachine("bob");
  bob = await agentOn(bobMachine);
  bobSeen = await seen(bob);
});

async function seen(own: OwnIdentity, nowMs = NOW_MS): Promise<VerifiedIdentity> {
  return await verifyBundle(crypto, own.bundle(), nowMs);
}

async function seal(text: string, changes: Partial<SealPart> = {}): Promise<Envelope> {
  const content = utf8(text);
  const own = changes.own ?? anna;
  return await sealPart({
    crypto,
    random,
    own,
    recipient: bobSeen,
    class: "mail",
    stream,
    seq: 1,
    expiresAtMs: NOW_MS + DAY_MS,
    head: headOver(content, crypto.hash.sha256, { sentAtMs: NOW_MS, bundle: own.bundle() }),
    content,
    ...changes,
  });
}

async function open(envelope: Envelope, changes: Partial<OpenPart> = {}): Promise<OpenedPart> {
  return await openPart({ crypto, own: bob, envelope, known: () => undefined, nowMs: NOW_MS, storedAtMs: NOW_MS, ...changes });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "taken";
  } catch (error) {
    if (isPerdureError(error)) return error.code;
    throw error;
  }
}

/** The envelope with some bytes changed, and a digest that fits. */
function altered(envelope: Envelope, offset: number, bytes: Bytes): Envelope {
  const whole = envelope.bytes.slice();
  whole.set(bytes, offset);
  const [bound, body] = [whole.subarray(0, BOUND_HEADER_BYTES), whole.subarray(ENVELOPE_HEADER_BYTES)];
  whole.set(crypto.hash.sha256(concat(utf8("perdure/digest/1"), bound, body)).subarray(0, 16), BOUND_HEADER_BYTES);
  return decodeEnvelope(whole);
}

const FROM = 8;
const TO = 40;
const INBOX_KEY = 96;
const SUITE = 104;

describe("C1: a relay that puts its own key in the place of the recipient's", () => {
  it("is not believed: the record is not signed by a certified instance of that agent", async () => {
    const bundle = identityBundle.decode(bob.bundle());
    const record = agentRecord.decode(signedRecord.decode(bundle.records[0] as Bytes).record);
    const swapped = agentRecord.encode({
      ...record,
      inboxKeys: [{ ...mallory.inboxKey, generation: record.inboxKeys[0]?.generation ?? 1 }],
    });
    const own = signedRecord.decode(bundle.records[0] as Bytes);
    const forgeries: readonly Bytes[] = [
      signedRecord.encode({ record: swapped, signature: own.signature }),
      signedRecord.encode({
        record: swapped,
        signature: await crypto.signatures.sign(mallory.instanceKey, concat(utf8("perdure/record/1"), swapped)),
      }),
    ];
    for (const forged of forgeries) {
      const shown = encodeBundle({ log: bundle.log, certificates: bundle.certificates, records: [forged] });
      expect(await codeOf(verifyBundle(crypto, shown, NOW_MS, bob.idRaw))).toBe("bad-signature");
    }
    expect(await codeOf(verifyBundle(crypto, mallory.bundle(), NOW_MS, bob.idRaw))).toBe("bad-signature");
    expect(await codeOf(verifyBundle(crypto, bob.bundle(), NOW_MS, bob.idRaw))).toBe("taken");
  });

  it("gains nothing with a certificate of its own making", async () => {
    const [bobs, theirs] = [identityBundle.decode(bob.bundle()), identityBundle.decode(mallory.bundle())];
    const shown = encodeBundle({ log: bobs.log, certificates: theirs.certificates, records: theirs.records });
    expect(await codeOf(verifyBundle(crypto, shown, NOW_MS, bob.idRaw))).toMatch(/bad-signature|malformed/);
  });
});

describe("C2: using up the recipient's one-time keys", () => {
  it("does not apply: there are none; one inbox key takes any number of messages, each under a key of its own", async () => {
    const keys = new Set<string>();
    for (let seq = 1; seq <= 200; seq++) {
      const envelope = await seal(`message ${seq}`, { seq });
      keys.add(hex(envelope.body.subarray(0, 64)));
      if (seq % 50 === 0) expect(new TextDecoder().decode((await open(envelope)).content)).toBe(`message ${seq}`);
    }
    expect(keys.size).toBe(200);
    expect(bob.generations).toHaveLength(1);
  });
});

/** A machine whose connections somebody on the way has in hand. */
function between(host: Host, hold: (connection: Connection) => Connection): Host {
  return { ...host, net: { ...host.net, dial: async (...given) => hold(await host.net.dial(...given)) } };
}

describe("C3: making two sides use less than they can", () => {
  it("the sealing suite cannot be changed on the way, and none weaker is known", async () => {
    const envelope = await seal("hello");
    expect(() => altered(envelope, SUITE, Uint8Array.of(0, 0))).toThrow(expect.objectContaining({ code: "malformed" }));
    expect(() => altered(envelope, SUITE, Uint8Array.of(0, 3))).toThrow(expect.objectContaining({ code: "needs-newer-version" }));
    await expect(open(altered(envelope, SUITE, Uint8Array.of(0, 2)))).rejects.toMatchObject({ code: "wrong-commitment" });
  });

  it.each([
    ["modes", { modes: ["none"] as const }],
    ["versions", { versions: [0] }],
  ])("offered %s that somebody changed in between end the handshake", async (_, change) => {
    const meeting = await meet({ world: { localConnections: true } });
    const host = between(meeting.world.host("agent"), (connection) => ({
      ...connection,
      send: (message) => {
        const [frame] = decodeTransport(message, 0);
        if (frame?.name !== "hello") return void connection.send(message);
        const said = hello.decode(frame.payload);
        connection.send(encodeTransport([{ name: "hello", payload: hello.encode({ ...said, ...change }) }], 0));
      },
    }));
    const code = await codeOf(meeting.connect({ host }));
    expect(code).not.toBe("taken");
    expect(["bad-handshake", "bad-signature", "needs-older-version", "needs-newer-version"]).toContain(code);
  });

  it.each(["none", "mac"] as const)("of an answer that names mode %s, only the one that was offered and signed is taken", async (mode) => {
    const meeting = await meet();
    const host = between(meeting.world.host("agent"), (connection) => ({
      ...connection,
      start: (receiver) =>
        connection.start({
          ...receiver,
          message: (message) => {
            const [frame] = message[1] === 0 ? decodeTransport(message, 0) : [];
            if (frame?.name !== "challenge") return receiver.message(message);
            const payload = challenge.encode({ ...challenge.decode(frame.payload), mode });
            receiver.message(encodeTransport([{ name: "challenge", payload }], 0));
          },
        }),
    }));
    expect(await codeOf(meeting.connect({ host }))).toBe(mode === "mac" ? "taken" : "bad-handshake");
  });
});

describe("C4: replaying an envelope, at another mailbox or at the same", () => {
  it("is refused at another mailbox, whatever of the header is changed", async () => {
    const envelope = await seal("for bob");
    expect(await codeOf(open(envelope, { own: mallory }))).toBe("wrong-recipient");
    const readdressed = altered(envelope, TO, mallory.idRaw);
    expect(await codeOf(open(readdressed, { own: mallory }))).toBe("unknown-inbox-key");
    expect(await codeOf(open(altered(readdressed, INBOX_KEY, mallory.inboxKey.keyId), { own: mallory }))).toBe("wrong-commitment");
    expect(await codeOf(open(envelope))).toBe("taken");
  });

  it("is recognised at the same: completed once", () => {
    const on = bench();
    expect(deliver(on, { seq: 1 }, 1)).toBe("new");
    expect(deliver(on, { seq: 1 }, 2)).toBe("pending");
    const careless = bench({ dedupe: false, floor: true });
    deliver(careless, { seq: 1 }, 1);
    expect(deliver(careless, { seq: 1 }, 2)).toBe("new");
  });
});

describe("C5: using somebody's token, or one token twice", () => {
  it("an invite for one is used up by one, and only its secret is worth anything", { timeout: TEST_MS }, async () => {
    await using stage = await openStage();
    await stage.startRelay();
    const desk = await stage.agent("desk", { name: "desk", strangers: "wait" });
    const [one, other] = [await stage.agent("one", { name: "one" }), await stage.agent("other", { name: "other" })];
    const { text } = await desk.invite({ uses: 1 });
    await one.accept(text);
    expect(await codeOf(other.accept(text))).toBe("invite-used");
    const known = (await desk.contacts.list()).map(({ id }) => id);
    expect(known).toEqual([one.id]);
  });
});

describe("C5, at a relay", () => {
  it("a ticket for one registers one", { timeout: TEST_MS }, async () => {
    await using stage = await openStage();
    await using relay = await openRelay({ folder: join(stage.folder, "closed"), listen: "ws://127.0.0.1:0", tickets: true });
    const { address } = await relay.issueTicket({ uses: 1 });
    await stage.agent("one", { name: "one", join: address });
    expect(await codeOf(stage.agent("two", { name: "two", join: address }))).toBe("ticket-required");
  });

  it("the attach pass of one instance is worth nothing to another, and a used one to nobody", () => {
    const relay = createTestRelay();
    const passTo = (session: number, name: string, pass: Bytes): Bytes | undefined => {
      relay.take();
      relay.attach(session, name, { pass });
      const came = relay.outputs.find((output) => output.kind === "welcome" && output.session === session);
      if (came?.kind !== "welcome") return undefined;
      relay.feed({ kind: "confirm", session, pass: came.standing.pass });
      relay.sync();
      return came.standing.pass;
    };
    const first = passTo(1, "bob", EMPTY) as Bytes;
    passTo(2, "alice", EMPTY);
    expect(passTo(3, "alice", first)).toBeUndefined();
    expect(passTo(4, "bob", first)).toBeDefined();
    expect(passTo(5, "bob", first)).toBeUndefined();
  });
});

describe("C6: one key for two texts after a snapshot was put back", () => {
  /** Seals with a machine whose random numbers are always the same. */
  async function sealed(text: string, suite: number): Promise<{ readonly body: Bytes; readonly key: string; readonly suite: number }> {
    const world = createWorld({ seed: "snapshot", hash: createNodeHash(), cryptoOrder: "at-once" });
    const keys: string[] = [];
    world.onSeal((_, key) => void keys.push(hex(key)));
    const host = world.host("anna");
    const own = await world.complete(createIdentity({ host, folder: "home", role: "mail", custody: "together", settings }));
    const nowMs = host.clock.wallMs();
    const content = utf8(text);
    const recipient = await verifyBundle(host.crypto, own.bundle(), nowMs);
    const part = headOver(content, host.crypto.hash.sha256, { sentAtMs: 1, bundle: own.bundle() });
    const envelope = await world.complete(
      sealPart({
        ...(suite === 2 ? { secrets: createSealingSecrets(host) } : {}),
        crypto: host.crypto,
        random: host.random,
        own,
        recipient,
        class: "mail",
        stream,
        seq: 1,
        expiresAtMs: nowMs + DAY_MS,
        head: part,
        content,
      }),
    );
    return { body: envelope.body, key: keys.at(-1) ?? "", suite: envelope.suite };
  }

  it.each([1, 2])("does not come to pass in suite %i: the key depends on the text too", async (suite) => {
    const [first, again, other] = [await sealed("pay 100", suite), await sealed("pay 100", suite), await sealed("pay 900", suite)];
    expect(first.suite).toBe(suite);
    // The machine does repeat itself: one text gives the same bytes again, and the encapsulated key is the same for another.
    expect(again).toEqual(first);
    expect(other.body.subarray(0, 32)).toEqual(first.body.subarray(0, 32));
    expect(other.key).not.toBe(first.key);
  });
});

describe("C7: opening recorded mail with keys taken later", () => {
  it("fails once the generation was destroyed, and does not fail before: the window is use + grace + keep", async () => {
    const machine = createTestMachine("slow bob");
    const own = await agentOn(machine);
    const recorded = await seal("a secret of then", { recipient: await seen(own) });
    const passes = async (days: number): Promise<OwnIdentity> => {
      machine.setWallMs(NOW_MS + days * DAY_MS);
      const opened = await openIdentity({ host: machine, folder: "home", settings });
      await opened.renewIfDue(machine.clock.wallMs());
      return opened;
    };
    const windowDays = (settings.inboxKeyUseMs + settings.inboxKeyGraceMs + settings.inboxKeyKeepMs) / DAY_MS;
    const before = await passes(8);
    expect(await codeOf(open(recorded, { own: before }))).toBe("taken");
    const after = await passes(windowDays + 9);
    expect(await codeOf(open(recorded, { own: after }))).toMatch(/unknown-inbox-key|key-retired/);
    // Nothing that lies in the folder has the secret any more.
    const kept = await readKept(machine.files, crypto.hash, "home");
    const dump = [...machine.disk.names()].map((name) => Buffer.from(machine.disk.read(name) ?? []).toString("hex")).join("\n");
    expect(kept?.inboxSecrets.map(({ keyId }) => hex(keyId))).not.toContain(hex(recorded.inboxKeyId));
    expect(dump).not.toContain((await oldSecret(machine)).slice(0, 64));
  });

  /** The secret of the first generation, drawn again by the machine's own random numbers. */
  async function oldSecret(machine: TestMachine): Promise<string> {
    expect(machine.disk.names().length).toBeGreaterThan(0);
    const twin = createTestMachine("slow bob");
    await agentOn(twin);
    const kept = await readKept(twin.files, crypto.hash, "home");
    return hex(kept?.inboxSecrets[0]?.secret ?? new Uint8Array(32));
  }
});

describe("C8: filling memory with keys that were skipped", () => {
  it("does not apply, nothing is derived in a row; gaps in a stream, which come nearest, are bounded", () => {
    const on = bench();
    let refused = 0;
    for (let number = 1; number <= MAX_RUNS + 50; number++) {
      if (deliver(on, { seq: number * 2 }, number) === "too-busy") refused++;
      const incoming = next(on, NOW + HOLE_WAIT);
      if (incoming === undefined) continue;
      start(on, incoming);
      on.inbox.apply(completion(incoming), undefined);
    }
    expect(refused).toBeGreaterThan(0);
    const runs = on.inbox.restate().flatMap(({ kept }) => (kept.kind === "stream" ? kept.head.settled : []));
    expect(runs.length).toBeLessThanOrEqual(MAX_RUNS);
  });
});

describe("C9: mail bound to another sender, recipient or log head than it was sealed for", () => {
  it("is refused, field by field", async () => {
    const envelope = await seal("from anna");
    expect(await codeOf(open(altered(envelope, FROM, mallory.idRaw)))).toBe("wrong-commitment");
    // Sealed by mallory herself in anna's name, with all that anna shows to everybody.
    const inHerName = { ...anna, instanceKey: mallory.instanceKey };
    expect(await codeOf(open(await seal("from anna?", { own: inHerName })))).toBe("bad-signature");
    const otherHead = { ...anna, logHead: mallory.logHead };
    expect(await codeOf(open(await seal("hello", { own: otherHead })))).toBe("malformed");
    const otherCertificate = { ...anna, certificateHash: mallory.certificateHash };
    expect(await codeOf(open(await seal("hello", { own: otherCertificate })))).toBe("bad-signature");
    expect(await codeOf(open(envelope))).toBe("taken");
  });
});

describe("C10: an instance that was revoked", () => {
  it("opens nothing that is sealed afterwards, and nothing it signs afterwards counts", async () => {
    const machine = createTestMachine("revoked");
    const own = await agentOn(machine);
    const thief = createTestMachine("thief");
    for (const name of machine.disk.names()) thief.disk.put(name, machine.disk.read(name) as Uint8Array);
    const stolen = await openIdentity({ host: thief, folder: "home", settings });
    const before = await seal("sealed before", { recipient: await seen(own) });
    await own.replaceInstance(NOW_MS + 1000, NOW_MS + 1000);
    const recipient = await seen(own, NOW_MS + 1000);
    const after = await seal("sealed after", { recipient });
    expect(await codeOf(open(after, { own: stolen }))).toBe("unknown-inbox-key");
    expect(await codeOf(open(after, { own }))).toBe("taken");
    // What was sealed before the revocation stays readable to whoever had the folder then.
    expect(await codeOf(open(before, { own: stolen }))).toBe("taken");
    const inItsName = await seal("by the thief", { own: stolen });
    const known = (): VerifiedIdentity => recipient;
    expect(await codeOf(open(inItsName, { known, storedAtMs: NOW_MS }))).toBe("taken");
    expect(await codeOf(open(inItsName, { known, nowMs: NOW_MS + 5000, storedAtMs: NOW_MS + 5000 }))).toMatch(
      /instance-revoked|certificate-expired/,
    );
  });
});

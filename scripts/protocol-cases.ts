/**
 * Writes protocol/cases: values and the bytes that stand for them, and bytes that must be refused, for other
 * implementations to test against. Run after a change of the wire: `node scripts/protocol-cases.ts`, then the formatter.
 */
import { createHmac } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { readKept } from "../packages/perdure/src/identity/custody.ts";
import {
  createIdentity,
  createSealingSecrets,
  type OwnIdentity,
  sealPart,
  signNotice,
  verifyBundle,
} from "../packages/perdure/src/identity/index.ts";
import { chainSeed, createKeyChain, KEY_CHAIN } from "../packages/perdure/src/identity/key-chain.ts";
import { parseRecovery } from "../packages/perdure/src/identity/recovery.ts";
import { createTestMachine, createTestRandom, crypto, NOW_MS, settings } from "../packages/perdure/src/identity/test-machine.ts";
import { type Bytes, concat, EMPTY, fromUtf8, hex, utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { encodeAck, encodeDeliver, encodeMail } from "../packages/perdure/src/wire/control.ts";
import { decodeEnvelope, type EnvelopeHeader, encodeEnvelope } from "../packages/perdure/src/wire/envelope.ts";
import { encodeTransport, FRAME_TYPES, type Frame, type FrameName } from "../packages/perdure/src/wire/frame.ts";
import { type SealedHead, sealedHead } from "../packages/perdure/src/wire/sealed.ts";
import { listShapes, SHAPES_BY_PAGE, type SpecificationPage } from "../packages/perdure/src/wire/shapes.ts";
import { notice } from "../packages/perdure/src/wire/statement.ts";
import { agentLogCases } from "./agent-log-cases.ts";
import { cutCases, shapeCases } from "./case-forms.ts";
import { caseIndex } from "./case-index.ts";
import { type Json, toJson } from "./case-value.ts";

const FOLDER = new URL("../protocol/cases/", import.meta.url);
const DAY_MS = 24 * 60 * 60 * 1000;
const sha256 = crypto.hash.sha256;

async function write(name: string, content: Json): Promise<void> {
  await mkdir(FOLDER, { recursive: true });
  await writeFile(new URL(`${name}.json`, FOLDER), `${JSON.stringify(content, null, 1)}\n`);
}

function envelopeCases(): Json {
  const header: EnvelopeHeader = {
    class: "mail",
    from: new Uint8Array(32).fill(1),
    to: new Uint8Array(32).fill(2),
    stream: new Uint8Array(8).fill(3),
    seq: 4,
    expiresAtMs: NOW_MS,
    inboxKeyId: new Uint8Array(8).fill(6),
    suite: 1,
  };
  const valid = (
    [
      ["mail", header, utf8("an opaque body")],
      [
        "a receipt of no bytes and the largest numbers",
        { ...header, class: "receipt", seq: Number.MAX_SAFE_INTEGER, expiresAtMs: Number.MAX_SAFE_INTEGER },
        EMPTY,
      ],
      ["a notice", { ...header, class: "notice", suite: 0, inboxKeyId: new Uint8Array(8) }, utf8("a signed notice")],
    ] as const
  ).map(([name, said, body]) => {
    const envelope = encodeEnvelope(said, body, sha256);
    return {
      name,
      bytes: hex(envelope.bytes),
      value: {
        class: said.class,
        from: hex(said.from),
        to: hex(said.to),
        stream: hex(said.stream),
        seq: said.seq,
        expiresAtMs: said.expiresAtMs,
        inboxKeyId: hex(said.inboxKeyId),
        suite: said.suite,
        body: hex(body),
        digest: hex(envelope.digest),
      },
    };
  });
  const good = encodeEnvelope(header, utf8("body"), sha256).bytes;
  const bad = (name: string, error: string, ...changes: readonly (readonly [number, number])[]): Json => {
    const bytes = good.slice();
    for (const [at, value] of changes) bytes[at] = value;
    return { name, bytes: hex(bytes), error };
  };
  return {
    about:
      "An envelope as envelope.md lays it out. `error` is what decoding says; `wrongDigest` decodes, and its digest is not that of its bytes.",
    valid,
    wrongDigest: [bad("the last byte of the body changed", "", [good.length - 1, 0]), bad("the expiry changed", "", [95, 1])].map(
      (each) => ({ name: (each as { name: string }).name, bytes: (each as { bytes: string }).bytes }),
    ),
    invalid: [
      { name: "no bytes", bytes: "", error: "malformed" },
      { name: "a cut header", bytes: hex(good.slice(0, 127)), error: "malformed" },
      { name: "a cut body", bytes: hex(good.slice(0, -1)), error: "malformed" },
      { name: "a byte too many", bytes: hex(concat(good, new Uint8Array(1))), error: "malformed" },
      ...cutCases(good, [1, 2, 4, 8, 40, 72, 80, 88, 96, 104, 106, 112, 126]),
      bad("a newer version", "needs-newer-version", [0, 2]),
      bad("the newest version there could be", "needs-newer-version", [0, 255]),
      bad("an older version", "needs-older-version", [0, 0]),
      bad("an unknown class", "malformed", [1, 3]),
      bad("the last class there could be", "malformed", [1, 255]),
      bad("a flag nobody knows", "malformed", [3, 2]),
      bad("a flag of the upper byte", "malformed", [2, 128]),
      bad("a body of 2^32 - 1 bytes", "too-large", [4, 255], [5, 255], [6, 255], [7, 255]),
      bad("a body one byte over the limit", "too-large", [4, 0], [5, 5], [6, 0], [7, 1]),
      bad("a body that is shorter than its length says", "malformed", [7, 5]),
      bad("a body that is longer than its length says", "malformed", [7, 3]),
      ...[106, 107, 108, 109, 110].map((at) => bad(`a reserved byte at ${at}`, "malformed", [at, 1])),
      bad("no expiry", "malformed", ...[88, 89, 90, 91, 92, 93, 94, 95].map((at) => [at, 0] as const)),
      bad("a receipt that is not sealed", "malformed", [1, 1], [105, 0]),
      bad("a suite of the upper byte", "needs-newer-version", [104, 1]),
      bad("the reserved flag for a hidden sender", "malformed", [3, 1]),
      bad("a body beyond the limit", "too-large", [4, 1]),
      bad("sequence number 0", "malformed", [87, 0]),
      bad("a sequence number above 2^53 - 1", "malformed", [80, 1]),
      bad("an expiry above 2^53 - 1", "malformed", [88, 1]),
      bad("an unknown suite", "needs-newer-version", [105, 3]),
      bad("mail that is not sealed", "malformed", [105, 0]),
      bad("a notice that is sealed", "malformed", [1, 2]),
      bad("a notice with an inbox key", "malformed", [1, 2], [105, 0]),
      bad("a reserved byte", "malformed", [111, 1]),
    ],
  };
}

function flipped(bytes: Bytes, from: number, to?: number): Bytes {
  const changed = bytes.slice();
  for (const [at, byte] of bytes.subarray(from, to).entries()) changed[(from < 0 ? bytes.length + from : from) + at] = byte ^ 0xff;
  return changed;
}

function frameCases(): Json {
  const key = new Uint8Array(32).fill(9);
  const tag = (counted: Bytes): Bytes => new Uint8Array(createHmac("sha256", key).update(counted).digest());
  const frames: readonly Frame[] = [
    { name: "ping", payload: Uint8Array.of(0x81, 1) },
    { name: "ack", payload: encodeAck(7) },
  ];
  const channels = [0, 513];
  const said = frames.map((frame) => ({ name: frame.name, channel: 0, payload: hex(frame.payload) }));
  const onChannels = said.map((frame, index) => ({ ...frame, channel: channels[index] ?? 0 }));
  const good = encodeTransport(frames.slice(0, 1), 0);
  const bad = (name: string, error: string, at: number, value: number): Json => ({
    name,
    bytes: hex(good.map((byte, index) => (index === at ? value : byte))),
    error,
  });
  const envelope = Uint8Array.of(0xee);
  const generation = new Uint8Array(8).fill(5);
  const home = new Uint8Array(32).fill(6);
  const mail = encodeMail({ linkSeq: 1, hopLimit: 8, home, envelope });
  const deliver = encodeDeliver({ generation, position: 2, storedAtMs: NOW_MS, envelope });
  return {
    about:
      "Transport messages, and the three frames with fixed layouts. Cases with a key are of mode mac; `counter` is the number of the message in its direction.",
    transport: {
      valid: [
        { name: "mode none", frames: said, counter: 0, bytes: hex(encodeTransport(frames, 0)) },
        ...(Object.keys(FRAME_TYPES) as FrameName[]).map((name) => ({
          name: `a ${name} frame without payload`,
          frames: [{ name, channel: 0, payload: "" }],
          counter: 0,
          bytes: hex(encodeTransport([{ name, payload: EMPTY }], 0)),
        })),
        { name: "frames of two channels", frames: onChannels, counter: 0, bytes: hex(encodeTransport(frames, 0, undefined, channels)) },
        { name: "mode mac", frames: said, counter: 3, key: hex(key), bytes: hex(encodeTransport(frames, 3, tag)) },
      ],
      invalid: [
        { name: "no bytes", bytes: "", error: "malformed" },
        { name: "no frames", bytes: "0100", error: "malformed" },
        { name: "a cut frame header", bytes: hex(good.slice(0, 9)), error: "malformed" },
        ...cutCases(good, [1, 3, 4, 5, 6, 8, 10, 11]),
        bad("a newer version", "needs-newer-version", 0, 2),
        bad("an older version", "needs-older-version", 0, 0),
        bad("a mode nobody knows", "malformed", 1, 2),
        bad("frame type 0", "malformed", 2, 0),
        bad("the last frame type there could be", "malformed", 2, 255),
        bad("a frame of 2^24 bytes more", "malformed", 6, 1),
        bad("a frame shorter than what follows", "malformed", 9, 1),
        {
          name: "a byte behind the last frame",
          bytes: hex(concat(good, new Uint8Array(1))),
          error: "malformed",
        },
        { name: "larger than a message may be", bytes: [["00", 524_289]], error: "too-large" },
        { name: "mode mac, shorter than its tag", bytes: "0101".padEnd(34, "0"), key: hex(key), counter: 0, error: "malformed" },
        {
          name: "mode mac, every byte of its tag another",
          bytes: hex(flipped(encodeTransport(frames, 3, tag), 2, 18)),
          key: hex(key),
          counter: 3,
          error: "bad-mac",
        },
        {
          name: "mode mac, the last byte of its tag another",
          bytes: hex(flipped(encodeTransport(frames, 3, tag), 17, 18)),
          key: hex(key),
          counter: 3,
          error: "bad-mac",
        },
        {
          name: "mode mac, its last byte another",
          bytes: hex(flipped(encodeTransport(frames, 3, tag), -1)),
          key: hex(key),
          counter: 3,
          error: "bad-mac",
        },
        {
          name: "mode none where mac was agreed on",
          bytes: hex(encodeTransport(frames, 0)),
          key: hex(key),
          counter: 0,
          error: "malformed",
        },
        bad("mode mac where none was agreed on", "malformed", 1, 1),
        bad("an unknown frame type", "malformed", 2, 99),
        bad("a frame flag", "malformed", 3, 1),
        bad("a frame longer than the message", "malformed", 9, 3),
        {
          name: "mode mac, one message later than it says",
          bytes: hex(encodeTransport(frames, 3, tag)),
          key: hex(key),
          counter: 4,
          error: "bad-mac",
        },
        {
          name: "mode mac with another key",
          bytes: hex(encodeTransport(frames, 0, tag)),
          key: hex(new Uint8Array(32)),
          counter: 0,
          error: "bad-mac",
        },
      ],
    },
    mail: {
      valid: [
        {
          name: "mail",
          value: { linkSeq: 1, hopLimit: 8, envelope: hex(envelope) },
          bytes: hex(encodeMail({ linkSeq: 1, hopLimit: 8, envelope })),
        },
        {
          name: "mail for another relay's mailbox",
          value: { linkSeq: 1, hopLimit: 8, home: hex(home), envelope: hex(envelope) },
          bytes: hex(mail),
        },
        {
          name: "the largest numbers, and nothing in it",
          value: { linkSeq: Number.MAX_SAFE_INTEGER, hopLimit: 255, envelope: "" },
          bytes: hex(encodeMail({ linkSeq: Number.MAX_SAFE_INTEGER, hopLimit: 255, envelope: EMPTY })),
        },
      ],
      invalid: [
        ...cutCases(mail, [0, 1, 8, 9, 10, 15, 16, 47]),
        ...[10, 11, 12, 13, 14, 15].map((at) => ({
          name: `a reserved byte at ${at}`,
          bytes: hex(flipped(mail, at, at + 1)),
          error: "malformed",
        })),
        { name: "a home that is neither there nor not", bytes: `000000000000000108020000000000${"00".repeat(40)}`, error: "malformed" },
        { name: "link sequence number 2^53", bytes: `00200000000000000800000000000000${hex(envelope)}`, error: "malformed" },
        { name: "link sequence number 0", bytes: "00".repeat(16), error: "malformed" },
        { name: "a reserved byte", bytes: `00000000000000010800000000000001${hex(envelope)}`, error: "malformed" },
      ],
    },
    deliver: {
      valid: [
        {
          name: "deliver",
          value: { generation: hex(generation), position: 2, storedAtMs: NOW_MS, envelope: hex(envelope) },
          bytes: hex(encodeDeliver({ generation, position: 2, storedAtMs: NOW_MS, envelope })),
        },
      ],
      invalid: [
        { name: "position 0", bytes: "00".repeat(24), error: "malformed" },
        ...cutCases(deliver, [0, 7, 8, 16, 23]),
        { name: "position 2^53", bytes: `${hex(generation)}0020000000000000${"00".repeat(8)}`, error: "malformed" },
        { name: "a time of 2^53", bytes: `${hex(generation)}00000000000000010020000000000000`, error: "malformed" },
      ],
    },
    ack: {
      valid: [7, 0, Number.MAX_SAFE_INTEGER].map((value) => ({ name: `ack of ${value}`, value, bytes: hex(encodeAck(value)) })),
      invalid: [
        ...cutCases(encodeAck(7), [0, 1, 7]),
        { name: "a byte too many", bytes: "00".repeat(9), error: "malformed" },
        { name: "2^53", bytes: "0020000000000000", error: "malformed" },
        { name: "2^64 - 1", bytes: "ff".repeat(8), error: "malformed" },
      ],
    },
  };
}

async function identityCases(own: OwnIdentity, recovery: string): Promise<Json> {
  const seen = await verifyBundle(crypto, own.bundle(), NOW_MS);
  const flipped = own.bundle().slice();
  flipped[flipped.length - 1] = (flipped[flipped.length - 1] as number) ^ 1;
  return {
    about:
      "Identity bundles to be verified offline as of `atMs`, and a recovery file with the first and last keys of the chain that comes from it.",
    valid: [
      {
        name: "an agent",
        atMs: NOW_MS,
        bundle: hex(own.bundle()),
        id: seen.id,
        idRaw: hex(seen.idRaw),
        logHead: hex(seen.logHead),
        agentName: seen.name ?? null,
        recordVersion: seen.recordVersion,
        inboxKeyId: hex(seen.inboxKey?.keyId ?? EMPTY),
      },
    ],
    invalid: [
      { name: "after its certificate", atMs: NOW_MS + 31 * DAY_MS, bundle: hex(own.bundle()), error: "certificate-expired" },
      { name: "a changed signature", atMs: NOW_MS, bundle: hex(flipped), error: "bad-signature" },
    ],
    recovery: { text: recovery, bundle: hex(own.bundle()), chain: await chainCases(parseRecovery(crypto.hash, recovery).seed) },
  };
}

/** The first and the last keys that come from a recovery file. */
async function chainCases(secret: Bytes): Promise<Json> {
  const chain = await createKeyChain(crypto, secret);
  return [1, 2, 3, KEY_CHAIN - 1, KEY_CHAIN].map((position) => ({
    position,
    seed: hex(chainSeed(crypto.hash, secret, position)),
    publicKey: hex(chain.keyAt(position).publicKey),
    commitment: hex(chain.commitmentAt(position)),
  }));
}

async function sealingCases(alice: OwnIdentity, bob: OwnIdentity, bobSecret: Bytes): Promise<Json> {
  const content = utf8("The quick brown fox.");
  const head: SealedHead = {
    version: 1,
    thread: new Uint8Array(16).fill(1),
    depth: 0,
    auto: false,
    inReplyTo: undefined,
    collapseKey: "",
    idempotencyKey: "once",
    contentType: "text/plain",
    fileName: "fox.txt",
    part: 0,
    parts: 1,
    wholeBytes: content.length,
    wholeHash: sha256(content),
    floor: 1,
    sentAtMs: NOW_MS,
    logHead: alice.logHead,
    certificateHash: alice.certificateHash,
    bundle: alice.bundle(),
    extensions: [],
  };
  const recipient = await verifyBundle(crypto, bob.bundle(), NOW_MS);
  const secrets = createSealingSecrets({ clock: createTestMachine("cases").clock, crypto, random: createTestRandom("many") });
  const seal = async (changes: Partial<SealedHead>, seq = 0) =>
    await sealPart({
      ...(seq > 0 ? { secrets } : {}),
      crypto,
      random: createTestRandom("cases"),
      own: alice,
      recipient,
      class: "mail",
      stream: new Uint8Array(8).fill(7),
      seq: Math.max(1, seq),
      expiresAtMs: NOW_MS + DAY_MS,
      head: { ...head, ...changes },
      content,
    });
  const envelope = await seal({});
  const [first, second] = [await seal({}, 1), await seal({}, 2)];
  const wrongCommitment = envelope.body.slice();
  wrongCommitment[64] = (wrongCommitment[64] as number) ^ 1;
  const changed = (body: Bytes, changes: Partial<EnvelopeHeader> = {}): string =>
    hex(encodeEnvelope({ ...envelope, ...changes }, body, sha256).bytes);
  const wrongText = envelope.body.slice();
  wrongText[wrongText.length - 1] = (wrongText[wrongText.length - 1] as number) ^ 1;
  const at = { storedAtMs: NOW_MS, nowMs: NOW_MS };
  decodeEnvelope(envelope.bytes);
  return {
    about: "Sealed envelopes, all to one recipient whose inbox secret is given; nothing is known of the sender beforehand.",
    recipient: { id: bob.id, idRaw: hex(bob.idRaw), inboxKeyId: hex(bob.inboxKey.keyId), inboxSecret: hex(bobSecret) },
    valid: [
      {
        name: "mail",
        ...at,
        envelope: hex(envelope.bytes),
        from: alice.id,
        content: hex(content),
        head: toJson(sealedHead.field.form, head),
      },
      ...[first, second].map((each) => ({
        name: `mail of suite 2, number ${each.seq} under its encapsulated key`,
        ...at,
        envelope: hex(each.bytes),
        from: alice.id,
        content: hex(content),
        head: toJson(sealedHead.field.form, head),
      })),
    ],
    invalid: [
      { name: "suite 1 said to be suite 2", ...at, envelope: changed(envelope.body, { suite: 2 }), error: "wrong-commitment" },
      {
        name: "suite 2 said to be suite 1",
        ...at,
        envelope: hex(encodeEnvelope({ ...first, suite: 1 }, first.body, sha256).bytes),
        error: "wrong-commitment",
      },
      {
        name: "suite 2 under the number of another message",
        ...at,
        envelope: hex(encodeEnvelope({ ...first, seq: 2 }, first.body, sha256).bytes),
        error: "wrong-commitment",
      },
      {
        name: "suite 2 of another sender under the same encapsulated key",
        ...at,
        envelope: hex(encodeEnvelope({ ...first, from: bob.idRaw }, first.body, sha256).bytes),
        error: "wrong-commitment",
      },
      { name: "a changed commitment", ...at, envelope: changed(wrongCommitment), error: "wrong-commitment" },
      { name: "a changed ciphertext", ...at, envelope: changed(wrongText), error: "malformed" },
      { name: "another sequence number", ...at, envelope: changed(envelope.body, { seq: 2 }), error: "wrong-commitment" },
      { name: "another recipient", ...at, envelope: changed(envelope.body, { to: alice.idRaw }), error: "wrong-recipient" },
      { name: "another inbox key", ...at, envelope: changed(envelope.body, { inboxKeyId: new Uint8Array(8) }), error: "unknown-inbox-key" },
      {
        name: "stored after the certificate ran out",
        storedAtMs: NOW_MS + 31 * DAY_MS,
        nowMs: NOW_MS,
        envelope: hex(envelope.bytes),
        error: "certificate-expired",
      },
      { name: "no bundle of an unknown sender", ...at, envelope: hex((await seal({ bundle: EMPTY })).bytes), error: "unknown-agent" },
      { name: "the bundle of somebody else", ...at, envelope: hex((await seal({ bundle: bob.bundle() })).bytes), error: "bad-signature" },
    ],
  };
}

async function noticeCases(relay: OwnIdentity): Promise<Json> {
  const said = {
    version: 1,
    relayId: relay.idRaw,
    outcome: 0,
    to: new Uint8Array(32).fill(1),
    stream: new Uint8Array(8).fill(2),
    seq: 3,
    digest: new Uint8Array(16).fill(4),
    timeMs: NOW_MS,
    extensions: [],
  };
  const body = await signNotice({ crypto, own: relay, notice: said });
  const changed = body.slice();
  changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 1;
  return {
    about: "The body of a notice envelope, and the bundle of the relay that signed it.",
    relay: { id: relay.id, bundle: hex(relay.bundle()) },
    valid: [{ name: "expired", body: hex(body), value: toJson(notice.field.form, said) }],
    invalid: [{ name: "a changed signature", body: hex(changed), error: "bad-signature" }],
  };
}

for (const page of Object.keys(SHAPES_BY_PAGE) as SpecificationPage[]) {
  await write(`shapes-${page}`, Object.fromEntries(listShapes(page).map((shape) => [shape.name, shapeCases(shape)])));
}
await write("agent-log", await agentLogCases());
await write("envelope", envelopeCases());
await write("frames", frameCases());
const host = createTestMachine("alice of the case files");
const alice = await createIdentity({
  host,
  folder: "home",
  role: "mail",
  custody: "split",
  recoveryPath: "recovery",
  name: "alice",
  settings,
});
const bobHost = createTestMachine("bob of the case files");
const bob = await createIdentity({ host: bobHost, folder: "home", role: "mail", custody: "together", name: "bob", settings });
const bobSecret = (await readKept(bobHost.files, crypto.hash, "home"))?.inboxSecrets[0]?.secret ?? EMPTY;
await write("identity", await identityCases(alice, fromUtf8(host.disk.read("recovery") ?? EMPTY)));
await write("sealing", await sealingCases(alice, bob, bobSecret));
await write(
  "notice",
  await noticeCases(
    await createIdentity({
      host: createTestMachine("relay of the case files"),
      folder: "home",
      role: "relay",
      custody: "together",
      settings,
    }),
  ),
);
await writeFile(new URL("README.md", FOLDER), caseIndex(FOLDER));

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { verifyLog } from "../packages/perdure/src/identity/agent-log.ts";
import { type OwnIdentity, openPart, verifyBundle, verifyNotice } from "../packages/perdure/src/identity/index.ts";
import { chainSeed, createKeyChain } from "../packages/perdure/src/identity/key-chain.ts";
import { openChain, parseRecovery } from "../packages/perdure/src/identity/recovery.ts";
import { type Bytes, hex } from "../packages/perdure/src/wire/bytes.ts";
import { decodeAck, decodeDeliver, decodeMail, encodeAck, encodeDeliver, encodeMail } from "../packages/perdure/src/wire/control.ts";
import { decodeEnvelope, digestMatches, encodeEnvelope } from "../packages/perdure/src/wire/envelope.ts";
import { decodeTransport, encodeTransport, type FrameName } from "../packages/perdure/src/wire/frame.ts";
import { identityBundle } from "../packages/perdure/src/wire/identity.ts";
import { sealedHead } from "../packages/perdure/src/wire/sealed.ts";
import { listShapes, SHAPES_BY_PAGE, type SpecificationPage } from "../packages/perdure/src/wire/shapes.ts";
import { notice } from "../packages/perdure/src/wire/statement.ts";
import { bytesOf, encodeCbor, fromJson, type Json, toJson } from "./case-value.ts";

interface Case {
  readonly name: string;
  /** Hexadecimal, or a list of [hexadecimal, how often]. */
  readonly bytes: Json;
  readonly value?: Json;
  readonly error?: string;
  readonly [more: string]: Json | undefined;
}
interface Cases {
  readonly valid: readonly Case[];
  readonly invalid: readonly Case[];
}

const crypto = createNodeCrypto();
const read = <Content>(name: string): Content =>
  JSON.parse(readFileSync(new URL(`../protocol/cases/${name}.json`, import.meta.url), "utf8")) as Content;
const refused = (code: string | undefined) => expect.objectContaining({ name: "PerdureError", code });
const text = (json: Json | undefined): string => String(json);
const fields = (json: Json | undefined): Readonly<Record<string, Json>> => json as Readonly<Record<string, Json>>;

/** Byte strings of a decoded value as hexadecimal. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, each: unknown) => (each instanceof Uint8Array ? hex(each) : each)));

describe.each(Object.keys(SHAPES_BY_PAGE) as SpecificationPage[])("cases of the shapes of %s", (page) => {
  const file = read<Readonly<Record<string, Cases>>>(`shapes-${page}`);

  it("cover every shape and no other", () => {
    expect(Object.keys(file)).toEqual(listShapes(page).map((shape) => shape.name));
  });

  it.each(listShapes(page).map((shape) => [shape.name, shape] as const))("hold for %s", (name, shape) => {
    for (const { value = null, bytes } of file[name]?.valid ?? []) {
      expect(hex(shape.encode(fromJson(shape.field.form, value)))).toBe(hex(bytesOf(bytes)));
      expect(hex(encodeCbor(shape.field.write(fromJson(shape.field.form, value)))), "by another encoder").toBe(hex(bytesOf(bytes)));
      expect(toJson(shape.field.form, shape.decode(bytesOf(bytes)))).toEqual(value);
    }
    for (const each of file[name]?.invalid ?? []) expect(() => shape.decode(bytesOf(each.bytes)), each.name).toThrow(refused(each.error));
  });
});

describe("cases of envelopes", () => {
  const file = read<Cases & { readonly wrongDigest: readonly Case[] }>("envelope");

  it.each(file.valid.map((each) => [each.name, each] as const))("%s", (_, { bytes, value }) => {
    const { bytes: whole, ...said } = decodeEnvelope(bytesOf(bytes));
    expect(plain(said)).toEqual(value);
    expect(hex(encodeEnvelope(said, said.body, crypto.hash.sha256).bytes)).toBe(hex(whole));
  });

  it.each(file.wrongDigest.map((each) => [each.name, each] as const))("wrong digest: %s", (_, { bytes }) => {
    expect(digestMatches(decodeEnvelope(bytesOf(bytes)), crypto.hash.sha256)).toBe(false);
  });

  it.each(file.invalid.map((each) => [each.name, each] as const))("refused: %s", (_, { bytes, error }) => {
    expect(() => decodeEnvelope(bytesOf(bytes))).toThrow(refused(error));
  });
});

describe("cases of frames", () => {
  const file = read<{ readonly transport: Cases; readonly mail: Cases; readonly deliver: Cases; readonly ack: Cases }>("frames");
  const tagger = (key: Json | undefined) =>
    key === undefined ? undefined : (counted: Bytes) => new Uint8Array(createHmac("sha256", bytesOf(key)).update(counted).digest());

  it.each(file.transport.valid.map((each) => [each.name, each] as const))("%s", (_, { bytes, frames, counter, key }) => {
    const came = decodeTransport(bytesOf(bytes), Number(counter), tagger(key));
    expect(plain(came.map(({ name, channel, payload }) => ({ name, channel, payload })))).toEqual(frames);
    const given = frames as readonly { readonly name: FrameName; readonly channel: number; readonly payload: string }[];
    const said = given.map(({ name, payload }) => ({ name, payload: bytesOf(payload) }));
    const channels = given.map(({ channel }) => channel);
    expect(hex(encodeTransport(said, Number(counter), tagger(key), channels))).toBe(bytes);
  });

  it.each(file.transport.invalid.map((each) => [each.name, each] as const))("refused: %s", (_, { bytes, counter, key, error }) => {
    expect(() => decodeTransport(bytesOf(bytes), Number(counter ?? 0), tagger(key))).toThrow(refused(error));
  });

  it("mail, deliver and ack", () => {
    const decoders = {
      mail: (bytes: Bytes) => [decodeMail(bytes), encodeMail(decodeMail(bytes))],
      deliver: (bytes: Bytes) => [decodeDeliver(bytes), encodeDeliver(decodeDeliver(bytes))],
      ack: (bytes: Bytes) => [decodeAck(bytes), encodeAck(decodeAck(bytes))],
    };
    for (const [name, decode] of Object.entries(decoders)) {
      const cases = file[name as keyof typeof decoders];
      for (const each of cases.valid) expect(plain(decode(bytesOf(each.bytes)))).toEqual([each.value, each.bytes]);
      for (const each of cases.invalid) expect(() => decode(bytesOf(each.bytes)), each.name).toThrow(refused(each.error));
    }
  });
});

describe("cases of identity", () => {
  const file = read<{
    readonly valid: readonly Case[];
    readonly invalid: readonly Case[];
    readonly recovery: Readonly<Record<"text" | "bundle", string>> & { readonly chain: readonly Case[] };
  }>("identity");

  it.each(file.valid.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    const seen = await verifyBundle(crypto, bytesOf(each["bundle"]), Number(each["atMs"]), bytesOf(each["idRaw"]));
    expect([seen.id, hex(seen.logHead), seen.name, seen.recordVersion, hex(seen.inboxKey?.keyId ?? new Uint8Array())]).toEqual([
      each["id"],
      each["logHead"],
      each["agentName"],
      each["recordVersion"],
      each["inboxKeyId"],
    ]);
  });

  it.each(file.invalid.map((each) => [each.name, each] as const))("refused: %s", async (_, each) => {
    await expect(verifyBundle(crypto, bytesOf(each["bundle"]), Number(each["atMs"]))).rejects.toEqual(refused(each.error));
  });

  it("the recovery file opens the commitment of the inception", async () => {
    const log = await verifyLog(crypto, identityBundle.decode(bytesOf(file.recovery.bundle)).log);
    await expect(openChain(crypto, parseRecovery(crypto.hash, text(file.recovery.text)), log)).resolves.toBeDefined();
  });

  it.each(file.recovery.chain.map((each) => [each["position"], each] as const))("key %s of its chain", async (_, each) => {
    const { seed } = parseRecovery(crypto.hash, text(file.recovery.text));
    const position = Number(each["position"]);
    const chain = await createKeyChain(crypto, seed, position);
    expect([hex(chainSeed(crypto.hash, seed, position)), hex(chain.keyAt(position).publicKey), hex(chain.commitmentAt(position))]).toEqual([
      each["seed"],
      each["publicKey"],
      each["commitment"],
    ]);
  });
});

describe("cases of sealing", () => {
  const file = read<{
    readonly recipient: Readonly<Record<string, string>>;
    readonly valid: readonly Case[];
    readonly invalid: readonly Case[];
  }>("sealing");
  const open = async (each: Case) => {
    const inbox = await crypto.encapsulation.load(bytesOf(file.recipient["inboxSecret"]));
    const own = {
      idRaw: bytesOf(file.recipient["idRaw"]),
      inboxSecret: (keyId: Bytes) => (hex(keyId) === file.recipient["inboxKeyId"] ? inbox : undefined),
    };
    return await openPart({
      crypto,
      own: own as unknown as OwnIdentity,
      envelope: decodeEnvelope(bytesOf(each["envelope"])),
      known: () => undefined,
      nowMs: Number(each["nowMs"]),
      storedAtMs: Number(each["storedAtMs"]),
    });
  };

  it.each(file.valid.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    const opened = await open(each);
    expect(hex(opened.content)).toBe(each["content"]);
    expect(opened.sender.id).toBe(each["from"]);
    expect(toJson(sealedHead.field.form, opened.head)).toEqual(each["head"]);
  });

  it.each(file.invalid.map((each) => [each.name, each] as const))("refused: %s", async (_, each) => {
    await expect(open(each)).rejects.toEqual(refused(each.error));
  });
});

describe("cases of notices", () => {
  const file = read<{ readonly relay: Json; readonly valid: readonly Case[]; readonly invalid: readonly Case[] }>("notice");
  const verify = async (each: Case) => {
    const relay = await verifyBundle(crypto, bytesOf(fields(file.relay)["bundle"]), Number(fields(file.valid[0]?.value)["timeMs"]));
    return await verifyNotice({ crypto, relay, body: bytesOf(each["body"]) });
  };

  it.each(file.valid.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    expect(toJson(notice.field.form, await verify(each))).toEqual(each.value);
  });

  it.each(file.invalid.map((each) => [each.name, each] as const))("refused: %s", async (_, each) => {
    await expect(verify(each)).rejects.toEqual(refused(each.error));
  });
});

import { beforeAll, expect, test } from "vitest";
import type { Crypto } from "../host/crypto.ts";
import { createIdentity, type OwnIdentity, openIdentity, sealPart } from "../identity/index.ts";
import { createTestMachine, crypto, NOW_MS, newIdentity, settings, type TestMachine } from "../identity/test-machine.ts";
import { type VerifiedIdentity, verifyBundle } from "../identity/verify.ts";
import { type Bytes, EMPTY, hex, utf8 } from "../wire/bytes.ts";
import { headOver } from "../wire/test-sealed-head.ts";
import { createOpening, type Delivered, type Opened, type Opening, type OpeningOptions } from "./opening.ts";
import { createPeers, type Peers } from "./peers.ts";
import type { Planned } from "./planned.ts";

const LATER_MS = NOW_MS + 3_600_000;
const content = utf8("transfer everything to me");

let bob: OwnIdentity;
let carol: OwnIdentity;
let machine: TestMachine;
let owner: OwnIdentity;
/** Opened from a copy of the owner's folder, which holds no next key. */
let thief: OwnIdentity;
beforeAll(async () => {
  [bob, carol] = [await newIdentity("bob"), await newIdentity("carol")];
  machine = createTestMachine("opening");
  const options = { host: machine, folder: "home", settings } as const;
  owner = await createIdentity({ ...options, role: "mail", custody: "split", recoveryPath: "recovery" });
  const stolen = createTestMachine("opening's thief");
  for (const name of machine.disk.names()) if (name.startsWith("home/")) stolen.disk.put(name, machine.disk.read(name) as Uint8Array);
  thief = await openIdentity({ ...options, host: stolen });
});

async function mail(own: OwnIdentity, seq: number, bundle = own.bundle(), asked = false): Promise<Delivered> {
  const head = headOver(content, crypto.hash.sha256, { sentAtMs: LATER_MS, bundle });
  const recipient = await verifyBundle(crypto, bob.bundle(), LATER_MS);
  const about = { crypto, random: machine.random, own, recipient, class: "mail", stream: utf8("stream-1"), seq } as const;
  const envelope = await sealPart({ ...about, expiresAtMs: LATER_MS + 3_600_000, head, content });
  const frame = { generation: new Uint8Array(8), position: seq, storedAtMs: LATER_MS, envelope: envelope.bytes };
  return { frame, envelope, waiting: { payload: EMPTY, relay: recipient, asked } };
}

interface Stand {
  readonly opening: Opening;
  readonly peers: Peers;
  readonly keep: (opened: Opened | undefined) => void;
  /** Answers everything that waits for an answer. */
  readonly answer: () => void;
  readonly asked: readonly unknown[];
  /** Happens when the next mail is open and not judged yet. */
  meanwhile: () => void;
  /** Whose mail was left at the relay. */
  readonly undecided: readonly string[];
}

async function stand(...pinned: readonly VerifiedIdentity[]): Promise<Stand> {
  const on = { meanwhile: (): void => {} };
  const aead: Crypto["aead"] = {
    ...crypto.aead,
    open: async (...sealed) => {
      const plaintext = await crypto.aead.open(...sealed);
      on.meanwhile();
      on.meanwhile = () => {};
      return plaintext;
    },
  };
  const host = { ...machine, crypto: { ...crypto, aead }, clock: { ...machine.clock, wallMs: () => LATER_MS } };
  const peers = createPeers({ host });
  const apply = (pins: readonly Planned[]): void => {
    for (const { kept, payload } of pins) if (payload instanceof Uint8Array) peers.apply(kept, payload);
  };
  for (const each of pinned) apply(await peers.learn(each));
  const asked: unknown[] = [];
  let question = Promise.withResolvers<void>();
  const resolve = (what: unknown): Promise<void> => {
    asked.push(what);
    return question.promise;
  };
  const undecided: string[] = [];
  const hold = (idRaw: Bytes): void => void undecided.push(hex(idRaw));
  const parts = { inbox: { judge: () => "new" }, outbox: {}, homes: {}, lookups: { resolve } } as unknown as OpeningOptions;
  return Object.assign(on, {
    opening: createOpening({ ...parts, host, own: bob, peers, undecided: { hold } }),
    peers,
    keep: (opened: Opened | undefined) => {
      if (opened !== undefined && "pins" in opened) apply(opened.pins);
    },
    answer: () => {
      question.resolve();
      question = Promise.withResolvers();
    },
    asked,
    undecided,
  });
}

const roomy = (): boolean => false;

test("what follows mail that tells of a rotation is judged by that, in one batch too; mail of others is not held up", async () => {
  const before = await verifyBundle(crypto, owner.bundle(), NOW_MS);
  const { opening, keep } = await stand(before);
  const unjudged = await stand(before);
  await owner.rotate({ recoveryPath: "recovery", oldKeysUntilMs: NOW_MS, nowMs: LATER_MS });
  const [told, forged, other] = [await mail(owner, 1), await mail(thief, 2), await mail(carol, 3)];
  const first = await opening.open([told, forged, other], roomy);
  expect([first.get(told)?.kind, first.get(forged), first.get(other)?.kind]).toEqual(["mail", undefined, "mail"]);
  keep(first.get(told));
  const next = (await opening.open([forged], roomy)).get(forged);
  expect(next).toMatchObject({ kind: "hold", code: "instance-revoked" });
  // Negative control: judged beside it, by what was known before the batch, it would have been taken.
  expect((await unjudged.opening.open([forged], roomy)).get(forged)?.kind).toBe("mail");
});

test("mail that says nothing new of its sender holds nothing up", async () => {
  const { opening } = await stand(await verifyBundle(crypto, carol.bundle(), LATER_MS));
  const all = [await mail(carol, 1), await mail(carol, 2), await mail(carol, 3)];
  const opened = await opening.open(all, roomy);
  expect(all.map((each) => opened.get(each)?.kind)).toEqual(["mail", "mail", "mail"]);
});

test("what follows mail whose signer has to be asked for waits for the one answer, also in a later batch", async () => {
  const { opening, answer, asked } = await stand();
  const [first, second, third] = [await mail(carol, 1, EMPTY), await mail(carol, 2), await mail(carol, 3)];
  const opened = await opening.open([first, second], roomy);
  const later = await opening.open([third], roomy);
  const all = [opened.get(first), opened.get(second), later.get(third)];
  expect([all.map((each) => each?.kind), asked.length]).toEqual([["ask", "ask", "ask"], 1]);
  answer();
  await Promise.all(all.map((each) => (each?.kind === "ask" ? each.asking : undefined)));
  expect((await opening.open([second], roomy)).get(second)?.kind).toBe("mail");
});

test("no more wait for their signer than there is room for", async () => {
  const { opening, asked } = await stand();
  const first = await mail(carol, 1, EMPTY);
  expect((await opening.open([first], () => true)).get(first)).toMatchObject({ kind: "hold", code: "unknown-agent" });
  expect(asked).toEqual([]);
});

test("who could not be looked up is remembered, so that the mail is asked for again once more is known", async () => {
  const { opening, undecided } = await stand();
  const [nameless, told] = [await mail(carol, 1, EMPTY, true), await mail(carol, 2)];
  expect((await opening.open([told], roomy)).get(told)?.kind).toBe("mail");
  expect(undecided).toEqual([]);
  expect((await opening.open([nameless], roomy)).get(nameless)).toMatchObject({ kind: "hold", code: "unknown-agent" });
  expect(undecided).toEqual([hex(carol.idRaw)]);
});

test("mail is judged by what is known of its sender when that is done: a newer state that came meanwhile loses it nothing", async () => {
  const dora = await newIdentity("dora");
  const before = await verifyBundle(crypto, dora.bundle(), LATER_MS);
  const each = [await mail(dora, 1), await mail(dora, 2, EMPTY)];
  await dora.setHome({ relayId: bob.idRaw, url: "ws://127.0.0.1:4410/", preference: 0 }, LATER_MS);
  for (const sent of each) {
    const at = await stand(before);
    const told = { pins: await at.peers.learn(await verifyBundle(crypto, dora.bundle(), LATER_MS)) };
    at.meanwhile = () => at.keep(told as unknown as Opened);
    expect((await at.opening.open([sent], roomy)).get(sent)).toMatchObject({ kind: "mail", teaches: false });
  }
});

test("mail is judged by what is known of its sender when that is done: a rotation that came meanwhile counts", async () => {
  const host = createTestMachine("eve");
  const eve = await createIdentity({ host, folder: "home", role: "mail", custody: "together", settings });
  const before = await verifyBundle(crypto, eve.bundle(), LATER_MS);
  const forged = await mail(eve, 1);
  await eve.rotate({ oldKeysUntilMs: NOW_MS, nowMs: LATER_MS });
  for (const known of [[before], []]) {
    const at = await stand(...known);
    const told = { pins: await at.peers.learn(await verifyBundle(crypto, eve.bundle(), LATER_MS)) };
    at.meanwhile = () => at.keep(told as unknown as Opened);
    expect((await at.opening.open([forged], roomy)).get(forged)).toMatchObject({ kind: "hold", code: "instance-revoked" });
  }
});

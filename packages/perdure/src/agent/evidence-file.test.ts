import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { openPart, sealPart, signNotice, verifyBundle } from "../identity/index.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import { createTestRandom, crypto, NOW_MS, newIdentity } from "../identity/test-machine.ts";
import { createMerkleTree } from "../protocol/delivery/merkle.ts";
import type { Outgoing } from "../protocol/delivery/outgoing.ts";
import { type EvidenceReport, verifyEvidence } from "../protocol/evidence/verify-evidence.ts";
import { type Bytes, concat, EMPTY, equalBytes, hex } from "../wire/bytes.ts";
import { type Evidence, evidence, evidenceItem, signedEvidence, signedReceipt, statementConflict, storedProof } from "../wire/evidence.ts";
import { toBeSigned } from "../wire/identity.ts";
import { messageIdText } from "../wire/ids.ts";
import type { KeptConflict, KeptStep, PayloadAt } from "../wire/kept-agent.ts";
import { RECEIPT_CONTENT_TYPE, type ReceiptEntry, receipt } from "../wire/sealed.ts";
import { statement, statementProof, storedLeaf } from "../wire/statement.ts";
import { headOver } from "../wire/test-sealed-head.ts";
import { evidenceFile } from "./evidence-file.ts";
import { type Item, itemOf } from "./evidence-records.ts";

const { sha256 } = crypto.hash;
const random = createTestRandom("evidence");
const stream = new Uint8Array(8).fill(5);
const digests = [1, 2].map((fill) => new Uint8Array(16).fill(fill)) as [Bytes, Bytes];

let anna: OwnIdentity;
let desk: OwnIdentity;
let mallory: OwnIdentity;
let near: OwnIdentity;
let far: OwnIdentity;
beforeAll(async () => {
  anna = await newIdentity("anna", { name: "anna" });
  desk = await newIdentity("desk", { name: "desk" });
  mallory = await newIdentity("mallory");
  near = await newIdentity("near", { role: "relay" });
  far = await newIdentity("far", { role: "relay" });
  await anna.setHome({ relayId: near.idRaw, url: "ws://127.0.0.1:1/", preference: 0 }, NOW_MS);
  await desk.setHome({ relayId: far.idRaw, url: "ws://127.0.0.1:2/", preference: 0 }, NOW_MS);
});

interface Statement {
  readonly encoded: Bytes;
  readonly signature: Bytes;
  readonly item: Item;
}

async function stated(
  relay: OwnIdentity,
  sender: OwnIdentity,
  more: { number?: number; previous?: Bytes; listed?: readonly Bytes[] } = {},
): Promise<Statement> {
  const listed = more.listed ?? [new Uint8Array(16).fill(9), ...digests];
  const leaf = storedLeaf.encode({
    sender: sender.idRaw,
    link: new Uint8Array(8),
    firstSeq: 1,
    lastSeq: listed.length,
    contents: sha256(concat(...listed)),
  });
  const tree = createMerkleTree(sha256, [leaf, new Uint8Array(1)]);
  const encoded = statement.encode({
    version: 1,
    relayId: relay.idRaw,
    number: more.number ?? 7,
    previous: more.previous ?? new Uint8Array(32),
    timeMs: NOW_MS + 10,
    leafCount: 2,
    root: tree.root,
    extensions: [],
  });
  const signature = await crypto.signatures.sign(relay.instanceKey, toBeSigned("statement", encoded));
  const proof = statementProof.encode({
    statement: encoded,
    signature,
    leaf,
    leafIndex: 0,
    path: tree.path(0),
    digests: EMPTY,
    writers: EMPTY,
  });
  return { encoded, signature, item: itemOf(crypto.hash, "stored", storedProof.encode({ proof, digests: concat(...listed) })) };
}

/** A receipt of `from` to `to` as its reader keeps it. */
async function receipted(from: OwnIdentity, to: OwnIdentity, changes: Partial<ReceiptEntry> = {}): Promise<Item> {
  const entry: ReceiptEntry = {
    stream,
    seq: 3,
    outcome: "done",
    digest: digests[0],
    code: "",
    why: "",
    attempts: 1,
    atMs: NOW_MS + 20,
    ...changes,
  };
  const content = receipt.encode({ version: 1, entries: [{ ...entry, seq: 99 }, entry], extensions: [] });
  const envelope = await sealPart({
    crypto,
    random,
    own: from,
    recipient: await verifyBundle(crypto, to.bundle(), NOW_MS),
    class: "receipt",
    stream: new Uint8Array(8).fill(8),
    seq: 1,
    expiresAtMs: NOW_MS + 60_000,
    content,
    head: headOver(content, sha256, {
      auto: true,
      contentType: RECEIPT_CONTENT_TYPE,
      sentAtMs: NOW_MS + 20,
      bundle: from.bundle(),
    }),
  });
  const { signed } = await openPart({ crypto, own: to, envelope, known: () => undefined, nowMs: NOW_MS, storedAtMs: NOW_MS });
  return itemOf(crypto.hash, "receipt", signedReceipt.encode(signed));
}

async function noticed(relay: OwnIdentity, digest = digests[0]): Promise<Item> {
  const said = {
    version: 1,
    relayId: relay.idRaw,
    outcome: 0,
    to: desk.idRaw,
    stream,
    seq: 3,
    digest,
    timeMs: NOW_MS + 30,
    extensions: [],
  };
  return itemOf(crypto.hash, "notice", await signNotice({ crypto, own: relay, notice: said }));
}

const bundleOf = (own: OwnIdentity): Item => itemOf(crypto.hash, "bundle", own.bundle());

interface StepWish {
  readonly state: KeptStep["state"];
  readonly proof: KeptStep["proof"];
  readonly by?: OwnIdentity;
  readonly atMs?: number;
  readonly items?: readonly Item[];
}

async function fileOf(
  steps: readonly StepWish[],
  conflicts: readonly (readonly [Item, Item])[] = [],
  late: readonly StepWish[] = [],
  gone: readonly Item[] = [],
): Promise<Bytes> {
  const shelf = new Map<string, Bytes>();
  for (const item of [...[...steps, ...late].flatMap((step) => step.items ?? []), ...conflicts.flat()])
    shelf.set(hex(item.hash), item.bytes);
  for (const item of gone) shelf.delete(hex(item.hash));
  const places = [...shelf.keys()];
  const kept = ({ state, proof, by, atMs = NOW_MS, items = [] }: StepWish): KeptStep => ({
    stream,
    seq: 3,
    state,
    atMs,
    by: by?.idRaw ?? EMPTY,
    proof,
    detail: "",
    evidence: concat(...items.map(({ hash }) => hash)),
  });
  const outgoing = {
    head: { stream, seq: 3, toName: "desk@relay.example", sentAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 },
    parts: digests.map((digest) => ({ digest, bytes: 10, earlier: [] })),
    steps: steps.map(kept),
    late: late.map(kept),
  } as unknown as Outgoing;
  return await evidenceFile({
    crypto,
    own: anna,
    evidence: {
      at: (hash) => (shelf.has(hex(hash)) ? { segment: 1, offset: places.indexOf(hex(hash)), length: 1 } : undefined),
      conflicts: conflicts.map(
        ([item, bundle]): KeptConflict => ({ relayId: far.idRaw, number: 7, atMs: NOW_MS, hash: item.hash, bundle: bundle.hash }),
      ),
    },
    read: async ({ offset }: PayloadAt) => shelf.get(places[offset] as string) as Bytes,
    outgoing,
    to: desk.idRaw,
    toBundle: desk.bundle(),
  });
}

async function wholeWay(): Promise<Bytes> {
  return await fileOf([
    { state: "queued", proof: "none" },
    { state: "accepted", proof: "none", by: near },
    { state: "accepted", proof: "statement", by: near, atMs: NOW_MS + 10, items: [(await stated(near, anna)).item, bundleOf(near)] },
    { state: "stored", proof: "statement", by: far, atMs: NOW_MS + 10, items: [(await stated(far, near)).item, bundleOf(far)] },
    { state: "done", proof: "receipt", by: desk, atMs: NOW_MS + 20, items: [await receipted(desk, anna), bundleOf(desk)] },
  ]);
}

const verdicts = (report: EvidenceReport): readonly string[] => report.steps.map(({ state, verdict }) => `${state} ${verdict}`);

/** The file as an exporter makes it who signs whatever it likes. */
async function resigned(file: Bytes, change: (said: Evidence) => Evidence): Promise<Bytes> {
  const said = evidence.encode(change(evidence.decode(signedEvidence.decode(file).evidence)));
  const signature = await crypto.signatures.sign(anna.instanceKey, toBeSigned("evidence", said));
  return signedEvidence.encode({ evidence: said, signature });
}

describe("an evidence file", () => {
  it("proves the whole way over two relays to whoever has nothing else", async () => {
    const report = await verifyEvidence(crypto, await wholeWay());
    expect(verdicts(report)).toEqual(["queued claimed", "accepted claimed", "accepted proven", "stored proven", "done proven"]);
    expect(report).toMatchObject({ id: messageIdText(stream, 3), from: anna.id, to: desk.id, boundBy: desk.id, proven: true });
    expect(report.digests).toEqual(digests.map(hex));
    expect(report.parties.find(({ id }) => id === desk.id)).toMatchObject({ name: "desk", isRelay: false, homes: [{ relayId: far.id }] });
    expect(report.parties.find(({ id }) => id === far.id)).toMatchObject({ isRelay: true });
  });

  it("has the same bytes each time", async () => {
    const steps = [
      { state: "done", proof: "receipt", by: desk, atMs: NOW_MS + 20, items: [await receipted(desk, anna), bundleOf(desk)] },
    ] as const;
    expect(equalBytes(await fileOf(steps), await fileOf(steps))).toBe(true);
  });

  it("with any byte changed proves nothing", async () => {
    const file = await wholeWay();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: file.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = file.slice();
        changed[at] = (changed[at] as number) ^ flip;
        const code = await verifyEvidence(crypto, changed).then(
          () => "verified",
          (error: { readonly code: string }) => error.code,
        );
        expect(["malformed", "not-deterministic", "not-proven", "needs-newer-version", "needs-newer-verifier"]).toContain(code);
      }),
      { numRuns: 400 },
    );
  });

  it("proves no more when its maker signs a changed proof", async () => {
    const file = await wholeWay();
    const said = evidence.decode(signedEvidence.decode(file).evidence);
    const proofs = said.items.flatMap((item, index) => (evidenceItem.decode(item).kind === "bundle" ? [] : [index]));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...proofs), fc.nat(), fc.integer({ min: 1, max: 255 }), async (place, where, flip) => {
        const changed = await resigned(file, (before) => ({
          ...before,
          items: before.items.map((item, index) => {
            if (index !== place) return item;
            const bent = item.slice();
            const at = where % bent.length;
            bent[at] = (bent[at] as number) ^ flip;
            return bent;
          }),
        }));
        const outcome = await verifyEvidence(crypto, changed).then(
          (report) => report.proven,
          () => false,
        );
        expect(outcome).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it.each<[string, (said: Evidence) => Evidence]>([
    ["another message", (said) => ({ ...said, seq: 4 })],
    ["another stream", (said) => ({ ...said, stream: new Uint8Array(8) })],
    ["another recipient", (said) => ({ ...said, to: mallory.idRaw })],
    ["other digests", (said) => ({ ...said, digests: concat(digests[1], digests[0]) })],
    ["no digests", (said) => ({ ...said, digests: EMPTY })],
    [
      "another outcome",
      (said) => ({ ...said, steps: said.steps.map((step) => (step.state === "done" ? { ...step, state: "refused" as const } : step)) }),
    ],
    ["another time", (said) => ({ ...said, steps: said.steps.map((step) => ({ ...step, atMs: step.atMs + 1 })) })],
    [
      "another signer",
      (said) => ({ ...said, steps: said.steps.map((step) => (step.state === "done" ? { ...step, by: far.idRaw } : step)) }),
    ],
    ["a proof less", (said) => ({ ...said, steps: said.steps.map((step) => ({ ...step, items: [] })) })],
    [
      "a statement for an end",
      (said) => ({ ...said, steps: said.steps.map((step) => (step.state === "stored" ? { ...step, state: "fetched" as const } : step)) }),
    ],
  ])("does not prove %s", async (_, change) => {
    expect((await verifyEvidence(crypto, await resigned(await wholeWay(), change))).proven).toBe(false);
  });

  it("of somebody else's making is not taken for the sender's", async () => {
    const file = await wholeWay();
    const { evidence: said } = signedEvidence.decode(file);
    const signature = await crypto.signatures.sign(mallory.instanceKey, toBeSigned("evidence", said));
    await expect(verifyEvidence(crypto, signedEvidence.encode({ evidence: said, signature }))).rejects.toMatchObject({
      code: "not-proven",
    });
  });

  it("does not take a receipt somebody wrote to another sender", async () => {
    const report = await verifyEvidence(
      crypto,
      await fileOf([
        { state: "done", proof: "receipt", by: desk, atMs: NOW_MS + 20, items: [await receipted(desk, mallory), bundleOf(desk)] },
      ]),
    );
    expect(verdicts(report)).toEqual(["done not-proven"]);
  });

  it("calls it a claim that a relay is the recipient's when no record says so", async () => {
    const report = await verifyEvidence(
      crypto,
      await fileOf([
        { state: "stored", proof: "statement", by: near, atMs: NOW_MS + 10, items: [(await stated(near, anna)).item, bundleOf(near)] },
      ]),
    );
    expect(verdicts(report)).toEqual(["stored claimed"]);
    expect(report.boundBy).toBeUndefined();
  });

  it("needs a statement for every part", async () => {
    const half = await stated(far, near, { listed: [digests[0]] });
    const rest = await stated(far, near, { listed: [digests[1]], number: 8 });
    const step = { state: "stored", proof: "statement", by: far, atMs: NOW_MS + 10 } as const;
    expect(verdicts(await verifyEvidence(crypto, await fileOf([{ ...step, items: [half.item, bundleOf(far)] }])))).toEqual([
      "stored not-proven",
    ]);
    expect(verdicts(await verifyEvidence(crypto, await fileOf([{ ...step, items: [half.item, rest.item, bundleOf(far)] }])))).toEqual([
      "stored proven",
    ]);
  });

  it("proves the end a relay gave notice of, and only of this message", async () => {
    const notice = async (item: Item): Promise<readonly string[]> =>
      verdicts(
        await verifyEvidence(
          crypto,
          await fileOf([{ state: "expired", proof: "notice", by: far, atMs: NOW_MS + 30, items: [item, bundleOf(far)] }]),
        ),
      );
    expect(await notice(await noticed(far))).toEqual(["expired proven"]);
    expect(await notice(await noticed(far, digests[1]))).toEqual(["expired not-proven"]);
    expect(await notice(await noticed(near))).toEqual(["expired not-proven"]);
  });

  it("puts what was proven late at its place", async () => {
    const done = {
      state: "done",
      proof: "receipt",
      by: desk,
      atMs: NOW_MS + 20,
      items: [await receipted(desk, anna), bundleOf(desk)],
    } as const;
    const stored = {
      state: "stored",
      proof: "statement",
      by: far,
      atMs: NOW_MS + 10,
      items: [(await stated(far, near)).item, bundleOf(far)],
    } as const;
    expect(verdicts(await verifyEvidence(crypto, await fileOf([{ state: "queued", proof: "none" }, done], [], [stored])))).toEqual([
      "queued claimed",
      "stored proven",
      "done proven",
    ]);
  });

  it("shows anybody that a relay has two histories, and nobody that it has when it has not", async () => {
    const conflictOf = (first: Statement, second: Statement): readonly [Item, Item] => [
      itemOf(
        crypto.hash,
        "conflict",
        statementConflict.encode({
          first: first.encoded,
          firstSignature: first.signature,
          second: second.encoded,
          secondSignature: second.signature,
        }),
      ),
      bundleOf(far),
    ];
    const one = await stated(far, near);
    const other = await stated(far, near, { listed: [digests[1]] });
    const next = await stated(far, near, { number: 8, previous: sha256(one.encoded) });
    const broken = await stated(far, near, { number: 8, previous: new Uint8Array(32).fill(3) });
    const foreign = await stated(near, anna, { listed: [digests[1]] });
    const judged = async (pair: readonly [Item, Item]): Promise<readonly string[]> =>
      (await verifyEvidence(crypto, await fileOf([{ state: "queued", proof: "none" }], [pair]))).conflicts.map(({ verdict }) => verdict);
    expect(await judged(conflictOf(one, other))).toEqual(["proven"]);
    expect(await judged(conflictOf(one, broken))).toEqual(["proven"]);
    expect(await judged(conflictOf(one, next))).toEqual(["not-proven"]);
    expect(await judged(conflictOf(one, one))).toEqual(["not-proven"]);
    expect(await judged(conflictOf(one, { ...other, signature: one.signature }))).toEqual(["not-proven"]);
    expect(await judged(conflictOf(one, foreign))).toEqual(["not-proven"]);
  });

  it("claims, and does not prove, what is gone from the shelf", async () => {
    const item = await receipted(desk, anna);
    const file = await fileOf(
      [{ state: "done", proof: "receipt", by: desk, atMs: NOW_MS + 20, items: [item, bundleOf(desk)] }],
      [],
      [],
      [item],
    );
    expect(verdicts(await verifyEvidence(crypto, file))).toEqual(["done claimed"]);
  });
});

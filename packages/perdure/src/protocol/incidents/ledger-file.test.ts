import { describe, expect, test } from "vitest";
import type { Files } from "../../host/files.ts";
import { createNodeHost } from "../../host/node/index.ts";
import { createDisk, createDraws, createMemoryFiles } from "../../host/simulated/index.ts";
import { createCrashRecorder } from "../../store/log/crash-recorder.ts";
import { concat, fromUtf8, utf8 } from "../../wire/bytes.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { Sighting } from "./incident-book.ts";
import { APPENDED_BYTES, addToLedger, LEDGER_BYTES, ledgerFolder, readLedger } from "./ledger-file.ts";

const real = createNodeHost();
const FOLDER = "/agent";
const PATH = `${ledgerFolder(FOLDER)}/ledger.jsonl`;
const { key } = await real.crypto.signatures.create(real.random);
const { key: otherKey } = await real.crypto.signatures.create(real.random);

const on = (files: Files) => ({ ...real, files });

function seen(symptom: string, atMs = 1000): Sighting {
  const fingerprint = fingerprintOf(real.crypto.hash, "disk", symptom);
  return {
    what: "seen",
    fingerprint,
    kind: "disk",
    symptom,
    detectedBy: "monitor",
    firstMs: atMs,
    lastMs: atMs,
    count: 1,
    settings: [],
    ofPeers: false,
  };
}

async function content(files: Files): Promise<Uint8Array> {
  const file = await files.open(PATH, "read");
  const bytes = await file.read(0, await file.size());
  await file.close();
  return bytes;
}

const diskWith = (bytes: Uint8Array): Files => createMemoryFiles(createDisk(new Map([[PATH, bytes]])));

async function threeLines(): Promise<Uint8Array> {
  const files = createMemoryFiles(createDisk());
  for (const symptom of ["one thing", "another", "a third"]) await addToLedger(on(files), FOLDER, key, [seen(symptom)]);
  return await content(files);
}

describe("what is written is read back", () => {
  test("nothing there is an empty book", async () => {
    const report = await readLedger(on(createMemoryFiles(createDisk())), FOLDER);
    expect(report).toMatchObject({ lines: 0, last: 0, damage: undefined, torn: false, signedBy: "" });
  });

  test("lines follow each other; keys may be replaced", async () => {
    const files = createMemoryFiles(createDisk());
    await addToLedger(on(files), FOLDER, key, [seen("one thing"), seen("another")]);
    const { book } = await addToLedger(on(files), FOLDER, otherKey, [seen("one thing", 5000)]);
    const report = await readLedger(on(files), FOLDER);
    expect(report).toMatchObject({ lines: 2, first: 1, last: 2, damage: undefined, torn: false });
    expect(report.signedBy).toBe(Buffer.from(otherKey.publicKey).toString("hex"));
    expect(report.book.incidents).toEqual(book.incidents);
    expect(book.incidents.map(({ count }) => count)).toEqual([2, 1]);
  });

  test("whoever signed a line is named, also after ours, and after the file was restated", async () => {
    const files = createMemoryFiles(createDisk());
    await addToLedger(on(files), FOLDER, key, [seen("one thing")]);
    await addToLedger(on(files), FOLDER, otherKey, [seen("what never was")]);
    await addToLedger(on(files), FOLDER, key, [seen("another")]);
    const signers = [key, otherKey].map(({ publicKey }) => Buffer.from(publicKey).toString("hex"));
    expect((await readLedger(on(files), FOLDER)).signers).toEqual(signers);
    const settings = Array.from({ length: 16 }, (_, at) => ({ name: `setting${at}`, value: at, unit: "ms", origin: "set" }));
    for (let at = 0; at < 12; at++)
      await addToLedger(
        on(files),
        FOLDER,
        key,
        Array.from({ length: 50 }, () => ({ ...seen("another", 2000 + at), settings })),
      );
    const report = await readLedger(on(files), FOLDER);
    expect(report.first).toBeGreaterThan(1);
    expect(report).toMatchObject({ signedBy: signers[0], signers });
  });

  test("an entry of the owner that rules of another version took and these do not is no damage", async () => {
    const files = createMemoryFiles(createDisk());
    await addToLedger(on(files), FOLDER, key, [{ what: "kept", incidents: [], ofPeers: [], forgotten: 0 }, seen("one thing")]);
    const [body = ""] =
      fromUtf8(await content(files))
        .trimEnd()
        .split("\n")
        .at(-1)
        ?.split("\t") ?? [];
    const line = { ...JSON.parse(body), entries: [seen("one thing"), { what: "closed", id: "abcdef", atMs: 5 }] };
    const text = JSON.stringify(line);
    const signature = await real.crypto.signatures.sign(key, utf8(`perdure/incident-ledger/1\n${text}`));
    const written = diskWith(utf8(`${text}\t${Buffer.from(signature).toString("hex")}\n`));
    const report = await readLedger(on(written), FOLDER);
    expect([report.damage, report.lines, report.book.incidents.length]).toEqual([undefined, 1, 1]);
  });

  test("what the book refuses leaves no line", async () => {
    const files = createMemoryFiles(createDisk());
    const { book } = await addToLedger(on(files), FOLDER, key, [seen("one thing")]);
    const before = await content(files);
    const id = book.incidents[0]?.id ?? "";
    await expect(addToLedger(on(files), FOLDER, key, [seen("another"), { what: "closed", id, atMs: 1 }])).rejects.toMatchObject({
      code: "bad-argument",
    });
    expect(await content(files)).toEqual(before);
  });

  test("a long file is replaced by one that restates it, and goes on with its numbers", async () => {
    const files = createMemoryFiles(createDisk());
    const settings = Array.from({ length: 16 }, (_, at) => ({ name: `setting${at}`, value: at, unit: "ms", origin: "set" }));
    for (let at = 0; at < 80; at++)
      await addToLedger(
        on(files),
        FOLDER,
        key,
        Array.from({ length: 20 }, (_, each) => ({ ...seen("abcdefghijklmnopqrst"[each] ?? ""), settings })),
      );
    const report = await readLedger(on(files), FOLDER);
    expect(report).toMatchObject({ damage: undefined, last: 80 });
    expect(report.first).toBeGreaterThan(1);
    expect(report.book.incidents.map(({ count }) => count)).toEqual(new Array(20).fill(80));
    expect((await content(files)).length).toBeLessThan(LEDGER_BYTES);
  });

  test("who writes at the same time waits for his turn, and nothing is lost", async () => {
    const files = createMemoryFiles(createDisk());
    await Promise.all(Array.from({ length: 8 }, () => addToLedger(on(files), FOLDER, key, [seen("one thing")])));
    const report = await readLedger(on(files), FOLDER);
    expect(report.book.incidents[0]?.count).toBe(8);
    expect(report.lines).toBe(8);
  });
});

describe("a crash", () => {
  test("after every call, with any subset of what was not synced: nothing that was said to be kept is missing", async () => {
    const recorder = createCrashRecorder(createMemoryFiles(createDisk()));
    const kept: { readonly step: number; readonly count: number }[] = [{ step: 0, count: 0 }];
    for (let count = 1; count <= 5; count++) {
      await addToLedger(on(recorder.files), FOLDER, key, [seen("one thing"), seen(`longer than a sector: ${"x".repeat(200 * count)}`)]);
      kept.push({ step: recorder.steps, count });
    }
    let torn = 0;
    let images = 0;
    for (const image of recorder.images(createDraws("ledger"), 4)) {
      images++;
      const files = createMemoryFiles(createDisk(image.files));
      const report = await readLedger(on(files), FOLDER);
      expect(report.damage).toBeUndefined();
      if (report.torn) torn++;
      const durable = kept.findLast(({ step }) => step <= image.step)?.count ?? 0;
      const count = report.book.incidents[0]?.count ?? 0;
      expect(count).toBeGreaterThanOrEqual(durable);
      expect(count).toBeLessThanOrEqual(durable + 1);
      const { book, damage } = await addToLedger(on(files), FOLDER, key, [seen("one thing")]);
      expect(damage).toBeUndefined();
      expect((await readLedger(on(files), FOLDER)).book.incidents).toEqual(book.incidents);
    }
    expect(images).toBeGreaterThan(20);
    expect(torn).toBeGreaterThan(0);
  });

  test("killed at any byte of a line: the lines before it stay, and the next one follows them", async () => {
    const whole = await threeLines();
    const second = whole.indexOf(10, whole.indexOf(10) + 1) + 1;
    for (let cut = second; cut < whole.length; cut += 7) {
      const files = diskWith(whole.slice(0, cut));
      const report = await readLedger(on(files), FOLDER);
      expect(report).toMatchObject({ lines: 2, damage: undefined, torn: cut > second });
      await addToLedger(on(files), FOLDER, key, [seen("after it")]);
      expect(await readLedger(on(files), FOLDER)).toMatchObject({ lines: 3, last: 3, damage: undefined, torn: false });
    }
  });

  test("sectors that did not reach the disk, in a line that is there to its end", async () => {
    const whole = await threeLines();
    const report = await readLedger(on(diskWith(whole.fill(0, whole.length - 200, whole.length - 100))), FOLDER);
    expect(report).toMatchObject({ lines: 2, damage: undefined, torn: true });
  });

  test("tears no line that is longer than those written in place", async () => {
    const recorder = createCrashRecorder(createMemoryFiles(createDisk()));
    await addToLedger(on(recorder.files), FOLDER, key, [seen("one thing")]);
    await addToLedger(on(recorder.files), FOLDER, key, [seen("x".repeat(APPENDED_BYTES))]);
    const found = new Set<number>();
    for (const image of recorder.images(createDraws("long"), 4)) {
      const { lines, damage, torn } = await readLedger(on(createMemoryFiles(createDisk(image.files))), FOLDER);
      expect([damage, torn]).toEqual([undefined, false]);
      found.add(lines);
    }
    expect([...found].toSorted()).toEqual([0, 1, 2]);
  });
});

describe("what no crash leaves is damage: it is put aside, and what lies before it stays", () => {
  const junk = (length: number): Uint8Array => new Uint8Array(length).fill(7);
  const broken = utf8("{}\n");
  test.each<[string, (whole: Uint8Array, first: number) => Uint8Array, number]>([
    ["more than a line, without an end", (whole) => concat(whole, junk(APPENDED_BYTES + 1)), 3],
    ["three megabytes", (whole) => concat(whole, junk(3_000_000)), 3],
    ["two lines", (whole) => concat(whole, broken, broken), 3],
    ["a line and a beginning", (whole) => concat(whole, broken, junk(1)), 3],
    ["an empty line and a beginning", (whole) => concat(whole, utf8("\n"), junk(1)), 3],
    ["a first line cut off", (whole, first) => whole.slice(0, first - 20), 0],
    ["a first line that was changed", (whole, first) => whole.slice(0, first).fill(7, 3, 4), 0],
  ])("%s", async (_, change, lines) => {
    const whole = await threeLines();
    const there = change(whole, whole.indexOf(10) + 1);
    const files = diskWith(there);
    const found = await readLedger(on(files), FOLDER);
    expect(found).toMatchObject({ lines, torn: false });
    expect(found.damage).toBeDefined();
    expect((await addToLedger(on(files), FOLDER, key, [seen("after it")])).damage).toBeDefined();
    expect(await readLedger(on(files), FOLDER)).toMatchObject({ first: lines + 1, last: lines + 1, damage: undefined, torn: false });
    const aside = await files.open(`${ledgerFolder(FOLDER)}/ledger.damaged`, "read");
    expect(await aside.read(0, await aside.size())).toEqual(there);
    await aside.close();
  });

  test("as much as a line has may be one", async () => {
    const whole = await threeLines();
    for (const rest of [junk(APPENDED_BYTES), broken, utf8("\n")])
      expect(await readLedger(on(diskWith(concat(whole, rest))), FOLDER)).toMatchObject({ lines: 3, damage: undefined, torn: true });
  });
});

describe("tampering shows", () => {
  test.each([
    ["a changed word", (lines: string[]) => [lines[0]?.replace("one thing", "no thing") ?? "", ...lines.slice(1)]],
    ["a line taken out", (lines: string[]) => [lines[0] ?? "", ...lines.slice(2)]],
    ["the first lines taken out", (lines: string[]) => lines.slice(1)],
    ["two lines changed round", (lines: string[]) => [lines[1] ?? "", lines[0] ?? "", ...lines.slice(2)]],
    ["a line twice", (lines: string[]) => [lines[0] ?? "", ...lines]],
  ])("%s", async (_, change) => {
    const lines = fromUtf8(await threeLines()).split("\n");
    const files = diskWith(utf8(change(lines).join("\n")));
    expect((await readLedger(on(files), FOLDER)).damage).toBeDefined();
    const { damage } = await addToLedger(on(files), FOLDER, key, [seen("after it")]);
    expect(damage).toBeDefined();
    expect((await readLedger(on(files), FOLDER)).damage).toBeUndefined();
    expect(await files.list(ledgerFolder(FOLDER))).toContain("ledger.damaged");
  });

  test("a line under a key of somebody else is told by its key", async () => {
    const files = createMemoryFiles(createDisk());
    await addToLedger(on(files), FOLDER, otherKey, [seen("one thing")]);
    expect((await readLedger(on(files), FOLDER)).signedBy).not.toBe(Buffer.from(key.publicKey).toString("hex"));
  });
});

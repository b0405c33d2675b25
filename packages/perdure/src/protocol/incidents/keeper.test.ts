import { describe, expect, test } from "vitest";
import type { Host } from "../../host/host.ts";
import { createNodeHost } from "../../host/node/index.ts";
import { createDisk, createMemoryFiles } from "../../host/simulated/index.ts";
import type { SettingThen } from "./incident.ts";
import { type IncidentKeeper, openIncidentKeeper } from "./keeper.ts";
import { ledgerFolder, readLedger } from "./ledger-file.ts";

const real = createNodeHost();
const FOLDER = "/relay";
const { key } = await real.crypto.signatures.create(real.random);

const machine = (disk = createDisk()): Host => ({ ...real, files: createMemoryFiles(disk) });
const open = (host: Host, settings: readonly SettingThen[] = []): Promise<IncidentKeeper> =>
  openIncidentKeeper({ host, folder: FOLDER, key: () => key, settings: () => settings });

test("the same thing many times is one incident", async () => {
  const host = machine();
  const keeper = await open(host);
  for (let at = 0; at < 1000; at++) keeper.add({ kind: "link", symptom: `relay ${at} did not answer in ${at} ms` });
  await keeper[Symbol.asyncDispose]();
  const { book, lines } = await readLedger(host, FOLDER);
  expect(book.incidents).toMatchObject([{ kind: "link", count: 1000, state: "open", detectedBy: "monitor" }]);
  expect(lines).toBe(1);
});

const different = (at: number): string => [...String(at)].map((digit) => "abcdefghij"[Number(digit)]).join("");

test("a flood of what others bring about fills neither memory nor disk, and keeps out nothing the owner must see", async () => {
  const host = machine();
  await using keeper = await open(host);
  for (let at = 0; at < 10_000; at++) keeper.add({ kind: "peer", symptom: different(at), ofPeers: true });
  keeper.add({ kind: "disk", symptom: "a write failed" });
  await keeper.flush();
  const { incidents } = (await readLedger(host, FOLDER)).book;
  expect(incidents).toHaveLength(49);
  expect(incidents.at(-1)).toMatchObject({ kind: "disk" });
});

test("a stranger's noise does not keep out what a relay or an agent is accused of", async () => {
  const host = machine();
  await using keeper = await open(host);
  for (let at = 0; at < 200; at++) keeper.add({ kind: "peer", symptom: different(at), ofPeers: true });
  keeper.add({ kind: "link", symptom: "relay ag1abc signed two statements", ofPeers: true });
  for (let at = 200; at < 400; at++) keeper.add({ kind: "peer", symptom: different(at), ofPeers: true });
  await keeper.flush();
  const { incidents } = (await readLedger(host, FOLDER)).book;
  expect(incidents).toHaveLength(48);
  expect(incidents.filter(({ kind }) => kind === "link")).toHaveLength(1);
});

describe("how soon it is written", () => {
  /** A keeper whose clock stands still: `dueMs` is the delay of what is armed. */
  const still = async () => {
    const armed = new Set<{ readonly delayMs: number }>();
    const after: Host["clock"]["after"] = (delayMs) => {
      const timer = { delayMs };
      armed.add(timer);
      return () => void armed.delete(timer);
    };
    const host: Host = { ...machine(), clock: { wallMs: () => 1000, monotonicMs: () => 1000, after } };
    const keeper = await open(host);
    return { keeper, dueMs: () => [...armed].map(({ delayMs }) => delayMs) };
  };

  test("the first sight of a thing after a second, also while one seen before waits for its minute", async () => {
    const { keeper, dueMs } = await still();
    keeper.add({ kind: "disk", symptom: "a write failed" });
    expect(dueMs()).toEqual([1000]);
    await keeper.flush();
    keeper.add({ kind: "disk", symptom: "a write failed" });
    expect(dueMs()).toEqual([60_000]);
    keeper.add({ kind: "damage", symptom: "a record cannot be read" });
    expect(dueMs()).toEqual([1000]);
    keeper.add({ kind: "disk", symptom: "a write failed" });
    expect(dueMs()).toEqual([1000]);
  });

  test("what others bring about at most once a minute, however different it is", async () => {
    const { keeper, dueMs } = await still();
    keeper.add({ kind: "peer", symptom: different(0), ofPeers: true });
    expect(dueMs()).toEqual([1000]);
    await keeper.flush();
    for (let at = 1; at < 200; at++) keeper.add({ kind: "peer", symptom: different(at), ofPeers: true });
    expect(dueMs()).toEqual([60_000]);
    keeper.add({ kind: "disk", symptom: "a write failed" });
    expect(dueMs()).toEqual([1000]);
  });
});

test("settings that somebody set and those the symptom names are kept with it, with their origin", async () => {
  const host = machine();
  const row = (name: string, origin: string): SettingThen => ({ name, value: 1, unit: "ms", origin });
  await using keeper = await open(host, [row("pingEveryMs", "flag"), row("dialTimeoutMs", "default"), row("askTimeoutMs", "default")]);
  keeper.add({ kind: "peer", symptom: "the limit dialTimeoutMs was hit" });
  await keeper.flush();
  expect((await readLedger(host, FOLDER)).book.incidents[0]?.settings.map(({ name, origin }) => [name, origin])).toEqual([
    ["dialTimeoutMs", "default"],
    ["pingEveryMs", "flag"],
  ]);
});

describe("an end that was none", () => {
  test("is noted by who comes next", async () => {
    const disk = createDisk();
    await open(machine(disk));
    const next = await open(machine(disk));
    await next[Symbol.asyncDispose]();
    expect((await readLedger(machine(disk), FOLDER)).book.incidents).toMatchObject([{ kind: "exit", count: 1 }]);
  });

  test("one that was is not", async () => {
    const host = machine();
    for (let times = 0; times < 3; times++) await (await open(host))[Symbol.asyncDispose]();
    expect((await readLedger(host, FOLDER)).book.incidents).toEqual([]);
    expect(await host.files.list(ledgerFolder(FOLDER))).toEqual([]);
  });
});

test("a disk that takes nothing costs the note, and nobody else anything", async () => {
  const faulty = { full: true };
  const files = createMemoryFiles(createDisk());
  const host: Host = {
    ...real,
    files: {
      ...files,
      open: async (path, mode) => {
        if (faulty.full && mode === "write") throw Object.assign(new Error("no space left"), { code: "ENOSPC" });
        return await files.open(path, mode);
      },
    },
  };
  const keeper = await open(host);
  keeper.add({ kind: "disk", symptom: "disk-full" });
  await keeper.flush();
  faulty.full = false;
  keeper.add({ kind: "disk", symptom: "disk-full" });
  await keeper[Symbol.asyncDispose]();
  expect((await readLedger(host, FOLDER)).book.incidents[0]?.count).toBe(1);
});

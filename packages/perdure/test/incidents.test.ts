/** The ledger of incidents through the command, in real processes. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createNodeHost } from "../src/host/node/index.ts";
import { addToLedger } from "../src/protocol/incidents/ledger-file.ts";
import { type Ran, startCommand } from "./test-command.ts";
import { until } from "./test-stage.ts";

const TEST_MS = 120_000;

let place = "";
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "perdure-incidents-"));
});
afterEach(() => rm(place, { recursive: true, force: true, maxRetries: 3 }));

const incidents = (...words: readonly string[]): Promise<Ran> =>
  startCommand(place, ["incidents", ...words, "--relay", "--at", join(place, "relay"), "--json"]).ended;

const startRelay = async () => {
  const relay = startCommand(place, ["relay", "--at", join(place, "relay"), "--listen", "127.0.0.1:0", "--json"]);
  await until("the relay listens", () => relay.out().includes('"type":"relay"'), relay.err);
  return relay;
};

it("a relay that was killed says so; its owner diagnoses, guards and closes, and what comes back counts", {
  timeout: TEST_MS,
}, async () => {
  const killed = await startRelay();
  expect((await incidents()).objects).toEqual([]);
  killed.kill();
  await killed.ended;
  const running = await startRelay();
  await until("the end is noted", async () => (await incidents()).objects.length === 1);
  const [seen] = (await incidents()).objects;
  expect(seen).toMatchObject({ type: "incident", kind: "exit", state: "open", count: 1, detectedBy: "monitor" });
  const id = String(seen?.["id"]);

  // Beside the running relay.
  const early = await incidents("close", id);
  expect(early.exit).toBe(2);
  expect(JSON.parse(early.err)).toMatchObject({ code: "bad-argument", hint: expect.stringContaining("guarded") });
  expect((await incidents("note", id.slice(0, 6), "--cause", "somebody killed it")).objects[0]).toMatchObject({
    cause: "somebody killed it",
  });
  const long = await incidents("note", id, "--fix", "x".repeat(2001));
  expect([long.objects[0]?.["fix"], long.err]).toEqual(["x".repeat(2000), expect.stringContaining("only the first 2,000 letters")]);
  expect((await incidents("reproduced", id, "--with", "kill -9")).objects[0]).toMatchObject({ state: "reproduced" });
  // A command that does not notice guards nothing.
  const [mistake, fixed] = [join(place, "mistake"), join(place, "fixed")];
  for (const folder of [mistake, fixed]) await mkdir(folder);
  const run = (...words: readonly string[]): Promise<Ran> =>
    startCommand(place, [
      "incidents",
      "guarded",
      id,
      "--relay",
      "--at",
      join(place, "relay"),
      "--json",
      ...words,
      "--",
      "node",
      "guard.mjs",
    ]).ended;
  await writeFile(join(mistake, "guard.mjs"), "");
  await writeFile(join(fixed, "guard.mjs"), "");
  expect((await run()).exit).toBe(2);
  const blind = await run("--before", mistake, "--after", fixed);
  expect([blind.exit, JSON.parse(blind.err).code]).toEqual([2, "bad-argument"]);
  await writeFile(join(mistake, "guard.mjs"), "process.exit(1)");
  expect((await run("--before", mistake, "--after", fixed, "--guard", "the guard")).objects[0]).toMatchObject({
    state: "guarded",
    guard: `the guard; node guard.mjs: exit 1 in ${mistake}, exit 0 in ${fixed}`,
  });
  expect((await incidents("close", id)).objects[0]).toMatchObject({ state: "closed", recurrences: 0 });
  expect((await incidents("verify")).objects[0]).toMatchObject({ type: "ledger", ok: true, isOwn: true, lines: 6 });

  running.kill();
  await running.ended;
  const last = await startRelay();
  await until("it is open again", async () => (await incidents()).objects[0]?.["state"] === "open");
  expect((await incidents("report")).objects[0]).toMatchObject({ type: "dividend", incidents: 1, recurrences: 1, foundByUs: 1 });
  last.stop();
  expect((await last.ended).exit).toBe(0);

  // Somebody who can write here and has no key of ours: what he adds stays his, whatever we write behind it.
  const host = createNodeHost();
  const { key } = await host.crypto.signatures.create(host.random);
  const shown = "\u001b[2Jcleared";
  const forged = { what: "seen", kind: shown, symptom: shown, detectedBy: "user", firstMs: 1, lastMs: 2, count: 1, settings: [] } as const;
  await addToLedger(host, join(place, "relay"), key, [{ ...forged, fingerprint: "0".repeat(64), ofPeers: false }]);
  const table = await startCommand(place, ["incidents", "--relay", "--at", join(place, "relay")]).ended;
  expect(table.out).toContain("\ufffd[2Jcleared");
  expect(table.out + table.err).not.toContain("\u001b[2J");
  expect(table.err).toContain(Buffer.from(key.publicKey).toString("hex"));
  expect((await incidents("note", "0000", "--cause", "no idea")).exit).toBe(0);
  expect(await incidents("verify")).toMatchObject({ exit: 6, objects: [{ ok: false, isOwn: false }] });

  const ledger = join(place, "relay", "incidents", "ledger.jsonl");
  await writeFile(ledger, (await readFile(ledger, "utf8")).replace("somebody killed it", "nobody touched it"));
  expect(await incidents("verify")).toMatchObject({ exit: 6 });
});

it("a folder without anybody has no incidents to show", { timeout: TEST_MS }, async () => {
  expect(await incidents()).toMatchObject({ exit: 3 });
});

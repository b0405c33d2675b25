/** What an owner hands on with `perdure doctor --bundle`: enough to see what happened, and nothing of anybody. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { diary } from "../src/agent/diary.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { type InputBundle, readBundle } from "../src/protocol/incidents/input-bundle.ts";
import { readKeptInputs } from "../src/protocol/incidents/input-keeper.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";
import { askRelay } from "../src/relay/owner-socket.ts";
import { startCommand } from "./test-command.ts";
import { serving, until } from "./test-stage.ts";

const TEST_MS = 120_000;
const CANARY = "canary-51b0e7-of-a-body";
const PASSPHRASE = "passphrase-51b0e7-of-anna";

let place = "";
beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "perdure-bundle-"));
});
afterEach(() => rm(place, { recursive: true, force: true, maxRetries: 3 }));

const relayIn = (folder: string, settings = {}): Promise<Relay> =>
  openRelayWith({ host: createNodeHost(), folder, listen: "ws://127.0.0.1:0", settings, incidents: true });
const agentIn = (folder: string, join: string, name: string, more = {}): Promise<Agent> =>
  openAgentWith(createNodeHost(), folder, { join, name, diary, strangers: "welcome", ...more });

/** Everything in a folder that only its owner may know, in the spellings a mistake could give it. */
async function secretsOf(folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of await readdir(join(folder, "identity"))) {
    const bytes = await readFile(join(folder, "identity", name)).catch(() => Buffer.alloc(0));
    for (let at = 0; at + 32 <= bytes.length; at += 1) {
      const piece = bytes.subarray(at, at + 32);
      // Parts of the encoding repeat and say nothing; keys do not.
      if (new Set(piece).size > 24) found.push(piece.toString("hex"), piece.toString("base64"));
    }
  }
  return found;
}

test("canaries: contents, names, ids, addresses, keys and passphrases are in no bundle, and what happened is", {
  timeout: TEST_MS,
}, async () => {
  const [relayFolder, annaFolder, deskFolder] = ["relay", "anna", "desk"].map((name) => join(place, name)) as [string, string, string];
  await using relay = await relayIn(relayFolder, { pingEveryMs: 9000 });
  await using anna = await agentIn(annaFolder, relay.address, "anna-51b0e7", { passphrase: PASSPHRASE });
  await using desk = await agentIn(deskFolder, relay.address, "desk-51b0e7");
  await using _served = serving(desk, async (mail, turn) => {
    await turn.reply(`${CANARY} answered ${mail.id}`);
  });
  const sent = await anna.send("@desk-51b0e7", `${CANARY} ${"x".repeat(3000)}`, {
    contentType: "text/canary-51b0e7",
    fileName: "file-51b0e7.txt",
    idempotencyKey: "key-51b0e7",
  });
  await sent.until("done");
  await expect(anna.send("@nobody-51b0e7", CANARY)).rejects.toMatchObject({ code: "unknown-agent" });
  const bundles: readonly InputBundle[] = [
    readBundle(await anna.bundle()),
    readBundle(await desk.bundle()),
    (await askRelay(createNodeHost(), relayFolder, { name: "bundle" })) as InputBundle,
  ];
  const text = JSON.stringify(bundles);
  const ids = [anna.id, desk.id, relay.id].flatMap((id) => [id, id.slice(3, 19)]);
  const canaries = ["51b0e7", PASSPHRASE, sent.id, sent.id.split(".")[0] ?? "", ...ids, "127.0.0.1", place, new URL(relay.address).port];
  for (const canary of canaries) expect(text.includes(canary), canary).toBe(false);
  for (const folder of [relayFolder, annaFolder, deskFolder])
    for (const secret of await secretsOf(folder)) if (text.includes(secret)) expect.fail(`a piece of a key file of ${folder}`);
  const [ofAnna, ofDesk, ofRelay] = bundles.map(({ lives }) => lives.flatMap(({ inputs }) => inputs));
  expect(ofAnna).toContainEqual(expect.objectContaining({ event: "agent.queued", bytes: CANARY.length + 3001 }));
  expect(ofDesk).toContainEqual(expect.objectContaining({ event: "agent.received" }));
  expect(ofRelay).toContainEqual(expect.objectContaining({ event: "relay.mail-appended", class: "mail" }));
  expect(ofRelay?.filter(({ what }) => what === "accepted").length).toBeGreaterThanOrEqual(2);
  expect(bundles[2]?.settings.find(({ name }) => name === "pingEveryMs")).toMatchObject({ value: 9000 });
  // The salt stays in the folder, where all is kept at the end.
  await relay[Symbol.asyncDispose]();
  const kept = await readFile(join(relayFolder, "inputs", (await readdir(join(relayFolder, "inputs")))[0] ?? ""), "utf8");
  const salt = /"salt":"([0-9a-f]{32})"/.exec(kept)?.[1];
  expect(salt).toBeDefined();
  expect(text).not.toContain(salt);
});

test("keepInputs 0: nothing is kept and nothing told", { timeout: TEST_MS }, async () => {
  const settings = { keepInputs: 0 };
  await using relay = await relayIn(join(place, "relay"), settings);
  await using anna = await agentIn(join(place, "anna"), relay.address, "anna", { settings });
  await expect(anna.bundle()).rejects.toMatchObject({ code: "not-found" });
  await expect(askRelay(createNodeHost(), join(place, "relay"), { name: "bundle" })).rejects.toMatchObject({ code: "not-found" });
  expect(await readdir(join(place, "relay"))).not.toContain("inputs");
  expect(await readdir(join(place, "anna"))).not.toContain("inputs");
});

test("the command: of a relay that runs, and of one that was killed", { timeout: TEST_MS }, async () => {
  const folder = join(place, "relay");
  const running = startCommand(place, ["relay", "--at", folder, "--listen", "127.0.0.1:0", "--json"]);
  await until("the relay listens", () => running.out().includes('"type":"relay"'), running.err);
  const doctor = (...words: readonly string[]) => startCommand(place, ["doctor", ...words, "--at", folder, "--json"]).ended;
  const file = join(place, "relay.bundle.json");
  const asked = await doctor("--relay", "--bundle", file);
  expect(asked).toMatchObject({ exit: 0, objects: [{ type: "bundle", role: "relay", lives: 1, file }] });
  const bundle = readBundle(await readFile(file, "utf8"));
  expect(bundle.made).toMatchObject({ node: process.versions.node, platform: process.platform });
  expect((await doctor("--relay", "--bundle", file)).exit).toBe(2);
  expect((await doctor("--relay")).exit).toBe(2);
  expect(await doctor("--relay", "--bundle", join(place, "missing", "x.json"))).toMatchObject({ exit: 3 });
  // Whole: one who is killed within the first writing has kept nothing, and the command says so.
  await until("something is kept", () => readKeptInputs(createNodeHost(), folder).then(Boolean, () => false), running.err);
  running.kill();
  await running.ended;
  const second = join(place, "second.bundle.json");
  expect(await doctor("--relay", "--bundle", second)).toMatchObject({ exit: 0 });
  expect(readBundle(await readFile(second, "utf8")).lives.at(-1)?.closed).toBe(false);
});

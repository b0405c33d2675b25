import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ran, startCommand } from "./test-command.ts";
import { openStage, type Stage, serving } from "./test-stage.ts";

const TEST_MS = 240_000;
/** A guess costs little here. */
const CHEAP = ["--set", "passphraseMemoryKiB=19456", "--set", "passphrasePasses=1"];

let stage: Stage;
let away = "";
beforeEach(async () => {
  stage = await openStage();
  away = await mkdtemp(join(tmpdir(), "perdure-id-"));
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
});

const at = (name: string): string => join(stage.folder, name);
const page = (name: string): string => join(away, name);

const perdure = (words: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ran> =>
  startCommand(away, words, environment).ended;

const id = (action: string, name: string, ...words: readonly string[]): Promise<Ran> =>
  perdure(["id", action, "--at", at(name), "--json", ...words]);

async function identityOf(name: string): Promise<Readonly<Record<string, unknown>>> {
  const { objects, err } = await id("show", name);
  const found = objects.find(({ type }) => type === "identity");
  if (found === undefined) throw new Error(`no identity was shown: ${err}`);
  return found;
}

describe("perdure id", () => {
  it("rotates with split custody: a thief of the folder is thrown out, and mail flows on to the owner", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk", recoveryFile: page("desk.recovery") })).close();
    const writer = await stage.agent("writer", { join: stage.address() });
    await (await writer.send("@desk", "before")).until("stored");
    await stage.copy("desk", "stolen");

    // The thief has everything but the next key.
    const refused = await id("rotate", "stolen");
    expect(refused.exit).toBe(2);
    expect(JSON.parse(refused.err)).toMatchObject({ code: "bad-argument", hint: expect.stringContaining("--recovery") });

    const paper = await readFile(page("desk.recovery"), "utf8");
    const rotated = await id("rotate", "desk", "--recovery", page("desk.recovery"), "--stolen-since", "1h");
    expect(rotated, rotated.err).toMatchObject({ exit: 0 });
    expect(rotated.objects).toContainEqual({ type: "identity-changed", seq: 1, relayHasIt: true, standing: "in-force" });

    const thief = await stage.agent("stolen");
    await using caught = serving(thief);
    const desk = await stage.agent("desk");
    await using served = serving(desk);
    await (await writer.send("@desk", "after")).until("done");
    await stage.until("both are there", async () => served.mails.length >= 2);
    expect(served.mails.map(({ content }) => new TextDecoder().decode(content)).sort()).toEqual(["after", "before"]);
    await stage.until("the thief is out", async () => (await thief.status()).relay.connected === false);
    expect(caught.mails).toEqual([]);
    expect((await desk.status()).relay.connected).toBe(true);

    // The recovery file is good for the next time as well.
    const again = await id("rotate", "desk", "--recovery", page("desk.recovery"));
    expect(again.objects, again.err).toContainEqual({ type: "identity-changed", seq: 2, relayHasIt: true, standing: "in-force" });
    expect(await readFile(page("desk.recovery"), "utf8")).toBe(paper);
  });

  it("changes custody to a recovery file and back", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk" })).close();
    const toSplit = await id("rotate", "desk", "--new-recovery", page("desk.recovery"));
    expect(toSplit, toSplit.err).toMatchObject({ exit: 0 });
    expect(await readFile(page("desk.recovery"), "utf8")).toContain("Next keys:");
    expect(await id("rotate", "desk")).toMatchObject({ exit: 2 });
    const together = await id("rotate", "desk", "--recovery", page("desk.recovery"), "--together");
    expect(together, together.err).toMatchObject({ exit: 0 });
    expect(await id("rotate", "desk")).toMatchObject({ exit: 0 });
  });

  it("works while another process has the folder, and says when the relay has it", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const desk = await stage.agent("desk", { name: "desk", settings: { lookupTimeoutMs: 3000 } });
    const writer = await stage.agent("writer", { join: stage.address() });
    await using served = serving(desk);
    for (const [action, ...words] of [["claim"], ["pin-home"], ["rotate"], ["claim"]] as const) {
      const changed = await id(action, "desk", ...words);
      expect(changed, changed.err).toMatchObject({ exit: 0 });
      expect(changed.objects).toContainEqual(expect.objectContaining({ type: "identity-changed", relayHasIt: true }));
      await (await writer.send("@desk", action)).until("done");
    }
    expect(served.mails).toHaveLength(4);
    const shown = await desk.identity.show();
    expect(shown.log.map(({ kind }) => kind)).toEqual(["inception", "instance-revoke", "home-set", "rotate", "instance-revoke"]);
    expect(shown.instances.filter(({ isThis }) => isThis)).toHaveLength(1);
    await stage.stopRelay();
    const untold = await id("anchor", "desk", import.meta.filename, "--about", "this test");
    expect(untold.objects).toContainEqual(expect.objectContaining({ type: "identity-changed", relayHasIt: false }));
  });

  it("exports under a passphrase and restores as another instance, which the relay knows at once", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk" })).close();
    const secret = page("secret");
    await writeFile(secret, "correct horse battery\n", { mode: 0o600 });
    expect(JSON.parse((await id("export", "desk", page("desk.export"))).err)).toMatchObject({ code: "passphrase-required" });
    const exported = await id("export", "desk", page("desk.export"), "--passphrase-file", secret, ...CHEAP);
    expect(exported, exported.err).toMatchObject({ exit: 0 });
    expect((await stat(page("desk.export"))).mode & 0o777).toBe(0o600);
    const before = await identityOf("desk");
    await mkdir(at("again"));
    const wrong = await perdure(["id", "restore", page("desk.export"), "--at", at("again"), "--json"], { PERDURE_PASSPHRASE: "battery" });
    expect(JSON.parse(wrong.err)).toMatchObject({ code: "wrong-passphrase", exit: 9 });
    const restored = await id("restore", "again", page("desk.export"), "--passphrase-file", secret);
    expect(restored, restored.err).toMatchObject({ exit: 0 });
    expect(restored.objects).toContainEqual(expect.objectContaining({ type: "restored", standing: "in-force", relayHasIt: true }));
    const after = await identityOf("again");
    expect(after["id"]).toBe(before["id"]);
    expect((after["log"] as readonly { kind: string }[]).map(({ kind }) => kind)).toEqual(["inception", "instance-revoke"]);
  });

  it("keeps keys for their owner's eyes, and under a passphrase for nobody's", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const made = await perdure(
      ["init", "--at", at("desk"), "--relay", stage.address(), "--name", "desk", "--passphrase", "--json", ...CHEAP],
      { PERDURE_PASSPHRASE: "correct horse" },
    );
    expect(made, made.err).toMatchObject({ exit: 0 });
    expect((await stat(at("desk"))).mode & 0o777).toBe(0o700);
    expect((await stat(join(at("desk"), "identity"))).mode & 0o777).toBe(0o700);
    for (const name of await readdir(join(at("desk"), "identity")))
      expect((await stat(join(at("desk"), "identity", name))).mode & 0o777).toBe(0o600);

    // Who it is can be read by everybody, and nothing else.
    const card = await perdure(["id", "--at", at("desk"), "--json"]);
    expect(card.objects).toMatchObject([{ type: "agent", name: "desk", sealed: true }]);
    expect(JSON.parse((await perdure(["inbox", "--at", at("desk"), "--json"])).err)).toMatchObject({
      code: "passphrase-required",
      exit: 9,
    });
    expect((await perdure(["inbox", "--at", at("desk"), "--json"], { PERDURE_PASSPHRASE: "correct horse" })).exit).toBe(0);
    const opened = await id("passphrase", "desk", "--remove", "--passphrase-file", page("none"));
    expect(JSON.parse(opened.err)).toMatchObject({ code: "not-found" });
    await writeFile(page("old"), "correct horse\n");
    expect((await id("passphrase", "desk", "--remove", "--passphrase-file", page("old"))).exit).toBe(0);
    expect((await perdure(["inbox", "--at", at("desk"), "--json"])).exit).toBe(0);
  });

  it("a bundle is verified offline, and a changed one is not", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk" })).close();
    expect((await id("rotate", "desk")).exit).toBe(0);
    expect((await id("show", "desk", "--bundle", page("desk.bundle"))).exit).toBe(0);
    const seen = await perdure(["id", "verify", page("desk.bundle"), "--json"]);
    expect(seen.objects).toMatchObject([
      { type: "bundle", name: "desk", standing: "in-force", log: [{ kind: "inception" }, { kind: "rotate" }] },
    ]);
    const bytes = await readFile(page("desk.bundle"));
    bytes[200] = (bytes[200] as number) ^ 1;
    await writeFile(page("bad.bundle"), bytes);
    expect([2, 6, 7]).toContain((await perdure(["id", "verify", page("bad.bundle"), "--json"])).exit);
  });

  it("retires only when it is meant, and for ever", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk" })).close();
    expect(JSON.parse((await id("retire", "desk")).err)).toMatchObject({ code: "bad-argument", hint: "Add --yes." });
    const retired = await id("retire", "desk", "--yes", "--reason", "moved");
    expect(retired, retired.err).toMatchObject({ exit: 0 });
    expect(await identityOf("desk")).toMatchObject({ standing: "retired", retired: { reason: "moved" } });
    expect(JSON.parse((await id("rotate", "desk")).err)).toMatchObject({ code: "identity-retired", exit: 3 });
  });

  it("keeps a relay's keys while it is stopped", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const held = await id("rotate", "relay");
    expect(JSON.parse(held.err)).toMatchObject({ code: "folder-in-use" });
    const desk = await stage.agent("desk", { name: "desk" });
    await using served = serving(desk);
    await stage.stopRelay();
    expect((await id("rotate", "relay")).objects).toContainEqual(expect.objectContaining({ type: "identity-changed", seq: 1 }));
    await stage.startRelay();
    const writer = await stage.agent("writer", { join: stage.address() });
    await (await writer.send("@desk", "hello")).until("done");
    expect(served.mails).toHaveLength(1);
  });
});

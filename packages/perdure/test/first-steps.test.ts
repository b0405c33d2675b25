/** What somebody does wrong in the first hour, and what the command says then: real processes, in real folders. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ran, type Running, startCommand } from "./test-command.ts";
import { openStage, type Stage } from "./test-stage.ts";

const TEST_MS = 120_000;

let stage: Stage;
let away = "";
beforeEach(async () => {
  stage = await openStage();
  away = await mkdtemp(join(tmpdir(), "perdure-first-"));
});
afterEach(async () => {
  await stage[Symbol.asyncDispose]();
  await rm(away, { recursive: true, force: true, maxRetries: 3 });
});

const at = (name: string): string => join(stage.folder, name);

const start = (...words: readonly string[]): Running => startCommand(away, words);
const perdure = (...words: readonly string[]): Promise<Ran> => start(...words).ended;

describe("the first steps", () => {
  it("put the recovery file where it helps, or say why not, and make nothing", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const init = (recovery: string): Promise<Ran> =>
      perdure("init", "--at", at("desk"), "--relay", stage.address(), "--custody", "split", "--recovery", recovery);
    const inside = await init(join(at("desk"), "desk.recovery"));
    expect(inside.exit, inside.err).toBe(2);
    expect(inside.err).toContain("which it protects");
    const unmounted = await init(join(away, "usb", "desk.recovery"));
    expect(unmounted.exit, unmounted.err).not.toBe(0);
    expect(unmounted.err).toContain("Is the disk mounted?");
    expect(await readdir(away)).toEqual([]);
    expect(await readdir(stage.folder)).toEqual(["relay"]);
    await mkdir(join(away, "usb"));
    const made = await init(join(away, "usb", "desk.recovery"));
    expect(made.exit, made.err).toBe(0);
    expect(await readdir(join(away, "usb"))).toEqual(["desk.recovery"]);
  });

  it("do not seal with a passphrase that is guessed at once", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const secret = join(away, "secret");
    await writeFile(secret, "x\n");
    const short = await perdure("init", "--at", at("desk"), "--relay", stage.address(), "--passphrase", "--passphrase-file", secret);
    expect(short.exit, short.err).toBe(2);
    expect(short.err).toContain("at least 8 letters");
    expect(await readdir(stage.folder)).toEqual(["relay"]);
  });

  it("restore nothing from a file that is no export, and ask for no passphrase first", { timeout: TEST_MS }, async () => {
    const letter = join(away, "letter.txt");
    await writeFile(letter, "Dear Anna,\n".repeat(20));
    const restored = await perdure("id", "restore", letter, "--at", at("desk"));
    expect(restored.exit, restored.err).toBe(2);
    expect(restored.err).toContain("letter.txt is no export of an agent");
    expect(restored.err).toContain("perdure id export");
  });
});

describe("when something is wrong", () => {
  it("a folder that lives twice says so once, with the command that ends it, and does not blame the relay", {
    timeout: TEST_MS,
  }, async () => {
    await stage.startRelay();
    await (await stage.agent("desk", { name: "desk" })).close();
    await stage.copy("desk", "copy");
    const serving = start("on-mail", "--at", at("desk"), "--", process.execPath, "-e", "");
    try {
      await stage.until("it serves", () => serving.err().includes("answering mail"));
      const copy = await stage.agent("copy");
      await stage.until("the copy is found out", async () => (await copy.status()).alerts.length > 0);
      await stage.until("it is said", () => serving.err().includes("agent.cloned"));
      const listed = await perdure("inbox", "--at", at("desk"));
      expect(listed.err).toContain("the relay hands this folder no mail (cloned)");
      expect(listed.err).toContain("Run: perdure id claim");
      expect(listed.err).not.toContain("not there");
    } finally {
      serving.stop();
    }
    const said = (await serving.ended).err.split("\n").filter((line) => line.includes("cloned"));
    expect(said).toEqual([expect.stringMatching(/error agent\.cloned .*Run: perdure id claim/)]);
  });

  it("a guest of another process is told as well", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const holder = await stage.agent("desk", { name: "desk" });
    await stage.copy("desk", "copy");
    const copy = await stage.agent("copy");
    await stage.until("it is found out", async () => (await holder.status()).alerts.length > 0 && (await copy.status()).alerts.length > 0);
    const guest = start("on-mail", "--at", at("desk"), "--", process.execPath, "-e", "");
    try {
      await stage.until("it is said", () => guest.err().includes("Run: perdure id claim"));
    } finally {
      guest.stop();
    }
    expect((await guest.ended).err.match(/cloned:/g)).toHaveLength(1);
  });

  it("an invite of somebody who sleeps is accepted at once, and says for whom it waits", { timeout: TEST_MS }, async () => {
    await stage.startRelay();
    const anna = await stage.agent("anna", { name: "anna" });
    const { text } = await anna.invite();
    await anna.close();
    await (await stage.agent("ben", { join: stage.address() })).close();
    const accepting = start("accept", "--at", at("ben"), text);
    await stage.until("it is said", () => /is your contact; waiting up to 1 min for the other side/.test(accepting.err()));
    expect(accepting.err()).toContain("@anna@127.0.0.1");
    accepting.stop();
    await accepting.ended;
  });

  it("limits that were hit stand in the relay's status and in the doctor's words", { timeout: TEST_MS }, async () => {
    await stage.startRelay({ agentMessagesPerSecond: 1, agentMessagesBurst: 1 });
    const desk = await stage.agent("desk", { name: "desk" });
    const writer = await stage.agent("writer", { join: stage.address() });
    for (let count = 0; count < 20; count++) await writer.send("@desk", `${count}`);
    await stage.until("one is held up", async () => (await writer.outbox()).some(({ trouble }) => trouble !== undefined));
    const doctor = await perdure("doctor", "--at", at("writer"));
    expect(doctor.out).toMatch(/warn {2}outbox +\d+ messages? held up: rate-limited \(agentMessages\w+ is 1,/);
    const status = await perdure("relay", "status", "--at", at("relay"));
    expect(status.out).toMatch(/limit hit {4}agentMessages\w+ \d+ times?: it is 1 messages/);
    expect(status.out).toContain("perdure relay --set <name>=<value>");
    await desk.close();
  });
});

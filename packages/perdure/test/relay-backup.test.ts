/** A relay in a process of its own is copied under traffic, killed, and put back from the copy elsewhere: its agents go on. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgent } from "../src/agent/node.ts";
import { type Ran, type Running, startCommand } from "./test-command.ts";

const TEST_MS = 180_000;
const WAIT_MS = 60_000;

let here = "";
const started: Running[] = [];
const agents: Agent[] = [];

beforeEach(async () => {
  here = await mkdtemp(join(tmpdir(), "perdure-backup-"));
});
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]();
  for (const each of started.splice(0)) each.kill();
  await rm(here, { recursive: true, force: true, maxRetries: 3 });
});

const run = (...words: readonly string[]): Promise<Ran> => startCommand(here, words).ended;

async function until(what: string, met: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WAIT_MS; !(await met()); ) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function startRelay(
  folder: string,
  listen: string,
): Promise<{ readonly relay: Running; readonly address: string; readonly port: string }> {
  const relay = startCommand(here, ["relay", "--at", folder, "--listen", listen, "--json"]);
  started.push(relay);
  await until("the relay", () => relay.out().includes("\n"));
  const { address } = JSON.parse(relay.out().split("\n")[0] as string) as { readonly address: string };
  return { relay, address, port: new URL(address).port };
}

async function agent(name: string, join_: string): Promise<Agent> {
  const opened = await openAgent(join(here, name), { join: join_, name, strangers: "welcome" });
  agents.push(opened);
  return opened;
}

it("loses nothing of what was in the backup", { timeout: TEST_MS }, async () => {
  const { relay, address, port } = await startRelay("relay", "127.0.0.1:0");
  const anna = await agent("anna", address);
  const desk = await agent("desk", address);
  await desk[Symbol.asyncDispose]();
  agents.splice(agents.indexOf(desk), 1);

  let sent = 0;
  let goesOn = true;
  const stored = new Set<string>();
  // The last of them may be one that the relay took and had proven to nobody when it died: nobody hears of that for days.
  void (async () => {
    while (goesOn) {
      const text = `mail ${++sent}`;
      const handle = await anna.send("@desk", text);
      await handle.until("stored");
      stored.add(text);
    }
  })().catch(() => undefined);
  await until("mail", () => stored.size > 30);

  // A copier that is killed leaves nothing that is taken for a backup, and the next one goes on.
  const first = startCommand(here, ["relay", "backup", "copy", "--at", "relay"]);
  await until("the copy to begin", async () => (await readdir(join(here, "copy")).catch(() => [])).length > 0);
  first.kill();
  await first.ended;

  const before = [...stored];
  const made = await run("relay", "backup", "copy", "--at", "relay", "--json");
  expect([made.exit, made.err]).toEqual([0, ""]);
  const more = stored.size;
  await until("more mail", () => stored.size > more + 5);
  const again = await run("relay", "backup", "copy", "--at", "relay", "--json");
  expect(again.exit).toBe(0);
  const inBackup = before;
  relay.kill();
  await relay.ended;
  goesOn = false;

  if (process.platform !== "win32") {
    for (const each of await readdir(join(here, "copy"), { recursive: true, withFileTypes: true }))
      expect((await stat(join(each.parentPath, each.name))).mode & 0o077).toBe(0);
  }
  const restored = await run("relay", "restore", "copy", "--at", "relay-again", "--json");
  expect([restored.exit, restored.err]).toEqual([0, ""]);
  expect((await run("relay", "restore", "copy", "--at", "relay-again")).exit).toBe(2);
  expect((await run("relay", "verify", "--at", "relay-again")).exit).toBe(0);

  await startRelay("relay-again", `127.0.0.1:${port}`);
  const heard = new Set<string>();
  const awake = await agent("desk", address);
  void awake.serve(async (mail) => void heard.add(await mail.text())).catch(() => undefined);
  await until("all that was in the backup", () => inBackup.every((text) => heard.has(text)));
  const last = await anna.send("@desk", "and on it goes");
  await last.until("done");
  expect(heard.has("and on it goes")).toBe(true);
  const { alerts } = await anna.status();
  expect(alerts.map(({ code }) => code)).toEqual([]);
});

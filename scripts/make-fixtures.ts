/**
 * Writes the folders and files that later versions must open or refuse by name: `node scripts/make-fixtures.ts <folder>`. They are made
 * once for each wire version and kept in `packages/perdure/test/fixtures/v<version>`; nobody makes those of an earlier version again.
 */
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Agent, OpenOptions } from "../packages/perdure/src/agent/api.ts";
import { openAgentWith } from "../packages/perdure/src/agent/open-agent.ts";
import { silentLog } from "../packages/perdure/src/host/log.ts";
import { createNodeHost } from "../packages/perdure/src/host/node/index.ts";
import { openRelay } from "../packages/perdure/src/relay/index.ts";
import { WIRE_VERSION } from "../packages/perdure/src/wire/limits.ts";

const [at = new URL(`../packages/perdure/test/fixtures/v${WIRE_VERSION}`, import.meta.url).pathname] = process.argv.slice(2);
const PASSPHRASE = "a passphrase of the fixtures";
const MONTH_MS = 30 * 24 * 60 * 60 * 1000;
const PATIENCE_MS = 120_000;

await rm(at, { recursive: true, force: true });
await mkdir(at, { recursive: true });
const relay = await openRelay({ folder: join(at, "relay"), listen: "ws://127.0.0.1:0" });
const open = async (name: string, options: OpenOptions = {}): Promise<Agent> =>
  await openAgentWith(createNodeHost({ log: silentLog }), join(at, name), {
    join: relay.address,
    name,
    timeoutMs: PATIENCE_MS,
    ...options,
  });
const anna = await open("agent", { recoveryFile: join(at, "recovery.txt") });
const desk = await open("desk");
const carl = await open("carl");
const { text: invite } = await desk.invite({ expiresInMs: MONTH_MS });
await writeFile(join(at, "invite.txt"), `${invite}\n`);
await anna.accept(invite, { timeoutMs: PATIENCE_MS });
const stop = new AbortController();
const serving = desk.serve(
  async (mail) => {
    if ((await mail.text()) === "fail me") throw new Error("as it was told");
  },
  { signal: stop.signal },
);
const send = async (text: string): Promise<string> => {
  const sent = await anna.send(desk.id, text, { expiresInMs: MONTH_MS });
  return sent.id;
};
const done = await anna.send(desk.id, "this one is done", { expiresInMs: MONTH_MS });
await done.until("done", { timeoutMs: PATIENCE_MS });
const failed = await anna.send(desk.id, "fail me", { expiresInMs: MONTH_MS });
await failed.until("done", { timeoutMs: PATIENCE_MS }).catch(() => undefined);
await writeFile(join(at, "evidence"), await done.export());
await anna.identity.anchor(new Uint8Array(32).fill(7), { about: "a fixture" });
stop.abort();
await serving;
await desk.close();
const waiting = await anna.send(desk.id, "this one waits at the relay", { expiresInMs: MONTH_MS });
await waiting.until("stored", { timeoutMs: PATIENCE_MS });
await (await carl.send(anna.id, "the words of a stranger", { expiresInMs: MONTH_MS })).until("stored", { timeoutMs: PATIENCE_MS });
while ((await anna.status()).requests === 0) await new Promise((resolve) => setTimeout(resolve, 50));
await writeFile(join(at, "export"), await anna.identity.export(PASSPHRASE, { timeoutMs: PATIENCE_MS }));
await carl.close();
await relay.drain();
const queued = await send("this one is queued: the relay is away");
const { id } = anna;
await anna.close();
const about = { atMs: Date.now(), id, passphrase: PASSPHRASE, done: done.id, failed: failed.id, waiting: waiting.id, queued };
await writeFile(join(at, "about.json"), `${JSON.stringify(about, undefined, 2)}\n`);
for (const name of ["desk", "carl"]) await rm(join(at, name), { recursive: true });
process.stdout.write(`${at}: ${(await readdir(at)).join(", ")}\n`);

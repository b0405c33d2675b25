/**
 * Folders and files of other versions. Version 0, which was for trying out, is refused by name, with what to do, and not a byte of it is
 * changed; what version 1 wrote once opens; what a later one would write is refused as that.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import WebSocket, { WebSocketServer } from "ws";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { Host } from "../src/host/host.ts";
import { silentLog } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { verifyLog } from "../src/identity/agent-log.ts";
import { openKept } from "../src/identity/custody.ts";
import { openIdentity } from "../src/identity/index.ts";
import { openChain, parseRecovery } from "../src/identity/recovery.ts";
import { verifyEvidence } from "../src/protocol/evidence/verify-evidence.ts";
import { openRelay } from "../src/relay/index.ts";
import { openRelayWith } from "../src/relay/open-relay.ts";
import { verifyFolder } from "../src/relay/verify-folder.ts";
import { createSettings } from "../src/settings/register.ts";
import { crc32 } from "../src/store/log/crc32.ts";
import { concat, utf8 } from "../src/wire/bytes.ts";
import { goodbyeOfVersion0 } from "../src/wire/control.ts";
import { isPerdureError } from "../src/wire/error.ts";
import { parseInvite } from "../src/wire/invite.ts";
import { KEPT_IDENTITY_DOMAIN, type KeptIdentity, keptIdentity } from "../src/wire/kept-identity.ts";
import { openStage } from "./test-stage.ts";

const FIXTURES = fileURLToPath(new URL("fixtures/v0", import.meta.url));
const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const TEST_MS = 60_000;
const { crypto } = createNodeHost({ log: silentLog });

/** Of every file its name, mode, time and content. */
async function printOf(folder: string): Promise<string> {
  const hash = createHash("sha256");
  const names = (await readdir(folder, { recursive: true })).sort();
  for (const name of names) {
    const path = join(folder, name);
    const { mode, mtimeMs } = await stat(path);
    hash.update(`${name} ${mode} ${mtimeMs} `);
    if ((await stat(path)).isFile()) hash.update(await readFile(path));
  }
  return hash.digest("hex");
}

async function refusalOf(
  work: () => Promise<unknown> | unknown,
): Promise<{ readonly code: string; readonly message: string; readonly hint: string }> {
  try {
    await work();
  } catch (error) {
    if (isPerdureError(error)) return { code: error.code, message: error.message, hint: error.hint ?? "" };
    throw error;
  }
  throw new Error("it was taken");
}

async function run(...words: readonly string[]): Promise<{ readonly exit: number; readonly stderr: string }> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...words], { timeout: TEST_MS }, (error, _, stderr) =>
      resolve({ exit: typeof error?.code === "number" ? error.code : 0, stderr }),
    );
  });
}

describe("what version 0 wrote", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-upgrade-"));
    await cp(FIXTURES, folder, { recursive: true });
    for (const each of ["agent", "agent/identity", "agent/agent", "relay", "relay/identity", "relay/log"])
      await chmod(join(folder, each), 0o700);
    for (const each of ["agent", "relay"]) for (const file of ["lock", "identity/keys.cbor"]) await chmod(join(folder, each, file), 0o600);
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("an agent's folder says which version it is of and what to do, and stays as it is", { timeout: TEST_MS }, async () => {
    const before = await printOf(join(folder, "agent"));
    const refusal = await refusalOf(() => openAgentWith(createNodeHost({ log: silentLog }), join(folder, "agent")));
    expect(refusal.code).toBe("needs-older-version");
    expect(refusal.message).toMatch(/identity in .*agent.* is of version 0, and this perdure reads version 1/);
    expect(refusal.hint).toMatch(/perdure that wrote it.*Nothing in this one was changed/);
    const joining = await refusalOf(() =>
      openAgentWith(createNodeHost({ log: silentLog }), join(folder, "agent"), { join: "ws://127.0.0.1:9/", name: "agent" }),
    );
    expect(joining.code).toBe("needs-older-version");
    expect(await printOf(join(folder, "agent"))).toBe(before);
  });

  it("a relay's folder too", { timeout: TEST_MS }, async () => {
    const before = await printOf(join(folder, "relay"));
    const refusal = await refusalOf(() => openRelay({ folder: join(folder, "relay"), listen: "ws://127.0.0.1:0" }));
    expect(refusal).toMatchObject({ code: "needs-older-version", hint: expect.stringMatching(/Nothing in this one was changed/) });
    expect(await printOf(join(folder, "relay"))).toBe(before);
  });

  it("a log of version 0 under an identity of version 1 is refused by its segment, not by its records", { timeout: TEST_MS }, async () => {
    await using stage = await openStage();
    await stage.startRelay();
    const { folder: at } = stage;
    await (await stage.agent("home", { name: "anna" })).close();
    await rm(join(at, "home/agent"), { recursive: true });
    await cp(join(folder, "agent/agent"), join(at, "home/agent"), { recursive: true });
    const before = await printOf(join(at, "home/agent"));
    const refusal = await refusalOf(() => stage.agent("home"));
    expect(refusal).toMatchObject({ code: "needs-older-version", message: expect.stringMatching(/000001\.log is of version 0/) });
    expect(await printOf(join(at, "home/agent"))).toBe(before);
  });

  it("a recovery file, an invite and an evidence file", async () => {
    const page = await readFile(join(folder, "recovery.txt"), "utf8");
    expect(await refusalOf(() => parseRecovery(crypto.hash, page))).toMatchObject({ code: "needs-older-version" });
    const invite = await readFile(join(folder, "invite.txt"), "utf8");
    expect(await refusalOf(() => parseInvite(invite))).toMatchObject({
      code: "needs-older-version",
      hint: expect.stringMatching(/new invite/),
    });
    const evidence = await readFile(join(folder, "evidence"));
    expect(await refusalOf(() => verifyEvidence(crypto, evidence))).toMatchObject({
      code: "needs-older-version",
      hint: expect.stringMatching(/perdure that wrote it/),
    });
  });

  it("at the command line: exit 7, what it is and what to do", { timeout: 3 * TEST_MS }, async () => {
    const commands: readonly (readonly string[])[] = [
      ["id", "--at", join(folder, "agent")],
      ["inbox", "--at", join(folder, "agent")],
      ["relay", "--at", join(folder, "relay"), "--listen", "127.0.0.1:0"],
      ["verify", join(folder, "evidence")],
    ];
    for (const words of commands) {
      const { exit, stderr } = await run(...words);
      expect({ words, exit, stderr }).toMatchObject({ exit: 7, stderr: expect.stringMatching(/version 0[\s\S]*perdure that wrote it/) });
    }
  });
});

describe("a peer of version 0", () => {
  const wire = async (): Promise<{ readonly hello: string; readonly goodbye: string }> =>
    JSON.parse(await readFile(join(FIXTURES, "wire.json"), "utf8")) as { readonly hello: string; readonly goodbye: string };

  it("that dials a relay of this version reads a goodbye in its own form", { timeout: TEST_MS }, async () => {
    const { hello } = await wire();
    await using stage = await openStage();
    await stage.startRelay();
    const socket = new WebSocket(stage.address().split("#")[0] as string);
    const answer = await new Promise<Buffer>((resolve, reject) => {
      socket.on("open", () => socket.send(Buffer.from(hello, "hex")));
      socket.once("message", (data: Buffer) => resolve(data));
      socket.on("error", reject);
    });
    socket.close();
    // Version 0: transport version 0, mode none, frame 28, three zero bytes, length, five fields.
    expect([...answer.subarray(0, 6)]).toEqual([0, 0, 28, 0, 0, 0]);
    const length = answer.readUInt32BE(6);
    expect(goodbyeOfVersion0.decode(new Uint8Array(answer.subarray(10, 10 + length)))).toEqual({
      code: "needs-newer-version",
      retry: "never",
      afterMs: 0,
      why: "this side speaks wire version 1 and not version 0",
      hint: "Update perdure.",
    });
  });

  it("that answers an agent of this version is told as one of an older version", { timeout: TEST_MS }, async () => {
    const { goodbye } = await wire();
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await new Promise((resolve) => server.once("listening", resolve));
    server.on("connection", (socket) => socket.on("message", () => socket.send(Buffer.from(goodbye, "hex"))));
    const { port } = server.address() as { readonly port: number };
    const at = await mkdtemp(join(tmpdir(), "perdure-upgrade-"));
    try {
      const refusal = await refusalOf(() =>
        openAgentWith(createNodeHost({ log: silentLog }), join(at, "home"), { join: `ws://127.0.0.1:${port}/`, name: "anna" }),
      );
      expect(refusal).toMatchObject({ code: "needs-older-version", hint: "The other side has to update perdure." });
      // Nobody knows the identity that was made for it: it is gone again.
      expect(await readdir(join(at, "home/identity"))).toEqual([]);
    } finally {
      server.close();
      for (const socket of server.clients) socket.terminate();
      await rm(at, { recursive: true, force: true });
    }
  });
});

/** A machine whose date is the one of the fixtures, so that what waits in them has not expired. */
function machineOf(atMs: number): Host {
  const host = createNodeHost({ log: silentLog });
  const ahead = atMs + 60_000 - host.clock.wallMs();
  return { ...host, clock: { ...host.clock, wallMs: () => host.clock.wallMs() + ahead } };
}

async function rewriteKept(path: string, change: (kept: KeptIdentity) => KeptIdentity): Promise<void> {
  const whole = new Uint8Array(await readFile(path));
  const encoded = keptIdentity.encode(change(keptIdentity.decode(whole.subarray(0, -32))));
  await writeFile(path, concat(encoded, crypto.hash.sha256(concat(KEPT_IDENTITY_DOMAIN, encoded))));
}

describe("what this version wrote once", () => {
  let folder = "";
  let about: Readonly<Record<"id" | "passphrase" | "done" | "failed" | "waiting" | "queued", string>> & { readonly atMs: number };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "perdure-upgrade-"));
    await cp(fileURLToPath(new URL("fixtures/v1", import.meta.url)), folder, { recursive: true });
    about = JSON.parse(await readFile(join(folder, "about.json"), "utf8"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("opens: mail in every state, contacts, requests, the log of its identity", { timeout: 3 * TEST_MS }, async () => {
    const host = machineOf(about.atMs);
    await using relay = await openRelayWith({ host, folder: join(folder, "relay"), listen: "ws://127.0.0.1:0", tickets: false });
    await using anna = await openAgentWith(host, join(folder, "agent"), { join: relay.address, settings: { redialMinMs: 10 } });
    expect(anna.id).toBe(about.id);
    const stateOf = async (id: string): Promise<string | undefined> => (await anna.sent(id)).steps.at(-1)?.state;
    expect([await stateOf(about.done), await stateOf(about.failed), await stateOf(about.waiting)]).toEqual(["done", "failed", "stored"]);
    // What was queued while the relay was away goes out now.
    await expect.poll(() => stateOf(about.queued), { timeout: TEST_MS }).toBe("stored");
    const status = await anna.status();
    expect(status).toMatchObject({ custody: "split", requests: 1, alerts: [] });
    const { log, standing } = await anna.identity.show();
    expect([standing, log.map(({ kind }) => kind)]).toEqual(["in-force", ["inception", "anchor"]]);
    expect((await anna.contacts.list()).length).toBe(1);
    expect(relay.status().agents).toHaveLength(3);
  });

  it("has a relay's log in files that grow, which is read byte for byte, and goes on in new files", { timeout: TEST_MS }, async () => {
    const host = machineOf(about.atMs);
    const check = () => verifyFolder({ host, folder: join(folder, "relay"), isRunning: false });
    expect(await check()).toMatchObject({ problems: [], segments: 1, waitingMessages: 1, agents: 3 });
    const relay = await openRelayWith({ host, folder: join(folder, "relay"), listen: "ws://127.0.0.1:0", tickets: false });
    await relay.drain();
    expect(await check()).toMatchObject({ problems: [], segments: 2, waitingMessages: 1, agents: 3 });
  });

  it("reads: recovery file, invite, evidence, export", { timeout: 3 * TEST_MS }, async () => {
    const recovery = parseRecovery(crypto.hash, await readFile(join(folder, "recovery.txt"), "utf8"));
    expect(recovery.agentId).toBe(about.id);
    expect(parseInvite(await readFile(join(folder, "invite.txt"), "utf8")).name).toBe("desk");
    const report = await verifyEvidence(crypto, await readFile(join(folder, "evidence")));
    expect([report.proven, report.id, report.from]).toEqual([true, about.done, about.id]);
    const kept = await openKept(createNodeHost({ log: silentLog }).files, crypto, join(folder, "agent"), undefined);
    await openChain(crypto, recovery, await verifyLog(crypto, kept?.kept.log ?? []));
  });

  it("with something a later version added: kept as it is when it may be ignored, refused when it may not", {
    timeout: TEST_MS,
  }, async () => {
    const host = machineOf(about.atMs);
    const path = join(folder, "agent/identity/keys.cbor");
    const added = { code: 4711, bytes: utf8("of a later version") };
    await rewriteKept(path, (kept) => ({ ...kept, extensions: [added] }));
    const own = await openIdentity({ host, folder: join(folder, "agent"), settings: createSettings() });
    await own.anchor({ root: new Uint8Array(32), about: "a change", nowMs: host.clock.wallMs() });
    expect((await openKept(host.files, crypto, join(folder, "agent"), undefined))?.kept.extensions).toEqual([added]);
    // The shape does not even write an even code it does not know, so the byte is changed by hand.
    const whole = new Uint8Array(await readFile(path));
    const odd = Buffer.from(whole).indexOf(Buffer.from([0x19, 0x12, 0x67]));
    whole[odd + 2] = 0x68;
    const encoded = whole.subarray(0, -32);
    await writeFile(path, concat(encoded, crypto.hash.sha256(concat(KEPT_IDENTITY_DOMAIN, encoded))));
    const before = await printOf(join(folder, "agent"));
    expect(await refusalOf(() => openAgentWith(host, join(folder, "agent")))).toMatchObject({ code: "needs-newer-version" });
    expect(await printOf(join(folder, "agent"))).toBe(before);
  });

  it("under a later format is refused as newer: a segment, an identity", { timeout: TEST_MS }, async () => {
    const host = machineOf(about.atMs);
    const segment = join(folder, "relay/log/000001.log");
    const bytes = new Uint8Array(await readFile(segment));
    const view = new DataView(bytes.buffer);
    view.setUint32(28, 3);
    view.setUint32(60, crc32(bytes.subarray(0, 60)));
    await writeFile(segment, bytes);
    expect(await refusalOf(() => openRelayWith({ host, folder: join(folder, "relay"), listen: "ws://127.0.0.1:0" }))).toMatchObject({
      code: "needs-newer-version",
      message: expect.stringMatching(/000001\.log is of version 3/),
    });
    const keys = join(folder, "agent/identity/keys.cbor");
    const encoded = new Uint8Array(await readFile(keys)).subarray(0, -32);
    encoded[1] = 2;
    await writeFile(keys, concat(encoded, crypto.hash.sha256(concat(utf8("perdure/kept-identity/2"), encoded))));
    expect(await refusalOf(() => openAgentWith(host, join(folder, "agent")))).toMatchObject({
      code: "needs-newer-version",
      message: expect.stringMatching(/of version 2/),
    });
  });
});

/** An agent whose home relay is gone for good goes on at another one: the same id, contacts and state, and mail finds it again. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { type InternalOptions, openAgentWith } from "../src/agent/open-agent.ts";
import { runCommand } from "../src/cli/command.ts";
import type { Host } from "../src/host/host.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { PerdureError } from "../src/wire/error.ts";
import { serving, statesOf, until } from "./test-stage.ts";

const TEST_MS = 120_000;
const QUICK = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20, dialTimeoutMs: 2000 };
const RELAY = { redialMinMs: 10, redialMaxMs: 200 };

let folder: string;
let opened: AsyncDisposable[];
const at = (name: string): string => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-move-"));
  opened = [];
});
afterEach(async () => {
  for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function relayOf(name: string, tickets = false): Promise<Relay> {
  const relay = await openRelay({ folder: at(name), listen: "ws://127.0.0.1:0", tickets, settings: RELAY });
  opened.push({ [Symbol.asyncDispose]: () => relay.drain() });
  return relay;
}

/** Its process ends and its disk is lost. */
async function lose(relay: Relay, name: string): Promise<void> {
  await relay.drain();
  await rm(at(name), { recursive: true });
}

async function open(name: string, options: InternalOptions = {}, host: Host = createNodeHost()): Promise<Agent> {
  await mkdir(at(name), { recursive: true });
  const agent = await openAgentWith(host, at(name), { ...options, settings: { ...QUICK, ...options.settings } });
  opened.push(agent);
  return agent;
}

async function perdure(...words: readonly string[]): Promise<{ readonly exit: number; readonly out: string; readonly err: string }> {
  const said = { out: "", err: "" };
  const into = (name: "out" | "err"): PassThrough =>
    new PassThrough().on("data", (chunk) => {
      said[name] += String(chunk);
    });
  const streams = { stdin: new PassThrough(), stdout: into("out"), stderr: into("err") };
  const exit = await runCommand(words, streams, { NO_COLOR: "1" }, new AbortController().signal);
  return { exit, ...said };
}

const keysOf = (name: string): Promise<Buffer> => readFile(join(at(name), "identity", "keys.cbor"));

/** `desk` at a relay and `anna` at another, who know each other; then `desk` is closed. */
async function acquainted(): Promise<{ readonly home: Relay; readonly anna: Agent; readonly deskId: string }> {
  const home = await relayOf("home");
  const far = await relayOf("far");
  const desk = await open("desk", { join: home.address, name: "desk" });
  const anna = await open("anna", { join: far.address, name: "anna" });
  await anna.accept((await desk.invite()).text);
  {
    await using served = serving(desk);
    expect((await statesOf(await anna.send(desk.id, "before"))).at(-1)).toBe("done");
    expect(served.mails).toHaveLength(1);
  }
  await desk.close();
  return { home, anna, deskId: desk.id };
}

describe("I13: an agent whose home relay is gone for good", { timeout: TEST_MS }, () => {
  for (const isPinned of [false, true]) {
    it(`moves${isPinned ? ", though its log named the old relay as the only home" : ""}: its contacts get its next mail, and reach it`, async () => {
      const { home, anna, deskId } = await acquainted();
      if (isPinned) expect(await perdure("id", "pin-home", "--at", at("desk"))).toMatchObject({ exit: 0 });
      await lose(home, "home");
      const early = await open("desk");
      const first = await early.send(anna.id, "written when the relay was gone");
      await early.close();
      const next = await relayOf("next");

      const moved = await perdure("id", "move", next.address, "--at", at("desk"));
      expect(moved, moved.err).toMatchObject({ exit: 0 });
      expect(moved.out.trim()).toBe(next.address);
      expect(moved.err).toContain("the old relay did not answer");

      const desk = await open("desk");
      expect(desk.id).toBe(deskId);
      expect((await desk.status()).relay).toMatchObject({ id: next.id });
      const view = await desk.identity.show();
      expect(view).toMatchObject({ stage: "operating", standing: "in-force" });
      expect(view.log.map(({ kind }) => kind)).toEqual(isPinned ? ["inception", "home-set", "home-set"] : ["inception"]);
      expect(view.pinnedHomes?.map(({ relay }) => relay)).toEqual(isPinned ? [next.id] : undefined);

      // What was written, and sealed, before it moved comes first, and its answer finds the agent where it lives by then.
      await using heard = serving(anna, (_mail, turn) => turn.reply("welcome there"));
      await using served = serving(desk);
      expect((await statesOf(await desk.sent(first.id))).at(-1)).toBe("done");
      await until("the answer is here", () => served.mails.length === 1);
      const answer = await desk.ask(anna.id, "here I live now", { timeoutMs: 60_000 });
      expect(new TextDecoder().decode(await answer.bytes())).toBe("welcome there");
      expect(heard.mails.map(({ mail }) => mail.from)).toEqual([deskId, deskId]);
      expect((await statesOf(await anna.send(deskId, "and later"))).at(-1)).toBe("done");
      expect(served.mails.map(({ mail }) => mail.standing)).toEqual(["contact", "contact"]);
    });
  }

  it("stays where it is at a wrong address, without a ticket, and while another process has it", async () => {
    const { home } = await acquainted();
    const next = await relayOf("next", true);
    const other = await relayOf("other");
    const named = await relayOf("named");
    await (await open("namesake", { join: named.address, name: "desk" })).close();
    const before = await keysOf("desk");
    const wrongId = `${next.address.split("#")[0]}#${other.id}`;
    const nowhere = `ws://127.0.0.1:1/#${other.id}`;
    const refused: readonly (readonly [string, string])[] = [
      [wrongId, "wrong-relay"],
      [nowhere, "relay-unreachable"],
      [next.address, "ticket-required"],
      [named.address, "name-taken"],
      ["not an address", "bad-argument"],
      [home.address, "bad-argument"],
    ];
    for (const [address, code] of refused) {
      const ran = await perdure("id", "move", address, "--at", at("desk"));
      expect(ran.err).toContain(code);
      expect(ran.exit).not.toBe(0);
      expect(await keysOf("desk")).toEqual(before);
    }
    const desk = await open("desk");
    const held = await perdure("id", "move", other.address, "--at", at("desk"));
    expect(held.err).toContain("folder-in-use");
    expect((await desk.status()).relay.id).toBe(home.id);
    await desk.close();
    expect(await keysOf("desk")).toEqual(before);

    const { address } = await next.issueTicket();
    expect(await perdure("id", "move", address, "--at", at("desk"))).toMatchObject({ exit: 0 });
    expect((await (await open("desk")).status()).relay.id).toBe(next.id);
  });

  it("interrupted before the move is kept it lives where it did, interrupted after it goes on there", async () => {
    const { home, anna, deskId } = await acquainted();
    await perdure("id", "pin-home", "--at", at("desk"));
    await lose(home, "home");
    const next = await relayOf("next");
    const before = await keysOf("desk");
    const machine = createNodeHost();
    const gone = new PerdureError("disk-failed", "the disk is gone");
    const files = { ...machine.files, rename: () => Promise.reject(gone) };
    await expect(open("desk", { join: next.address, move: true }, { ...machine, files })).rejects.toBe(gone);
    expect(await keysOf("desk")).toEqual(before);
    const early = await open("desk");
    expect((await early.status()).relay.id).toBe(home.id);
    await early.close();

    let dials = 0;
    const stop = new AbortController();
    const dial: Host["net"]["dial"] = async (url, wish) => {
      // The relay took the agent, and the folder says so; then the machine goes down.
      if (++dials === 2) stop.abort(new PerdureError("aborted", "the machine goes down"));
      return await machine.net.dial(url, wish);
    };
    const halfway = { ...machine, net: { ...machine.net, dial } };
    await open("desk", { join: next.address, move: true, signal: stop.signal }, halfway).catch(() => undefined);
    expect(dials).toBeGreaterThan(1);
    expect(await keysOf("desk")).not.toEqual(before);
    const desk = await open("desk");
    expect((await desk.status()).relay.id).toBe(next.id);
    expect((await desk.identity.show()).pinnedHomes?.map(({ relay }) => relay)).toEqual([next.id]);
    await using served = serving(desk, (_mail, turn) => turn.reply("still here"));
    await (await desk.send(anna.id, "I moved")).until("stored");
    await using heard = serving(anna);
    const answer = await anna.ask(deskId, "are you there", { timeoutMs: 60_000 });
    expect([new TextDecoder().decode(await answer.bytes()), served.mails.length, heard.mails.length]).toEqual(["still here", 1, 1]);
  });

  it("fetches what waits at an old relay that is still there, which then says where it is", async () => {
    const { home, anna, deskId } = await acquainted();
    await (await anna.send(deskId, "in time")).until("stored");
    const next = await relayOf("next");
    const moved = await perdure("id", "move", next.address, "--at", at("desk"), "--json");
    expect(moved, moved.err).toMatchObject({ exit: 0 });
    expect(JSON.parse(moved.out)).toEqual({ type: "moved", id: deskId, from: home.address, relay: next.address, fetched: true });
    const desk = await open("desk");
    await using served = serving(desk);
    // Somebody at the old relay who never heard of the agent: the relay has its newest record.
    const bo = await open("bo", { join: home.address, name: "bo" });
    await desk.contacts.policy("welcome");
    expect((await statesOf(await bo.send(deskId, "found"))).at(-1)).toBe("done");
    expect(served.mails.map(({ content }) => new TextDecoder().decode(content)).sort()).toEqual(["found", "in time"]);
  });
});

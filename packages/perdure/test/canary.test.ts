/**
 * Nothing that people write, name or keep secret is anywhere at a relay: two relays, mail with a canary in every field, and then a
 * search of both folders, both logs, all their traffic, their pages, statuses and numbers, in every spelling a mistake could give it.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Agent, OpenOptions } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { Host } from "../src/host/host.ts";
import { silentLog } from "../src/host/log.ts";
import type { Connection } from "../src/host/net.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";
import { parseInvite } from "../src/wire/invite.ts";
import { serving } from "./test-stage.ts";

const TEST_MS = 240_000;
const CANARY = "canary-9d41c7-in-the-clear";
const PASSPHRASE = "passphrase-9d41c7-of-anna";

/** Everything a relay heard, said, logged or showed. */
interface Overheard {
  readonly what: string;
  readonly bytes: Buffer;
}

/** A machine on which every message of every connection, and every line of the log, is overheard. */
function tapped(name: string, heard: Overheard[]): Host {
  const note = (what: string, bytes: Uint8Array): void => void heard.push({ what: `${name} ${what}`, bytes: Buffer.from(bytes) });
  const host = createNodeHost({
    log: { write: (level, event, fields) => note(`log ${event}`, Buffer.from(JSON.stringify({ level, event, fields }))) },
  });
  const tap = (connection: Connection): Connection => ({
    get remote() {
      return connection.remote;
    },
    get local() {
      return connection.local;
    },
    get queuedBytes() {
      return connection.queuedBytes;
    },
    close: (atOnce) => connection.close(atOnce),
    start: (receiver) =>
      connection.start({
        message: (message) => {
          note("heard", message);
          receiver.message(message);
        },
        drained: () => receiver.drained(),
        closed: (why) => receiver.closed(why),
      }),
    send: (message) => {
      note("said", message);
      connection.send(message);
    },
  });
  return {
    ...host,
    net: {
      ...host.net,
      dial: async (...given) => tap(await host.net.dial(...given)),
      listen: (address, options) =>
        host.net.listen(address, { ...options, onConnection: (connection) => options.onConnection(tap(connection)) }),
    },
  };
}

/** Every way in which those bytes could stand somewhere. */
function spellings(secret: Buffer): readonly Buffer[] {
  const text = (value: string): Buffer => Buffer.from(value, "latin1");
  const base64 = [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.concat([Buffer.alloc(shift), secret]).toString("base64");
    // Without the letters that depend on the neighbours.
    const sure = whole.slice(shift === 0 ? 0 : shift + 1, Math.floor(((shift + secret.length) * 8) / 6));
    return [sure, sure.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const utf16 = Buffer.from(secret.toString("latin1"), "utf16le");
  return [
    secret,
    utf16,
    Buffer.from(utf16).swap16(),
    text(secret.toString("hex")),
    text(secret.toString("hex").toUpperCase()),
    ...base64.map(text),
  ];
}

function findings(where: readonly Overheard[], secrets: ReadonlyMap<string, Buffer>): readonly string[] {
  return [...secrets].flatMap(([name, secret]) =>
    spellings(secret).flatMap((spelling) => where.filter(({ bytes }) => bytes.includes(spelling)).map(({ what }) => `${name} in ${what}`)),
  );
}

async function filesOf(folder: string): Promise<readonly Overheard[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return await Promise.all(files.map(async (path) => ({ what: path, bytes: await readFile(path) })));
}

async function shownBy(relay: Relay): Promise<readonly Overheard[]> {
  const shown: Overheard[] = [];
  for (const path of ["/", "/page", "/status.json", "/metrics", "/healthz", "/i", "/.well-known/perdure.json"]) {
    const answer = await fetch(new URL(path, relay.page));
    shown.push({ what: `${relay.id} ${path}`, bytes: Buffer.from(await answer.arrayBuffer()) });
  }
  return shown;
}

test("no relay keeps, logs, shows or passes on what was written, named or kept secret", { timeout: TEST_MS }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "perdure-canary-"));
  const heard: Overheard[] = [];
  const opened: AsyncDisposable[] = [];
  try {
    const relay = async (name: string): Promise<Relay> => {
      const running = await openRelayWith({
        host: tapped(name, heard),
        folder: join(folder, name),
        listen: "ws://127.0.0.1:0",
        tickets: false,
      });
      opened.push(running);
      return running;
    };
    const agent = async (name: string, at: Relay, more: OpenOptions = {}): Promise<Agent> => {
      const options = { join: at.address, name, settings: { redialMinMs: 10, redialMaxMs: 200 }, timeoutMs: 100_000, ...more };
      const running = await openAgentWith(createNodeHost({ log: silentLog }), join(folder, name), options);
      opened.push(running);
      return running;
    };
    const [west, east] = [await relay("west"), await relay("east")];
    const anna = await agent("anna", west, { passphrase: PASSPHRASE });
    const desk = await agent("desk", east);
    const { text } = await desk.invite();
    await anna.accept(text);
    await using box = serving(desk, (mail, turn) => (mail.auto ? undefined : turn.reply(`${CANARY} answered`)));
    const options = { fileName: `${CANARY}.txt`, contentType: `text/${CANARY}`, collapseKey: CANARY, idempotencyKey: CANARY };
    const sent = await anna.send(desk.id, `${CANARY} body ${"x".repeat(600_000)}`, options);
    await sent.until("done");
    await using answers = serving(anna);
    await expect.poll(() => answers.mails.length, { timeout: 60_000 }).toBeGreaterThan(0);
    expect(box.mails[0]?.mail.fileName).toBe(`${CANARY}.txt`);
    const evidence = await sent.export();

    const secrets = new Map([
      ["the canary", Buffer.from(CANARY)],
      ["the passphrase", Buffer.from(PASSPHRASE)],
      ["the secret of the invite", Buffer.from(parseInvite(text).secret)],
    ]);
    const pages = [...(await shownBy(west)), ...(await shownBy(east))];
    const disks = [...(await filesOf(join(folder, "west"))), ...(await filesOf(join(folder, "east")))];
    expect(heard.filter(({ what }) => what.endsWith("heard")).length).toBeGreaterThan(20);
    expect(disks.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeGreaterThan(600_000);
    expect(findings([...heard, ...pages, ...disks], secrets)).toEqual([]);
    // The same search finds what is there: the folder of who read it, and a file of evidence that somebody hands out.
    expect(findings(await filesOf(join(folder, "desk")), secrets)).toContainEqual(expect.stringMatching(/^the canary in .*desk/));
    for (const spelling of spellings(Buffer.from(CANARY)))
      expect(findings([{ what: "a copy", bytes: Buffer.concat([Buffer.alloc(3), spelling, Buffer.alloc(3)]) }], secrets)).not.toEqual([]);
    expect(findings([{ what: "the evidence", bytes: Buffer.from(evidence) }], secrets)).toEqual([]);
    // The passphrase opens the folder, and stands nowhere in it.
    expect(findings(await filesOf(join(folder, "anna")), new Map([["the passphrase", Buffer.from(PASSPHRASE)]]))).toEqual([]);
  } finally {
    for (const each of opened.reverse()) await each[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
});

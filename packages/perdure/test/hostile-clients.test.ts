/**
 * Clients over raw sockets that mean no good, each cut by a limit with a name. Where the limit is a setting, the same client meets a second
 * relay on which only that setting is generous, and is still there: so it is that limit that cuts, and no other.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { createTestAuthority } from "../src/host/node/test-certificates.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { FIXED } from "../src/settings/fixed.ts";
import { goodbye } from "../src/wire/control.ts";
import { decodeTransport } from "../src/wire/frame.ts";
import { openStage, type Stage, serving, statesOf } from "./test-stage.ts";

/** A busy machine looks at its timers late; Node looks at requests every `requestCheckMs`. */
const SLACK_MS = FIXED.requestCheckMs.value + 4_000;
const GENEROUS_MS = 60_000;
const UPGRADE =
  "GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

let folder = "";
let stage: Stage;
let relay: Relay;
let anna: Agent;
let received: ReturnType<typeof serving>;
const others: Relay[] = [];

const TIGHT = {
  requestHeadersTimeoutMs: 1_500,
  requestTimeoutMs: 2_500,
  requestIdleMs: 1_500,
  handshakeTimeoutMs: 3_000,
  plainSockets: 60,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-hostile-"));
  stage = await openStage();
  relay = await stage.startRelay(TIGHT);
  anna = await stage.agent("anna", { name: "anna" });
  received = serving(await stage.agent("bert", { name: "bert" }));
}, 60_000);

afterAll(async () => {
  await received?.[Symbol.asyncDispose]();
  for (const each of others) await each.drain();
  await stage?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** A relay that differs from the one under attack in one setting. */
async function withMore(settings: Readonly<Record<string, number>>): Promise<Relay> {
  const other = await openRelay({
    folder: join(folder, `relay-${others.length}`),
    listen: "ws://127.0.0.1:0",
    settings: { ...TIGHT, ...settings },
  });
  others.push(other);
  return other;
}

/** Honest mail goes on, and a page is answered. */
async function honestTrafficGoesOn(): Promise<void> {
  const states = await statesOf(await anna.send("@bert", "still there?"));
  expect(states.at(-1)).toBe("done");
  const well = await fetch(new URL("/healthz", relay.listens.replace(/^ws/, "http")));
  expect(well.status).toBe(200);
}

interface Hostile extends Disposable {
  readonly socket: Socket;
  /** Everything that came. */
  text(): string;
  bytes(): Buffer;
  /** Milliseconds from the connection to its end; `undefined` when it was still open after `mostMs`. */
  ended(mostMs: number): Promise<number | undefined>;
}

async function dial(to: Relay, { reads = true } = {}): Promise<Hostile> {
  const { port } = new URL(to.listens.replace(/^ws/, "http"));
  const socket = connect({ host: "127.0.0.1", port: Number(port) });
  const came: Buffer[] = [];
  socket.on("error", () => undefined);
  if (reads) socket.on("data", (chunk: Buffer) => void came.push(chunk));
  const closed = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
  await new Promise<void>((resolve) => {
    socket.once("connect", resolve);
    socket.once("close", () => resolve());
  });
  const openedAt = performance.now();
  return {
    socket,
    text: () => Buffer.concat(came).toString("latin1"),
    bytes: () => Buffer.concat(came),
    async ended(mostMs) {
      const timer = new AbortController();
      const late = pause(Math.max(1, openedAt + mostMs - performance.now()), undefined, { signal: timer.signal, ref: false }).catch(
        () => undefined,
      );
      const at = await Promise.race([closed, late]);
      timer.abort();
      return at === undefined ? undefined : at - openedAt;
    },
    [Symbol.dispose]: () => socket.destroy(),
  };
}

async function upgraded(to: Relay, headers = ""): Promise<Hostile> {
  const client = await dial(to);
  client.socket.write(`${UPGRADE}${headers}\r\n`);
  const deadline = performance.now() + 20_000;
  while (!client.text().includes("\r\n\r\n") && performance.now() < deadline) await pause(5);
  return client;
}

/** A WebSocket frame as a client sends it, its mask being zero. */
function wsFrame(first: number, payload: Buffer, saysBytes = payload.length): Buffer {
  const head = saysBytes < 126 ? Buffer.from([first, 0x80 | saysBytes]) : Buffer.alloc(10);
  if (saysBytes >= 126) {
    head[0] = first;
    head[1] = 0xff;
    head.writeBigUInt64BE(BigInt(saysBytes), 2);
  }
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

/** The close code of the WebSocket, when one came. */
function closeCode(client: Hostile): number | undefined {
  const bytes = client.bytes();
  const at = bytes.lastIndexOf(0x88);
  return at < 0 || at + 4 > bytes.length ? undefined : bytes.readUInt16BE(at + 2);
}

/** The goodbye in a binary frame of the WebSocket, when one came. */
function goodbyeCode(client: Hostile): string | undefined {
  const bytes = client.bytes().subarray(client.bytes().indexOf("\r\n\r\n") + 4);
  if (bytes[0] !== 0x82) return undefined;
  const length = bytes[1] as number;
  const start = length === 126 ? 4 : 2;
  const message = bytes.subarray(start, start + (length === 126 ? bytes.readUInt16BE(2) : length));
  const [frame] = decodeTransport(new Uint8Array(message), 0);
  return frame?.name === "goodbye" ? goodbye.decode(frame.payload).code : undefined;
}

/** Writes for as long as it may. */
async function dribble(client: Hostile, piece: string | Buffer, everyMs: number): Promise<void> {
  while (!client.socket.destroyed) {
    client.socket.write(piece);
    await pause(everyMs, undefined, { ref: false });
  }
}

/** The client is cut by the relay under attack, and not by one that is generous with this setting alone. */
async function expectCutBy(
  setting: keyof typeof TIGHT,
  generous: Readonly<Record<string, number>>,
  attack: (to: Relay) => Promise<Hostile>,
): Promise<void> {
  const most = TIGHT[setting] + SLACK_MS;
  const other = await withMore(generous);
  using here = await attack(relay);
  using there = await attack(other);
  const took = await here.ended(most);
  expect(took, `cut within ${setting}`).toBeDefined();
  expect(took).toBeGreaterThan(TIGHT[setting] * 0.8);
  expect(await there.ended(took ?? 0), `still open with a generous ${setting}`).toBeUndefined();
  await honestTrafficGoesOn();
}

describe("clients that take their time", () => {
  it("slow headers (slow-loris) are cut by requestHeadersTimeoutMs", async () => {
    await expectCutBy(
      "requestHeadersTimeoutMs",
      { requestHeadersTimeoutMs: GENEROUS_MS, requestTimeoutMs: GENEROUS_MS, requestIdleMs: GENEROUS_MS },
      async (to) => {
        const client = await dial(to);
        client.socket.write("GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n");
        void dribble(client, "x: y\r\n", 50);
        return client;
      },
    );
  }, 60_000);

  it("a connection on which nothing is said is cut by requestHeadersTimeoutMs", async () => {
    await expectCutBy(
      "requestHeadersTimeoutMs",
      { requestHeadersTimeoutMs: GENEROUS_MS, requestTimeoutMs: GENEROUS_MS, requestIdleMs: GENEROUS_MS },
      (to) => dial(to),
    );
  }, 60_000);

  it("half a connection, closed on the client's side for writing, is let go at once", async () => {
    using client = await dial(relay);
    client.socket.end();
    expect(await client.ended(TIGHT.requestHeadersTimeoutMs + SLACK_MS)).toBeDefined();
    await honestTrafficGoesOn();
  }, 60_000);

  it("a slow body that nobody wants is cut by requestLeftoverMs", async () => {
    using client = await dial(relay);
    client.socket.write("POST /nowhere HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100000000\r\n\r\n");
    void dribble(client, "x", 50);
    const took = await client.ended(FIXED.requestLeftoverMs.value + SLACK_MS);
    expect(client.text()).toMatch(/^HTTP\/1.1 404 /);
    expect(took).toBeDefined();
    await honestTrafficGoesOn();
  }, 60_000);

  it("a WebSocket on which no handshake begins is cut by handshakeTimeoutMs", async () => {
    await expectCutBy("handshakeTimeoutMs", { handshakeTimeoutMs: GENEROUS_MS }, (to) => upgraded(to));
  }, 60_000);

  it("a WebSocket frame that never ends is cut by handshakeTimeoutMs", async () => {
    await expectCutBy("handshakeTimeoutMs", { handshakeTimeoutMs: GENEROUS_MS }, async (to) => {
      const client = await upgraded(to);
      client.socket.write(wsFrame(0x82, Buffer.alloc(0), 60_000));
      void dribble(client, Buffer.alloc(1), 20);
      return client;
    });
  }, 60_000);

  it("pings without end before a handshake are cut by handshakeTimeoutMs", async () => {
    await expectCutBy("handshakeTimeoutMs", { handshakeTimeoutMs: GENEROUS_MS }, async (to) => {
      const client = await upgraded(to);
      void dribble(client, wsFrame(0x89, Buffer.alloc(8)), 5);
      return client;
    });
  }, 60_000);

  it("somebody who asks for pages and never reads them is cut by requestIdleMs", async () => {
    const asks = 2_000;
    const attack = async (to: Relay): Promise<Hostile> => {
      const client = await dial(to);
      client.socket.pause();
      client.socket.write("GET /page.js HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".repeat(asks));
      return client;
    };
    using here = await attack(relay);
    using there = await attack(await withMore({ requestIdleMs: GENEROUS_MS, requestTimeoutMs: GENEROUS_MS }));
    await pause(TIGHT.requestIdleMs + SLACK_MS);
    await honestTrafficGoesOn();
    // Only who reads again learns that there is nothing more to read.
    const answers = (client: Hostile): number => client.text().split("HTTP/1.1 200 OK").length - 1;
    for (const client of [here, there]) client.socket.resume();
    expect(await here.ended(GENEROUS_MS)).toBeDefined();
    expect(answers(here)).toBeLessThan(asks);
    const deadline = performance.now() + 30_000;
    while (answers(there) < asks && performance.now() < deadline) await pause(100);
    expect(answers(there)).toBe(asks);
  }, 120_000);

  it("a TLS handshake that is never finished is cut by tlsHandshakeTimeoutMs", async () => {
    const { certFile: certificateFile, keyFile } = await (await createTestAuthority(folder)).issue(1);
    const tls = { certificateFile, keyFile };
    const open = async (tlsHandshakeTimeoutMs: number): Promise<Relay> => {
      const other = await openRelay({
        folder: join(folder, `tls-${tlsHandshakeTimeoutMs}`),
        listen: "wss://127.0.0.1:0",
        public: "wss://localhost/",
        tls,
        settings: {
          ...TIGHT,
          requestHeadersTimeoutMs: GENEROUS_MS,
          requestTimeoutMs: GENEROUS_MS,
          requestIdleMs: GENEROUS_MS,
          tlsHandshakeTimeoutMs,
        },
      });
      others.push(other);
      return other;
    };
    // The first bytes of a ClientHello that promises more.
    const begun = Buffer.from("1603010200010001fc0303", "hex");
    using here = await dial(await open(400));
    using there = await dial(await open(GENEROUS_MS));
    here.socket.write(begun);
    there.socket.write(begun);
    const took = await here.ended(400 + SLACK_MS);
    expect(took).toBeGreaterThan(300);
    expect(await there.ended(took ?? 0)).toBeUndefined();
  }, 60_000);
});

describe("clients that send too much", () => {
  it("a header that does not end is answered 431 by requestHeaderBytes", async () => {
    const attack = async (to: Relay): Promise<string> => {
      using client = await dial(to);
      client.socket.write(`GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nx: ${"y".repeat(40_000)}\r\n\r\n`);
      await client.ended(SLACK_MS + 10_000);
      return client.text().slice(0, 12);
    };
    expect(await attack(relay)).toBe("HTTP/1.1 431");
    expect(await attack(await withMore({ requestHeaderBytes: 256 * 1024 }))).toBe("HTTP/1.1 200");
    await honestTrafficGoesOn();
  }, 60_000);

  it("a frame that says it is larger than transportBytes closes its connection before it comes", async () => {
    for (const saysBytes of [FIXED.transportBytes.value + 1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      using client = await upgraded(relay);
      client.socket.write(wsFrame(0x82, Buffer.alloc(0), saysBytes));
      expect(await client.ended(TIGHT.handshakeTimeoutMs * 0.8 + FIXED.closeTimeoutMs.value + SLACK_MS)).toBeDefined();
      expect(closeCode(client)).toBe(1009);
    }
    await honestTrafficGoesOn();
  }, 60_000);

  it("a message in more pieces than messageFragments closes its connection", async () => {
    using client = await upgraded(relay);
    const pieces = Array.from({ length: FIXED.messageFragments.value + 10 }, (_, index) =>
      wsFrame(index === 0 ? 0x02 : 0x00, Buffer.alloc(1)),
    );
    client.socket.write(Buffer.concat(pieces));
    expect(await client.ended(SLACK_MS)).toBeDefined();
    expect(closeCode(client)).toBe(1008);
    await honestTrafficGoesOn();
  }, 60_000);

  it("compression is not agreed on, and a compressed frame closes its connection", async () => {
    using client = await upgraded(relay, "sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n");
    expect(client.text()).toMatch(/^HTTP\/1.1 101 /);
    expect(client.text().toLowerCase()).not.toContain("sec-websocket-extensions");
    // A megabyte of zeros as deflate writes them: about a kilobyte.
    client.socket.write(wsFrame(0xc2, Buffer.from(`ecc101010000008090fe${"af".repeat(10)}`, "hex")));
    expect(await client.ended(SLACK_MS)).toBeDefined();
    expect(closeCode(client)).toBe(1002);
    await honestTrafficGoesOn();
  }, 60_000);

  it("pings of somebody who never reads the answers are cut by unansweredPings or handshakeTimeoutMs, and hold no memory", async () => {
    const before = process.memoryUsage().rss;
    using client = await dial(relay, { reads: false });
    client.socket.write(`${UPGRADE}\r\n`);
    await pause(200);
    client.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 500 }, () => wsFrame(0x89, Buffer.alloc(120))));
    void dribble(client, pings, 10);
    expect(await client.ended(TIGHT.handshakeTimeoutMs + FIXED.closeTimeoutMs.value + SLACK_MS)).toBeDefined();
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024);
    await honestTrafficGoesOn();
  }, 60_000);

  it("bytes that are no HTTP are answered 400 and cut", async () => {
    using client = await dial(relay);
    client.socket.write(Buffer.alloc(64 * 1024, 0xee));
    expect(await client.ended(SLACK_MS)).toBeDefined();
    expect(client.text()).toMatch(/^HTTP\/1.1 400 /);
    await honestTrafficGoesOn();
  }, 60_000);

  it("10,000 connections leave the oldest cut by plainSockets, and honest clients served", async () => {
    const open = new Set<Socket>();
    let most = 0;
    const { port } = new URL(relay.listens.replace(/^ws/, "http"));
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        const socket = connect({ host: "127.0.0.1", port: Number(port) });
        socket.on("error", () => undefined);
        socket.once("connect", () => {
          open.add(socket);
          most = Math.max(most, open.size);
          resolve();
        });
        socket.once("close", () => {
          open.delete(socket);
          resolve();
        });
      });
    for (let made = 0; made < 10_000; made += 100) await Promise.all(Array.from({ length: 100 }, one));
    await honestTrafficGoesOn();
    const deadline = performance.now() + 30_000;
    while (open.size > TIGHT.plainSockets && performance.now() < deadline) await pause(20);
    expect(open.size).toBeLessThanOrEqual(TIGHT.plainSockets);
    expect(most).toBeLessThan(2_000);
    for (const socket of open) socket.destroy();
  }, 120_000);

  it("more handshakes at once than relayHandshakes are told too-busy, and nobody who has a session notices", async () => {
    const other = await withMore({ relayHandshakes: 5, handshakeTimeoutMs: GENEROUS_MS });
    const clients = await Promise.all(Array.from({ length: 30 }, () => upgraded(other)));
    try {
      const told = (): number => clients.filter((client) => goodbyeCode(client) !== undefined).length;
      const deadline = performance.now() + 20_000;
      while (told() < 25 && performance.now() < deadline) await pause(20);
      expect(clients.map(goodbyeCode).filter((code) => code !== undefined)).toEqual(new Array(25).fill("too-busy"));
    } finally {
      for (const client of clients) client.socket.destroy();
    }
    const newcomer = await stage.agent("newcomer", { name: "newcomer", join: other.address });
    const attached = performance.now() + 20_000;
    while (!(await newcomer.status()).relay.connected && performance.now() < attached) await pause(20);
    expect((await newcomer.status()).relay.connected).toBe(true);
  }, 60_000);
});

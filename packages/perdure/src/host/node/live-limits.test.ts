/**
 * Nothing inherited is in force unlisted: every number on a live server, socket, WebSocket or request of this host that looks like a
 * wait or a limit is the value of a listed row.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { WebSocket } from "ws";
import { createSettings } from "../../settings/register.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import { silentLog } from "../log.ts";
import { createNodeClock } from "./clock.ts";
import { createLiveLimits, type FoundLimit, limitsOf, unlisted } from "./live-limits.ts";
import { createNodeNet } from "./net.ts";
import { askOver, openEveryListener } from "./test-every-listener.ts";
import { watchLimits } from "./test-live-limits.ts";

const net = createNodeNet({ clock: createNodeClock(), log: silentLog });
const sizes = { maxMessageBytes: MAX_TRANSPORT_BYTES };
let found: readonly FoundLimit[] = [];

const unlistedText = (limits: readonly FoundLimit[]): readonly string[] =>
  unlisted(limits).map(({ name, value, on }) => `${name} = ${value} (${on})`);

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "perdure-limits-"));
  const watch = watchLimits();
  const close = await openEveryListener(net, folder, ([secure, plain]) => Promise.all([secure, plain].map((each) => askOver(net, each))));
  found = watch.stop();
  await close();
  await rm(folder, { recursive: true });
}, 60_000);

test("whatever looks like a wait or a limit on live objects is the value of a listed row", () => {
  expect(unlistedText(found)).toEqual([]);
});

test("every kind of object was looked at, and those below a session are never cut for being idle", () => {
  const kinds = new Set(found.map(({ on }) => on));
  for (const kind of ["HTTP server", "HTTPS server", "socket server", "request", "accepted WebSocket", "dialled WebSocket"])
    expect(kinds, kind).toContain(kind);
  const idle = found.filter(({ on, name }) => name === "timeout" && on.endsWith("below a WebSocket"));
  expect(idle.length).toBeGreaterThanOrEqual(4);
  expect(new Set(idle.map(({ value }) => value))).toEqual(new Set([0]));
});

test("a server, a request and a WebSocket as they come would be found out", async () => {
  const server = createServer();
  expect(unlistedText(limitsOf(server, "HTTP server"))).toEqual(
    expect.arrayContaining(["requestTimeout = 300000 (HTTP server)", "headersTimeout = 60000 (HTTP server)"]),
  );
  const asked = request({ host: "127.0.0.1", port: 9, timeout: 1234 }).on("error", () => {});
  expect(unlistedText(limitsOf(asked, "request"))).toContain("timeout = 1234 (request)");
  asked.destroy();
  const webSocket = new WebSocket("ws://127.0.0.1:9").on("error", () => {});
  expect(unlistedText(limitsOf(webSocket, "dialled WebSocket"))).toContain("_closeTimeout = 30000 (dialled WebSocket)");
  webSocket.terminate();
});

test("a relay's own settings reach its port", async () => {
  const settings = createSettings({ requestTimeoutMs: 7000, requestHeadersTimeoutMs: 6000, requestIdleMs: 5000, requestKeepAliveMs: 4000 });
  const watch = watchLimits();
  const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, limits: settings, onConnection: () => {} });
  const inForce = new Map(watch.stop().map(({ name, value }) => [name, value]));
  await listener.close();
  expect(["requestTimeout", "headersTimeout", "timeout", "keepAliveTimeout"].map((name) => inForce.get(name))).toEqual([
    7000, 6000, 0, 4000,
  ]);
});

test("a socket is timed from its first request on, and not before, so that one that becomes a WebSocket keeps no timer", async () => {
  const settings = createSettings({ requestIdleMs: 5000 });
  const timeouts: unknown[] = [];
  let socket: Socket | undefined;
  const watch = (object: object, on: string): void => {
    if (on !== "accepted socket") return;
    socket = object as Socket;
    timeouts.push(socket.timeout);
  };
  const looking = createNodeNet({ clock: createNodeClock(), log: silentLog, live: { ...createLiveLimits(), watch } });
  const onRequest = (): Response => {
    timeouts.push(socket?.timeout);
    return new Response("here");
  };
  const listener = await looking.listen("ws://127.0.0.1:0", { ...sizes, limits: settings, onConnection: () => {}, onRequest });
  await askOver(looking, listener);
  await listener.close();
  expect(timeouts).toEqual([undefined, 5000]);
});

/**
 * Nothing inherited is in force unlisted: every number on a live server, socket, WebSocket or request of this host that looks like a
 * wait or a limit is the value of a listed row.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import { createSettings, listSettings } from "../../settings/register.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import { silentLog } from "../log.ts";
import type { Connection, Listener } from "../net.ts";
import { createNodeClock } from "./clock.ts";
import { createNodeNet } from "./net.ts";
import { createTestAuthority } from "./test-certificates.ts";
import { type LiveLimit, limitsOf, watchLimits } from "./test-live-limits.ts";

const net = createNodeNet({ clock: createNodeClock(), log: silentLog });
const before = getCACertificates("default");
const sizes = { maxMessageBytes: MAX_TRANSPORT_BYTES };
const dialOptions = { ...sizes, timeoutMs: 10_000 };
const rows = new Map<string, number>(listSettings(createSettings()).map(({ name, value }) => [name, value]));
let found: readonly LiveLimit[] = [];

/** Rows that properties have their values from, wherever they are found. */
const ROW_OF: Readonly<Record<string, string>> = {
  "handshake-timeout": "tlsHandshakeTimeoutMs",
  headersTimeout: "requestHeadersTimeoutMs",
  requestTimeout: "requestTimeoutMs",
  keepAliveTimeoutBuffer: "requestKeepAliveExtraMs",
  connectionsCheckingInterval: "requestCheckMs",
  maxHeadersCount: "requestHeaders",
  maxHeaderPairs: "requestHeaders",
  maxRequestsPerSocket: "requestsPerSocket",
  sessionTimeout: "tlsResumeMs",
  keepAliveInitialDelay: "tcpKeepAliveMs",
  kSetKeepAliveInitialDelay: "tcpKeepAliveMs",
  maxPendingAutoPongs: "unansweredPings",
  closeTimeout: "closeTimeoutMs",
  maxBufferedChunks: "messageChunks",
  maxFragments: "messageFragments",
  maxPayload: "transportBytes",
  autoSelectFamilyAttemptTimeout: "addressAttemptMs",
};
/** Seconds are of TLS; a header is two strings to the parser. */
const TIMES: Readonly<Record<string, number>> = { sessionTimeout: 1000, maxHeaderPairs: 0.5 };

/** Which row a property has its value from, and that value as the row would say it. */
function listedAs({ on, name: found, value }: LiveLimit): { readonly row: string | undefined; readonly value: number } {
  const name = found.replace(/^_/, "");
  const [serves, accepted] = [on.endsWith("server"), on.startsWith("accepted")];
  switch (name) {
    case "handshakeTimeout":
      return { row: accepted ? "tlsHandshakeTimeoutMs" : "handshakesOpenMs", value };
    case "keepAliveTimeout":
      return { row: serves ? "requestKeepAliveMs" : "socketIdleMs", value };
    case "timeout":
      return { row: serves || (accepted && !on.endsWith("WebSocket") && value > 0) ? "requestIdleMs" : "socketIdleMs", value };
    case "maxHeaderSize":
      return { row: serves ? "requestHeaderBytes" : "answerHeaderBytes", value };
    default:
      return { row: ROW_OF[name], value: value * (TIMES[name] ?? 1) };
  }
}

/** What limits nothing here, and why. */
const NOT_IN_FORCE: Readonly<Record<string, string>> = {
  maxRedirects: "redirects are not followed",
  keepAliveMsecs: "a request has an agent of its own, which keeps no connection",
  maxFreeSockets: "the same",
  agentKeepAliveTimeoutBuffer: "the same",
  maxCachedSessions: "the same",
  maxSockets: "without end",
  maxTotalSockets: "without end",
};

const unlisted = (limits: readonly LiveLimit[]): readonly string[] =>
  limits.flatMap((each) => {
    if (Object.hasOwn(NOT_IN_FORCE, each.name)) return [];
    const listed = listedAs(each);
    return listed.row !== undefined && rows.get(listed.row) === listed.value ? [] : [`${each.name} = ${each.value} (${each.on})`];
  });

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "perdure-limits-"));
  const authority = await createTestAuthority(folder);
  setDefaultCACertificates([...before, await readFile(authority.certificateFile, "utf8")]);
  const accepted: Connection[] = [];
  const options = {
    ...sizes,
    limits: createSettings(),
    onConnection: (each: Connection) => void accepted.push(each),
    onRequest: () => new Response("here"),
  };
  const watch = watchLimits();
  const listeners: readonly Listener[] = [
    await net.listen("ws://localhost:0", options),
    await net.listen("wss://localhost:0", { ...options, tls: await authority.issue(1) }),
    await net.listen(`unix:${join(folder, "a.sock")}`, options),
  ];
  const dialled = await Promise.all(listeners.map(({ address }) => net.dial(address, dialOptions)));
  await Promise.all(
    listeners.slice(0, 2).map(({ address }) => net.get(address.replace(/^ws/, "http"), { timeoutMs: 10_000, maxBytes: 1024 })),
  );
  await vi.waitFor(() => expect(accepted).toHaveLength(3), { timeout: 10_000 });
  found = watch.stop();
  for (const connection of dialled) connection.close();
  await Promise.all(listeners.map((listener) => listener.close()));
  await rm(folder, { recursive: true });
}, 60_000);
afterAll(() => setDefaultCACertificates(before));

test("whatever looks like a wait or a limit on live objects is the value of a listed row", () => {
  expect(unlisted(found)).toEqual([]);
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
  expect(unlisted(limitsOf(server, "HTTP server"))).toEqual(
    expect.arrayContaining(["requestTimeout = 300000 (HTTP server)", "headersTimeout = 60000 (HTTP server)", "timeout = 0 (HTTP server)"]),
  );
  const asked = request({ host: "127.0.0.1", port: 9, timeout: 1234 }).on("error", () => {});
  expect(unlisted(limitsOf(asked, "request"))).toContain("timeout = 1234 (request)");
  asked.destroy();
  const webSocket = new WebSocket("ws://127.0.0.1:9").on("error", () => {});
  expect(unlisted(limitsOf(webSocket, "dialled WebSocket"))).toContain("_closeTimeout = 30000 (dialled WebSocket)");
  webSocket.terminate();
});

test("a relay's own settings reach its port", async () => {
  const settings = createSettings({ requestTimeoutMs: 7000, requestHeadersTimeoutMs: 6000, requestIdleMs: 5000, requestKeepAliveMs: 4000 });
  const watch = watchLimits();
  const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, limits: settings, onConnection: () => {} });
  const inForce = new Map(watch.stop().map(({ name, value }) => [name, value]));
  await listener.close();
  expect(["requestTimeout", "headersTimeout", "timeout", "keepAliveTimeout"].map((name) => inForce.get(name))).toEqual([
    7000, 6000, 5000, 4000,
  ]);
});

/** Defaults nobody chose, put by mistake where they would strike: each is named by the report, and without them it is empty. */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { getDefaultAutoSelectFamily, type Socket, setDefaultAutoSelectFamily } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { getDefaultHighWaterMark, setDefaultHighWaterMark } from "node:stream";
import tls from "node:tls";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { listExternal, unchosen } from "../../settings/external.ts";
import { MACHINE } from "../../settings/machine.ts";
import { silentLog } from "../log.ts";
import { createNodeClock } from "./clock.ts";
import { createNodeExternal, type Places } from "./external.ts";
import { createLiveLimits, type LiveLimits } from "./live-limits.ts";
import { createNodeNet } from "./net.ts";
import { askOver, openEveryListener } from "./test-every-listener.ts";

const limits = createLiveLimits();
// bound: the objects of one test
const made = new Map<string, object>();
const live: LiveLimits = {
  ...limits,
  watch: (object, on, of) => {
    made.set(on, object);
    limits.watch(object, on, of);
  },
};
const net = createNodeNet({ clock: createNodeClock(), log: silentLog, live });
const environment: Record<string, string> = {};
const execArgv: string[] = [];
let folder = "";
let close = async (): Promise<void> => {};

/** What a Linux machine shows of itself, as it was reviewed. */
const KERNEL: Readonly<Record<string, string>> = {
  "self/limits":
    "Limit                     Soft Limit           Hard Limit           Units\nMax file size             unlimited            unlimited            bytes\nMax processes             31000                31000                processes\nMax open files            20000                20000                files\nMax address space         unlimited            unlimited            bytes\n",
  "sys/net/core/somaxconn": "4096\n",
  "sys/net/ipv4/tcp_max_syn_backlog": "1024\n",
  "sys/net/ipv4/tcp_keepalive_time": "7200\n",
  "sys/net/ipv4/tcp_keepalive_intvl": "75\n",
  "sys/net/ipv4/tcp_keepalive_probes": "9\n",
  "sys/net/ipv4/tcp_retries2": "15\n",
  "sys/net/ipv4/tcp_syn_retries": "6\n",
  "sys/net/ipv4/tcp_fin_timeout": "60\n",
  "sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
  "sys/net/netfilter/nf_conntrack_tcp_timeout_established": "432000\n",
  "sys/net/netfilter/nf_conntrack_max": "262144\n",
  "self/task/1/comm": "libuv-worker\n",
  "self/task/2/comm": "libuv-worker\n",
  "self/task/3/comm": "libuv-worker\n",
  "self/task/4/comm": "libuv-worker\n",
  "self/task/5/comm": "MainThread\n",
};

async function report(): Promise<readonly string[]> {
  const places: Places = { proc: join(folder, "proc"), environment, execArgv };
  const external = createNodeExternal(live, places);
  return unchosen(listExternal(external.declared, await external.read(folder), external.live())).map(({ name }) => name);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-unchosen-"));
  for (const [path, text] of Object.entries(KERNEL)) {
    await mkdir(dirname(join(folder, "proc", path)), { recursive: true });
    await writeFile(join(folder, "proc", path), text);
  }
  await cp(join(folder, "proc"), join(folder, "proc-before"), { recursive: true });
  close = await openEveryListener(net, folder, ([, plain]) => askOver(net, plain));
}, 60_000);

afterAll(async () => {
  await close();
  await rm(folder, { recursive: true });
});

/** Sets a property for the time of one look; a symbol by its description. */
function setting(on: string, name: string, value: unknown, within?: string): () => () => void {
  return () => {
    const whole = made.get(on);
    const object: object | undefined = within === undefined ? whole : Reflect.get(whole ?? {}, within);
    if (object === undefined) throw new Error(`there is no ${on}`);
    const key = Object.getOwnPropertySymbols(object).find(({ description }) => description === name) ?? name;
    const [had, was] = [Object.hasOwn(object, key), Reflect.get(object, key)];
    Reflect.set(object, key, value);
    return () => void (had ? Reflect.set(object, key, was) : Reflect.deleteProperty(object, key));
  };
}

function calling(on: string, call: (socket: Socket) => void, undo: (socket: Socket) => void): () => () => void {
  return () => {
    const socket = made.get(on) as Socket;
    call(socket);
    return () => undo(socket);
  };
}

function kernel(path: string, text: string): () => Promise<() => Promise<void>> {
  return async () => {
    await writeFile(join(folder, "proc", path), text);
    return async () => await cp(join(folder, "proc-before"), join(folder, "proc"), { recursive: true });
  };
}

type Planting = readonly [row: string, plant: () => (() => unknown) | Promise<() => unknown>];

const PLANTED: readonly Planting[] = [
  // Servers as Node makes them
  ["HTTP server: timeout", setting("HTTP server", "timeout", 120_000)],
  ["HTTP server: keepAliveTimeout", setting("HTTP server", "keepAliveTimeout", 65_000)],
  ["HTTP server: headersTimeout", setting("HTTP server", "headersTimeout", 60_000)],
  ["HTTP server: requestTimeout", setting("HTTP server", "requestTimeout", 300_000)],
  ["HTTP server: maxHeadersCount", setting("HTTP server", "maxHeadersCount", 2000)],
  ["HTTP server: maxRequestsPerSocket", setting("HTTP server", "maxRequestsPerSocket", 100)],
  ["HTTP server: maxHeaderSize", setting("HTTP server", "maxHeaderSize", 8192)],
  ["HTTP server: maxConnections", setting("HTTP server", "maxConnections", 50)],
  ["HTTPS server: sessionTimeout", setting("HTTPS server", "sessionTimeout", 7200)],
  ["HTTPS server: handshake-timeout", setting("HTTPS server", "handshake-timeout", 120_000)],
  ["local socket server: maxConnections", setting("local socket server", "maxConnections", 4)],
  // The WebSocket library
  ["WebSocket server, options: perMessageDeflate", setting("WebSocket server", "perMessageDeflate", true, "options")],
  ["WebSocket server, options: maxPayload", setting("WebSocket server", "maxPayload", 100 * 1024 * 1024, "options")],
  ["accepted WebSocket: _closeTimeout", setting("accepted WebSocket", "_closeTimeout", 30_000)],
  ["accepted WebSocket, _receiver: _maxPayload", setting("accepted WebSocket", "_maxPayload", 1024, "_receiver")],
  ["dialled WebSocket, _extensions: permessage-deflate", setting("dialled WebSocket", "permessage-deflate", {}, "_extensions")],
  // Sockets and requests
  [
    "accepted socket below a WebSocket: timeout",
    calling(
      "accepted socket below a WebSocket",
      (socket) => socket.setTimeout(60_000),
      (socket) => socket.setTimeout(0),
    ),
  ],
  [
    "dialled socket below a WebSocket: timeout",
    calling(
      "dialled socket below a WebSocket",
      (socket) => socket.setTimeout(2_820_000),
      (socket) => socket.setTimeout(0),
    ),
  ],
  [
    "dialled socket below a WebSocket: kSetKeepAlive",
    calling(
      "dialled socket below a WebSocket",
      (socket) => socket.setKeepAlive(true),
      (socket) => socket.setKeepAlive(false),
    ),
  ],
  ["request: timeout", setting("request", "timeout", 5000)],
  // This process
  [
    "addressRace",
    () => {
      const was = getDefaultAutoSelectFamily();
      setDefaultAutoSelectFamily(false);
      return () => setDefaultAutoSelectFamily(was);
    },
  ],
  [
    "streamBufferBytes",
    () => {
      const was = getDefaultHighWaterMark(false);
      setDefaultHighWaterMark(false, 1024);
      return () => setDefaultHighWaterMark(false, was);
    },
  ],
  [
    "tlsVersion",
    () => {
      const was = tls.DEFAULT_MIN_VERSION;
      tls.DEFAULT_MIN_VERSION = "TLSv1";
      return () => {
        tls.DEFAULT_MIN_VERSION = was;
      };
    },
  ],
  [
    "tlsRenegotiations",
    () => {
      const was = tls.CLIENT_RENEG_LIMIT;
      Reflect.set(tls, "CLIENT_RENEG_LIMIT", 1000);
      return () => Reflect.set(tls, "CLIENT_RENEG_LIMIT", was);
    },
  ],
  [
    "longestTimerMs",
    () => {
      const real = globalThis.setTimeout;
      const overflowing = (then: () => void, delayMs: number) => real(then, delayMs + 1);
      vi.stubGlobal("setTimeout", overflowing);
      return () => vi.unstubAllGlobals();
    },
  ],
  [
    "tlsVerified",
    () => {
      environment["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
      return () => delete environment["NODE_TLS_REJECT_UNAUTHORIZED"];
    },
  ],
  // The system
  ["openFiles", kernel("self/limits", KERNEL["self/limits"]?.replaceAll("20000", "256  ") ?? "")],
  [
    "fileSizeBytes",
    kernel("self/limits", KERNEL["self/limits"]?.replace("size             unlimited", "size             1048576  ") ?? ""),
  ],
  ["acceptBacklog", kernel("sys/net/core/somaxconn", "64\n")],
  ["resendTries", kernel("sys/net/ipv4/tcp_retries2", "3\n")],
  ["keepAliveStartMs", kernel("sys/net/ipv4/tcp_keepalive_time", "20\n")],
  ["outgoingPorts", kernel("sys/net/ipv4/ip_local_port_range", "60000 60999\n")],
  ["trackedIdleMs", kernel("sys/net/netfilter/nf_conntrack_tcp_timeout_established", "60\n")],
  ["workThreads", kernel("self/task/4/comm", "MainThread\n")],
];

test("nothing is reported where nothing was planted", async () => {
  expect(await report()).toEqual([]);
});

test.each(PLANTED)("%s is reported, alone, for as long as it is there", async (row, plant) => {
  const undo = await plant();
  const during = await report();
  await undo();
  expect(during).toEqual([row]);
  expect(await report()).toEqual([]);
});

test("there are at least 25 of them, of every origin that a process has", () => {
  expect(new Set(PLANTED.map(([row]) => row)).size).toBeGreaterThanOrEqual(25);
});

test("what an operator says by flag or variable is chosen", async () => {
  execArgv.push("--max-old-space-size=64");
  environment["UV_THREADPOOL_SIZE"] = "2";
  const places: Places = { proc: join(folder, "proc"), environment, execArgv };
  const rows = listExternal(MACHINE, await createNodeExternal(live, places).read(folder));
  execArgv.pop();
  delete environment["UV_THREADPOOL_SIZE"];
  const sources = Object.fromEntries(rows.filter(({ chosenBy }) => chosenBy === "operator").map(({ name, source }) => [name, source]));
  expect(sources).toEqual({ heapBytes: "--max-old-space-size=64", workThreads: "$UV_THREADPOOL_SIZE" });
});

test("a machine that shows nothing of itself is said to be unknown, and nothing is made up", async () => {
  const places: Places = { proc: join(folder, "nothing"), environment: {}, execArgv: [] };
  const rows = listExternal(MACHINE, await createNodeExternal(live, places).read(join(folder, "nothing")));
  const unknown = rows.filter(({ chosenBy }) => chosenBy === "unknown");
  expect(unknown.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["acceptBacklog", "resendTries", "outgoingPorts", "volatileDisk", "workThreads"]),
  );
  for (const row of unknown) expect(row).not.toHaveProperty("value");
  expect(unchosen(rows)).toEqual([]);
});

test.runIf(process.platform === "linux")("Node's report says of this process's limits what the system's own table does", async () => {
  const limitsIn = async (proc: string) => {
    const readings = await createNodeExternal(live, { proc, environment: {}, execArgv: [] }).read(folder);
    return readings.filter(({ name }) => ["openFiles", "userProcesses", "fileSizeBytes", "addressSpaceBytes"].includes(name));
  };
  const told = await limitsIn("/proc");
  expect(told.map(({ value }) => typeof value)).toEqual(["number", "number", "number", "number"]);
  expect(await limitsIn(join(folder, "nothing"))).toEqual(told);
});

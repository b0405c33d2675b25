/** Reads what the system and Node impose on this process; what one machine does not tell is said to be unknown. */
import { constants } from "node:buffer";
import { readdir, readFile, statfs } from "node:fs/promises";
import { getDefaultAutoSelectFamily } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { getDefaultHighWaterMark } from "node:stream";
import tls from "node:tls";
import { getHeapStatistics } from "node:v8";
import { type ExternalReading, type MachineName, UNLIMITED } from "../../settings/external.ts";
import { MACHINE } from "../../settings/machine.ts";
import type { External } from "../external.ts";
import type { LiveLimits } from "./live-limits.ts";

/** Of `statfs`: file systems that are gone with the machine's memory. */
const IN_MEMORY = new Set([0x01021994, 0x858458f6]);
const SECOND_MS = 1000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export interface Places {
  /** Where the system shows its own numbers. */
  readonly proc: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly execArgv: readonly string[];
}

const HERE: Places = { proc: "/proc", environment: process.env, execArgv: process.execArgv };

export function createNodeExternal(live: LiveLimits, places: Places = HERE): External {
  return { declared: MACHINE, read: async (folder) => await readExternal(folder, places), live: () => live.unlisted() };
}

async function readExternal(folder: string, places: Places): Promise<readonly ExternalReading[]> {
  const [limits, kernel, disk, threads] = await Promise.all([
    readLimits(places),
    readKernel(places),
    readDisk(folder),
    readThreads(places),
  ]);
  return [...limits, ...kernel, ...disk, threads, ...readNode(places)];
}

const LIMIT_LINES = {
  openFiles: "Max open files",
  userProcesses: "Max processes",
  fileSizeBytes: "Max file size",
  addressSpaceBytes: "Max address space",
} as const satisfies Partial<Record<MachineName, string>>;

const REPORTED = {
  openFiles: "open_files",
  userProcesses: "max_user_processes",
  fileSizeBytes: "file_size_blocks",
  addressSpaceBytes: "virtual_memory_bytes",
} as const;

/** From the process's own table, else from Node's report, which every POSIX system has. */
async function readLimits({ proc }: Places): Promise<readonly ExternalReading[]> {
  const names = Object.keys(LIMIT_LINES) as (keyof typeof LIMIT_LINES)[];
  const text = await textOf(join(proc, "self/limits"));
  if (text !== undefined)
    return names.map((name) => {
      const [soft] = (text.split("\n").find((line) => line.startsWith(LIMIT_LINES[name])) ?? "")
        .slice(LIMIT_LINES[name].length)
        .trim()
        .split(/\s+/);
      return reading(name, sizeOf(soft), "the process's table of limits lacks it");
    });
  const reported = userLimits();
  // All of them in bytes, whatever their names say.
  return names.map((name) =>
    reading(name, sizeOf(String(reported?.[REPORTED[name]]?.soft)), "this system has no such limit for processes"),
  );
}

interface UserLimits {
  readonly [name: string]: { readonly soft: unknown } | undefined;
}

function userLimits(): UserLimits | undefined {
  const report = process.report as typeof process.report & { excludeNetwork?: boolean };
  const before = report.excludeNetwork ?? false;
  // Asking for the names of every address of this machine may take seconds.
  report.excludeNetwork = true;
  try {
    return (report.getReport() as { readonly userLimits?: UserLimits }).userLimits;
  } finally {
    report.excludeNetwork = before;
  }
}

const KERNEL: readonly (readonly [MachineName, string, number])[] = [
  ["acceptBacklog", "sys/net/core/somaxconn", 1],
  ["halfOpenBacklog", "sys/net/ipv4/tcp_max_syn_backlog", 1],
  ["keepAliveStartMs", "sys/net/ipv4/tcp_keepalive_time", SECOND_MS],
  ["keepAlivePauseMs", "sys/net/ipv4/tcp_keepalive_intvl", SECOND_MS],
  ["keepAliveTries", "sys/net/ipv4/tcp_keepalive_probes", 1],
  ["resendTries", "sys/net/ipv4/tcp_retries2", 1],
  ["connectTries", "sys/net/ipv4/tcp_syn_retries", 1],
  ["lingerMs", "sys/net/ipv4/tcp_fin_timeout", SECOND_MS],
  ["trackedIdleMs", "sys/net/netfilter/nf_conntrack_tcp_timeout_established", SECOND_MS],
  ["trackedConnections", "sys/net/netfilter/nf_conntrack_max", 1],
];

async function readKernel({ proc }: Places): Promise<readonly ExternalReading[]> {
  const rows = KERNEL.map(async ([name, path, times]): Promise<ExternalReading> => {
    const text = await textOf(join(proc, path));
    const isTracking = name.startsWith("tracked");
    if (text === undefined && isTracking) return { name, absent: true };
    const value = sizeOf(text);
    return reading(name, value === undefined ? undefined : value * times, `${join(proc, path)} cannot be read on this system`);
  });
  const ports = textOf(join(proc, "sys/net/ipv4/ip_local_port_range")).then((text) => {
    const [first, last] = (text ?? "").trim().split(/\s+/).map(sizeOf);
    return reading(
      "outgoingPorts",
      first === undefined || last === undefined ? undefined : last - first + 1,
      "this system does not show its range of ports",
    );
  });
  return await Promise.all([...rows, ports]);
}

async function readDisk(folder: string): Promise<readonly ExternalReading[]> {
  const found = await statfs(folder).catch(() => undefined);
  if (found === undefined)
    return (["volatileDisk", "freeFiles"] as const).map((name) => reading(name, undefined, "the folder is not there yet"));
  const isLinux = process.platform === "linux";
  return [
    reading("volatileDisk", isLinux ? Number(IN_MEMORY.has(found.type)) : undefined, "the kinds of file systems are known on Linux only"),
    // File systems that make room for files as they come say 0 of 0.
    found.files === 0 ? { name: "freeFiles", absent: true } : reading("freeFiles", found.ffree, ""),
  ];
}

/** The pool begins all its threads with the first work, which reading files is. */
async function readThreads({ proc, environment }: Places): Promise<ExternalReading> {
  const name = "workThreads";
  const set = environment["UV_THREADPOOL_SIZE"];
  const chosen = set === undefined ? {} : { operator: "$UV_THREADPOOL_SIZE" };
  const tasks = await readdir(join(proc, "self/task")).catch(() => undefined);
  if (tasks === undefined) return { ...reading(name, sizeOf(set), "threads are counted on Linux only"), ...chosen };
  const called = await Promise.all(tasks.map((task) => textOf(join(proc, "self/task", task, "comm"))));
  const count = called.filter((each) => each?.trim() === "libuv-worker").length;
  return { ...reading(name, count === 0 ? sizeOf(set) : count, "this system does not name threads"), ...chosen };
}

function readNode({ environment, execArgv }: Places): readonly ExternalReading[] {
  const flags = [...execArgv, ...(environment["NODE_OPTIONS"] ?? "").split(/\s+/)];
  const flag = (word: RegExp): { readonly operator?: string } => {
    const found = flags.find((each) => word.test(each));
    return found === undefined ? {} : { operator: found };
  };
  const constrained = process.constrainedMemory();
  return [
    { name: "heapBytes", value: getHeapStatistics().heap_size_limit, ...flag(/^--max[-_](old[-_]space|heap)[-_]size/) },
    // Without a limit the system says 0, or more than any machine has.
    { name: "memoryBytes", value: constrained === 0 || constrained >= UNLIMITED ? UNLIMITED : constrained },
    reading("longestTimerMs", longestTimerMs(), "timers of this process are not those of Node"),
    { name: "addressRace", value: Number(getDefaultAutoSelectFamily()), ...flag(/^--no-network-family-autoselection$/) },
    { name: "streamBufferBytes", value: getDefaultHighWaterMark(false) },
    { name: "bufferBytes", value: constants.MAX_LENGTH },
    { name: "tlsRenegotiations", value: tls.CLIENT_RENEG_LIMIT },
    { name: "tlsRenegotiationMs", value: tls.CLIENT_RENEG_WINDOW * SECOND_MS },
    { name: "tlsVersion", value: Number(tls.DEFAULT_MIN_VERSION.replace(/^TLSv1$/, "1.0").replace("TLSv", "")) },
    { name: "tlsVerified", value: Number(environment["NODE_TLS_REJECT_UNAUTHORIZED"] !== "0") },
  ];
}

function longestTimerMs(): number | undefined {
  const timer = setTimeout(() => {}, LONGEST_TIMER_MS);
  const keeps: unknown = Reflect.get(timer, "_idleTimeout");
  clearTimeout(timer);
  return typeof keeps === "number" && keeps > 0 ? keeps : undefined;
}

function reading(name: MachineName, value: number | undefined, unknown: string): ExternalReading {
  return value === undefined ? { name, unknown } : { name, value };
}

function sizeOf(text: string | undefined): number | undefined {
  const word = text?.trim() ?? "";
  if (word === "unlimited") return UNLIMITED;
  return /^\d+$/.test(word) ? Math.min(Number(word), UNLIMITED) : undefined;
}

async function textOf(path: string): Promise<string | undefined> {
  return await readFile(path, "utf8").catch(() => undefined);
}

/** The process that makes the load, and all of it: told by its parent what to do, one thing at a time. */
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import process from "node:process";
import type { Adapter, CreateAdapter, Line, Place } from "./line.ts";
import { createMqttAdapter } from "./mqtt-lines.ts";
import { createNaiveAdapter } from "./naive-lines.ts";
import { createNatsAdapter } from "./nats-lines.ts";
import { createPerdureAdapter } from "./perdure-lines.ts";
import { machineMicros, processorMicros, residentBytes } from "./process-figures.ts";
import { createRedisAdapter } from "./redis-lines.ts";
import { createTraffic, type TimesMs, type Traffic } from "./traffic.ts";
import { createWires } from "./wire.ts";

const ADAPTERS = {
  perdure: createPerdureAdapter,
  nats: createNatsAdapter,
  mqtt: createMqttAdapter,
  redis: createRedisAdapter,
  naive: createNaiveAdapter,
} as const satisfies Readonly<Record<string, CreateAdapter>>;

export type AdapterName = keyof typeof ADAPTERS;

/** What the process is asked to do. */
export type Task =
  | { readonly do: "open"; readonly adapter: AdapterName; readonly place: Place; readonly reads: boolean; readonly pids: readonly number[] }
  | { readonly do: "attach"; readonly pids: readonly number[]; readonly settleMs: number }
  | { readonly do: "round"; readonly pids: readonly number[]; readonly warmUpMs: number; readonly ms: number }
  | { readonly do: "drain"; readonly pids: readonly number[]; readonly warmUpMs: number; readonly messages: number };

export interface Attached {
  readonly attached: number;
  readonly seconds: number;
  /** Memory and processor time of the servers, since before the first mailbox was made. */
  readonly bytes: number;
  readonly micros: number;
}

export interface Round {
  readonly messages: number;
  readonly seconds: number;
  /** Processor time of each server. */
  readonly micros: readonly number[];
  /** Of this process, as a share of one core: near 1 it is the load that was slow. */
  readonly generator: number;
  /** Cores that were busy with neither this nor the servers: near 0 on a machine that does nothing else. */
  readonly others: number;
  readonly delivery: TimesMs;
  readonly ack: TimesMs;
}

export interface Drained {
  readonly storeSeconds: number;
  readonly storeMicros: number;
  /** From its dialling until the reader has all of it ... */
  readonly readSeconds: number;
  /** ... and until the server has taken the last acknowledgement. */
  readonly drainSeconds: number;
  readonly drainMicros: number;
  /** Of this process until the reader had all of it, as a share of one core. */
  readonly generator: number;
}

/** Sessions that begin at once. */
const AT_ONCE = 32;
const QUIET_MS = 120_000;
const LOOK_MS = 2;
/** Of a process, where a higher number is less: it runs when nobody else would. */
const LOWEST_PRIORITY = 19;
/** Of work beside a round: longer than any. */
const LONGEST_WORK_MS = 120_000;
/** Outstanding of the one that fills a mailbox. */
const FILLING = 64;

interface Load {
  readonly adapter: Adapter;
  readonly traffic: Traffic;
  readonly place: Place;
  readonly lines: (Line | undefined)[];
  /** Memory and processor time of the servers when nothing was prepared. */
  readonly bytesBefore: number;
  readonly microsBefore: number;
}

let failed: (error: unknown) => void = (error) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
};
const broken = new Promise<never>((_, reject) => {
  failed = reject;
});
broken.catch(() => undefined);
let load: Load | undefined;

function open({ adapter, place, reads, pids }: Extract<Task, { readonly do: "open" }>): Promise<void> {
  const lines: (Line | undefined)[] = [];
  let made: Adapter | undefined;
  const traffic = createTraffic({
    agents: place.agents,
    window: reads ? place.window : FILLING,
    lineOf: (agent) => lines[agent],
    tellsAcks: () => made?.tellsAcks ?? true,
    reads,
    failed,
  });
  made = ADAPTERS[adapter](place, traffic, createWires(traffic));
  load = { adapter: made, traffic, place, lines, bytesBefore: sumOf(pids, residentBytes), microsBefore: sumOf(pids, processorMicros) };
  return made.prepare();
}

async function attachOne({ adapter, lines, traffic }: Load, agent: number): Promise<Line> {
  const line = await adapter.attach(agent);
  lines[agent] = line;
  traffic.owes(agent);
  return line;
}

async function attachAll(given: Load, pids: readonly number[], settleMs: number): Promise<Attached> {
  const { place, lines, bytesBefore, microsBefore } = given;
  const startedAt = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < place.agents) await attachOne(given, next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  const seconds = (performance.now() - startedAt) / 1000;
  const micros = sumOf(pids, processorMicros) - microsBefore;
  await pause(settleMs);
  const attached = lines.filter((line) => line !== undefined).length;
  return { attached, seconds, bytes: sumOf(pids, residentBytes) - bytesBefore, micros };
}

async function round({ traffic, adapter, place }: Load, pids: readonly number[], warmUpMs: number, ms: number): Promise<Round> {
  using work = place.how["beside"] === "work" ? besideWork() : undefined;
  traffic.go();
  await pause(warmUpMs);
  traffic.clearTimes();
  const cpu = pids.map(processorMicros);
  const [own, machine, beside] = [process.cpuUsage(), machineMicros(), work?.micros() ?? 0];
  const [ended, startedAt] = [traffic.ended, performance.now()];
  await pause(ms);
  const [messages, seconds] = [traffic.ended - ended, (performance.now() - startedAt) / 1000];
  const micros = pids.map((pid, at) => processorMicros(pid) - (cpu[at] ?? 0));
  const { user, system } = process.cpuUsage(own);
  const known = micros.reduce((sum, each) => sum + each, user + system) + (work?.micros() ?? 0) - beside;
  const others = machineMicros() - machine - known;
  const { delivery, ack } = traffic;
  traffic.stop();
  await until(() => traffic.outstanding === 0, "what was under way did not end");
  await adapter.tidy?.();
  return {
    messages,
    seconds,
    micros,
    generator: (user + system) / 1e6 / seconds,
    others: Math.max(0, others) / 1e6 / seconds,
    delivery,
    ack,
  };
}

interface Work extends Disposable {
  /** Processor time of it. */
  micros(): number;
}

/** Keeps every processor busy that has nothing else to do: the threads of a core, where it has several, are each slower while the others work. */
function besideWork(): Work {
  // Also when this process is gone before it.
  const loop = `require("node:os").setPriority(${LOWEST_PRIORITY}); while (performance.now() < ${LONGEST_WORK_MS});`;
  const loops = Array.from({ length: availableParallelism() }, () => spawn(process.execPath, ["-e", loop], { stdio: "ignore" }));
  return {
    micros: () =>
      sumOf(
        loops.map(({ pid }) => pid).filter((pid) => pid !== undefined),
        processorMicros,
      ),
    [Symbol.dispose]: () => {
      for (const each of loops) each.kill("SIGKILL");
    },
  };
}

/** Agent 0 writes while agent 1 is away; then agent 1 comes back and reads. */
async function drain(given: Load, pids: readonly number[], messages: number): Promise<Drained> {
  const { lines, traffic, adapter } = given;
  const reader = lines[1] ?? (await attachOne(given, 1));
  const writer = lines[0] ?? (await attachOne(given, 0));
  await pause(200);
  lines[1] = undefined;
  await reader.close();
  await pause(200);
  const [before, cpu, startedAt] = [traffic.ended, sumOf(pids, processorMicros), performance.now()];
  traffic.go(0, before + messages);
  await until(() => traffic.ended - before === messages, "the mailbox did not fill");
  const storeSeconds = (performance.now() - startedAt) / 1000;
  const storeMicros = sumOf(pids, processorMicros) - cpu;
  await writer.settled();
  await pause(500);
  const [cpuThen, drainedFrom, own] = [sumOf(pids, processorMicros), performance.now(), process.cpuUsage()];
  const back = await attachOne(given, 1);
  await until(() => traffic.read === traffic.ended, "the mailbox did not empty");
  const readSeconds = (performance.now() - drainedFrom) / 1000;
  const { user, system } = process.cpuUsage(own);
  await back.settled();
  const drainSeconds = (performance.now() - drainedFrom) / 1000;
  const drainMicros = sumOf(pids, processorMicros) - cpuThen;
  await adapter.tidy?.();
  return { storeSeconds, storeMicros, readSeconds, drainSeconds, drainMicros, generator: (user + system) / 1e6 / readSeconds };
}

async function until(isSo: () => boolean, otherwise: string): Promise<void> {
  for (const startedAt = performance.now(); !isSo(); await pause(LOOK_MS))
    if (performance.now() - startedAt > QUIET_MS) throw new Error(otherwise);
}

function sumOf(pids: readonly number[], figure: (pid: number) => number): number {
  return pids.reduce((sum, pid) => sum + figure(pid), 0);
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

async function perform(task: Task): Promise<unknown> {
  if (task.do === "open") return await open(task);
  if (load === undefined) throw new Error("nothing is open");
  switch (task.do) {
    case "attach":
      return await attachAll(load, task.pids, task.settleMs);
    case "round":
      return await round(load, task.pids, task.warmUpMs, task.ms);
    case "drain":
      for (const startedAt = performance.now(); performance.now() - startedAt < task.warmUpMs; )
        await drain(load, task.pids, task.messages);
      return await drain(load, task.pids, task.messages);
  }
}

process.on("message", (task) => {
  Promise.race([perform(task as Task), broken]).then(
    (done) => process.send?.({ done: done ?? null }),
    (error: unknown) => process.send?.({ failed: error instanceof Error ? error.message : String(error) }),
  );
});
process.once("disconnect", () => process.exit());

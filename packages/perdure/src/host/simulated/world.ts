/**
 * A world: processes on simulated machines, over one virtual clock, one network, disks that lose power, and
 * cryptography with the right behaviour. One seed gives one history, bit for bit; `historyHash` says so.
 *
 * The world runs one event, lets everything that follows from it in the same instant settle, calls the hooks, and only
 * then goes to the next. Code under test may therefore wait for nothing but its Host.
 */
import { PerdureError } from "../../wire/error.ts";
import type { Crypto, Hash } from "../crypto.ts";
import type { Host } from "../host.ts";
import type { LogFields, LogLevel } from "../log.ts";
import type { PointName } from "../points.ts";
import { createCheapCrypto } from "./cheap-crypto.ts";
import type { DatagramSocket } from "./datagrams.ts";
import type { CrashPick, Disk } from "./disk.ts";
import { createDisk, ONLY_SYNCED } from "./disk.ts";
import type { DiskFaults, DiskWork } from "./disk-files.ts";
import { createDiskFiles, healthyDisk } from "./disk-files.ts";
import type { Draws } from "./draws.ts";
import { createDraws } from "./draws.ts";
import { createHistory } from "./history.ts";
import type { NatEndpoint } from "./nat.ts";
import type { Network } from "./network.ts";
import { createNetwork } from "./network.ts";
import { createOrderedCrypto } from "./ordered-crypto.ts";
import { type Pace, turnPerEvent } from "./pace.ts";
import type { LinkProfile } from "./pipe.ts";
import { type Armed, createPoints } from "./points.ts";
import type { Process } from "./schedule.ts";
import { called, createSchedule } from "./schedule.ts";
import type { ClockErrors } from "./virtual-clock.ts";
import { createVirtualClock } from "./virtual-clock.ts";
import type { Watch, Watcher } from "./watcher.ts";

export interface WorldOptions {
  readonly seed: number | string;
  readonly hash: Hash;
  /** Real cryptography instead of the cheap one. Its own randomness is then not the world's: only lengths enter the history. */
  readonly crypto?: Crypto;
  /** Whether results of cheap cryptography come at once, or as events in any order (the default). */
  readonly cryptoOrder?: "at-once" | "any";
  /** Whether `ws:` connections count as local, where sessions may go unprotected. Default false. */
  readonly localConnections?: boolean;
  readonly link?: Partial<LinkProfile>;
  /** How one event follows the other; one real turn each by default. */
  readonly pace?: Pace;
}

export interface HostOptions {
  /** The machine whose disk the host uses; its own name by default. Processes with one disk share files, locks and `unix:` paths. */
  readonly disk?: string;
  readonly wallOffsetMs?: number;
  readonly driftPpm?: number;
  /** What the machine's random numbers are drawn from; another process with the same draws the same. */
  readonly randomFrom?: string;
}

/** Told of everything that is sealed: which key was used for which text. */
export type SealTap = (host: string, key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array) => void;

export interface SimulatedDisk extends DiskFaults {
  readonly disk: Disk;
  /** Mean times of the kinds of work, milliseconds. */
  readonly delayMs: Record<DiskWork, number>;
  /** While true nothing this disk is asked ends. */
  held: boolean;
}

export interface RunOptions {
  /** Stops when virtual time would pass this, milliseconds since the world began. */
  readonly untilMs?: number;
  /** Stops after the step that makes it true. */
  readonly until?: () => boolean;
  readonly maxEvents?: number;
}

export interface RunEnd {
  readonly why: "until" | "time" | "idle" | "events";
  readonly events: number;
}

export interface World {
  /** Virtual milliseconds since the world began. */
  readonly nowMs: number;
  /** Events run so far. */
  readonly events: number;
  /** The host of the process that runs under this name; begins a new one when there is none. Options count then. */
  host(name: string, options?: HostOptions): Host;
  /**
   * Ends a process at once: nothing of it runs any more. `all` is a kill: what was written stays. `synced` and `random`
   * are a loss of power of its machine, with every process on that disk: unsynced writes are lost, or drawn by sector.
   * With `silent` peers hear nothing of their connections.
   */
  crash(name: string, options?: { readonly keep?: "all" | "synced" | "random"; readonly silent?: boolean }): void;
  pause(name: string): void;
  /** The machine sleeps until `resume`: its date goes on, its monotonic clock does or stands still, and timers are late accordingly. */
  suspend(name: string, monotonic: "stands" | "goes-on"): void;
  resume(name: string): void;
  /**
   * Runs `then` within the `calls`th call from here of a port that changes something (files, connections, timers, cryptography), before
   * the call does anything: with a crash, the end of a process at every place where the world could tell. Of a name under which nothing
   * runs it is the next process. `undefined` takes it back.
   */
  atCall(name: string, calls: number, then: (() => void) | undefined): void;
  /** Gives each point of every process that begins from here on a chance to misbehave, each time it is passed. */
  arm(points: Armed): void;
  /** How often something did. */
  readonly misbehaved: ReadonlyMap<PointName, number>;
  /** Such calls of the process that runs under this name. */
  callsOf(name: string): number;
  /** Moves the date of a host, also for later processes under this name. */
  jumpWall(name: string, byMs: number): void;
  disk(name: string): SimulatedDisk;
  readonly network: Network;
  /** A socket for datagrams of the process that runs under this name: only worlds have them. */
  datagrams(name: string, port: number, received: (bytes: Uint8Array, from: NatEndpoint) => void): DatagramSocket;
  /** Nothing passes between the two until `heal`; what is sent waits. One way only when `oneWay`. */
  partition(a: string, b: string, oneWay?: boolean): void;
  heal(a: string, b: string): void;
  /** An event of the script. */
  after(delayMs: number, label: string, run: () => void): void;
  /** Chance for scripts, from the seed and this label. */
  draws(label: string): Draws;
  run(options: RunOptions): Promise<RunEnd>;
  /** Runs until the promise settles, at most `limitMs` virtual milliseconds, and gives its outcome; `timed-out` otherwise. */
  complete<Value>(work: Promise<Value>, limitMs?: number): Promise<Value>;
  /** Called after every event. What it throws ends the run. */
  afterStep(hook: () => void): void;
  onLog(tap: (host: string, level: LogLevel, event: string, fields: LogFields) => void): void;
  onSeal(tap: SealTap): void;
  /** One watcher at a time; `undefined` ends it. */
  watch(watcher: Watcher | undefined): void;
  readonly historyHash: string;
}

const DEFAULT_LIMIT_MS = 10 * 60 * 1000;
const CRYPTO_SPREAD_US = 200;

const DEFAULT_LINK: LinkProfile = {
  latencyMs: 1,
  jitterMs: 0.5,
  bytesPerSecond: 100_000_000,
  loss: 0,
  readBytesPerSecond: Number.POSITIVE_INFINITY,
  bufferBytes: 256 * 1024,
  down: false,
  middlebox: {
    drop: 0,
    duplicate: 0,
    reorder: 0,
    corrupt: 0,
    forgetsAfterMs: Number.POSITIVE_INFINITY,
    maxAgeMs: Number.POSITIVE_INFINITY,
    resets: false,
  },
};

export function createWorld(options: WorldOptions): World {
  const root = createDraws(`perdure world ${options.seed}`);
  const history = createHistory();
  const pace = options.pace ?? turnPerEvent();
  const watch: Watch = { by: undefined };
  const schedule = createSchedule(root.fork("schedule"), history, watch);
  const processes = new Map<string, Process>();
  const incarnations = new Map<string, number>();
  const hosts = new Map<Process, Host>();
  const diskOf = new Map<string, string>();
  const clockErrors = new Map<string, { offsetMs: number; driftPpm: number }>();
  const disks = new Map<string, SimulatedDisk & { wait: (resume: () => void) => void }>();
  const misbehaved = new Map<PointName, number>();
  let armed: Armed = new Map();
  /** For processes that have not begun yet. */
  const traps = new Map<string, NonNullable<Process["trap"]>>();
  const asleepSinceUs = new Map<Process, number>();
  const hooks: (() => void)[] = [];
  const taps: ((host: string, level: LogLevel, event: string, fields: LogFields) => void)[] = [];
  const sealTaps: SealTap[] = [];
  let events = 0;

  const network = createNetwork({
    schedule,
    draws: root.fork("network"),
    history: options.crypto === undefined ? history : { ...history, bytes: (bytes) => history.word(bytes.length) },
    defaultLink: { ...DEFAULT_LINK, ...options.link },
    localConnections: options.localConnections ?? false,
    watch,
  });

  const disk = (name: string): SimulatedDisk & { wait: (resume: () => void) => void } => {
    let found = disks.get(name);
    if (found === undefined) {
      found = createSimulatedDisk();
      disks.set(name, found);
    }
    return found;
  };

  const startProcess = (name: string, given: HostOptions): Process => {
    const incarnation = (incarnations.get(name) ?? 0) + 1;
    incarnations.set(name, incarnation);
    const process: Process = { name, incarnation, alive: true, paused: false, deferred: [], stoodUs: 0, calls: 0, trap: traps.get(name) };
    processes.set(name, process);
    traps.delete(name);
    watch.by?.life?.(name, "begins");
    const diskName = given.disk ?? diskOf.get(name) ?? name;
    diskOf.set(name, diskName);
    const draws = root.fork(`host ${name} ${incarnation}`);
    const errors: ClockErrors = clockErrors.get(name) ?? { offsetMs: given.wallOffsetMs ?? 0, driftPpm: given.driftPpm ?? 0 };
    clockErrors.set(name, errors);
    const random = createDraws(`${options.seed}/random of ${given.randomFrom ?? `${name} ${incarnation}`}`);
    const happened = (point: PointName): void => void misbehaved.set(point, (misbehaved.get(point) ?? 0) + 1);
    hosts.set(process, {
      ...(armed.size === 0 ? {} : { points: createPoints(armed, draws.fork("points"), happened) }),
      clock: createVirtualClock(schedule, process, errors),
      random: { bytes: random.bytes },
      net: network.net(process, diskName),
      files: processFiles(process, disk(diskName), draws.fork("files")),
      crypto: processCrypto(process, draws.fork("crypto"), random.fork("crypto")),
      log: {
        write: (level, event, fields = {}) => {
          if (!process.alive) return;
          history.text(event);
          for (const tap of taps) tap(name, level, event, fields);
        },
      },
    });
    return process;
  };

  const processFiles = (process: Process, machine: SimulatedDisk & { wait: (resume: () => void) => void }, draws: Draws) =>
    createDiskFiles({
      disk: machine.disk,
      faults: machine,
      pick: randomPick(draws),
      owner: process,
      called: () => called(process),
      delay: (work, finish) => {
        if (!process.alive) return;
        const begin = (): void =>
          void schedule.at(schedule.nowUs + draws.wait(machine.delayMs[work]) * 1000, `disk.${work}`, process, finish);
        if (machine.held) machine.wait(begin);
        else begin();
      },
    });

  const processCrypto = (process: Process, draws: Draws, random: Draws): Crypto => {
    const inner = tapped(process.name, options.crypto ?? createCheapCrypto(options.hash, random));
    if (options.crypto === undefined && options.cryptoOrder === "at-once") return inner;
    return createOrderedCrypto(inner, (finish) => {
      called(process);
      if (process.alive) schedule.at(schedule.nowUs + draws.below(CRYPTO_SPREAD_US), "crypto", process, finish);
    });
  };

  const tapped = (name: string, inner: Crypto): Crypto => ({
    ...inner,
    aead: {
      ...inner.aead,
      seal: (key, plaintext, associated) => {
        for (const tap of sealTaps) tap(name, key, plaintext, associated);
        return inner.aead.seal(key, plaintext, associated);
      },
    },
  });

  const goOn = (process: Process): void => {
    process.stoodUs += schedule.nowUs - (asleepSinceUs.get(process) ?? schedule.nowUs);
    asleepSinceUs.delete(process);
    schedule.resume(process);
  };

  const end = (process: Process, silent: boolean, pick: CrashPick): void => {
    process.alive = false;
    watch.by?.life?.(process.name, "dies");
    process.deferred.length = 0;
    hosts.delete(process);
    network.died(process, silent);
    disk(diskOf.get(process.name) as string).disk.ended(process, pick);
  };

  const run = async ({ untilMs = Number.POSITIVE_INFINITY, until, maxEvents = Number.POSITIVE_INFINITY }: RunOptions): Promise<RunEnd> => {
    const begun = events;
    const endedBy = (why: RunEnd["why"]): RunEnd => ({ why, events: events - begun });
    let end = endedBy("until");
    let ran = false;
    const begin = (): true | Promise<void> | undefined => {
      const over = events - begun >= maxEvents;
      const nextUs = schedule.nextUs();
      if (over || nextUs === undefined || nextUs > untilMs * 1000) {
        if (!over && untilMs !== Number.POSITIVE_INFINITY) schedule.advanceTo(untilMs * 1000);
        end = endedBy(over ? "events" : nextUs === undefined ? "idle" : "time");
        return undefined;
      }
      const step = schedule.step();
      events++;
      ran = true;
      return step instanceof Promise ? step : true;
    };
    await pace(begin, () => {
      if (ran) for (const hook of hooks) hook();
      const goesOn = until === undefined || !until();
      if (!goesOn) end = endedBy("until");
      return goesOn;
    });
    return end;
  };

  return {
    get nowMs() {
      return schedule.nowUs / 1000;
    },
    get events() {
      return events;
    },
    get historyHash() {
      return history.digest();
    },
    network,
    disk,
    run,
    host: (name, given = {}) => {
      const running = processes.get(name);
      return hosts.get(running?.alive ? running : startProcess(name, given)) as Host;
    },
    datagrams: (name, port, received) => {
      const running = processes.get(name);
      return network.datagrams.open(running?.alive ? running : startProcess(name, {}), port, received);
    },
    crash: (name, { keep = "all", silent = false } = {}) => {
      const process = processes.get(name);
      if (!process?.alive) return;
      history.text(`crash ${name} ${keep}`);
      const pick = keep === "synced" ? ONLY_SYNCED : randomPick(root.fork(`crash ${name} ${process.incarnation}`));
      if (keep === "all") return end(process, silent, pick);
      const diskName = diskOf.get(name) as string;
      for (const other of processes.values()) if (other.alive && diskOf.get(other.name) === diskName) end(other, silent, pick);
      disk(diskName).disk.crash(pick);
    },
    pause: (name) => {
      const process = processes.get(name);
      if (process === undefined) return;
      process.paused = true;
      watch.by?.life?.(name, "stands still");
    },
    suspend: (name, monotonic) => {
      const process = processes.get(name);
      if (!process?.alive || process.paused) return;
      process.paused = true;
      if (monotonic === "stands") asleepSinceUs.set(process, schedule.nowUs);
      watch.by?.life?.(name, "stands still");
    },
    resume: (name) => {
      const process = processes.get(name);
      if (process === undefined) return;
      if (process.paused) watch.by?.life?.(name, "goes on");
      goOn(process);
    },
    atCall: (name, calls, then) => {
      const process = processes.get(name);
      const trap = then === undefined ? undefined : { call: (process?.alive ? process.calls : 0) + calls, run: then };
      if (process?.alive) process.trap = trap;
      else if (trap === undefined) traps.delete(name);
      else traps.set(name, trap);
    },
    arm: (points) => {
      armed = points;
    },
    misbehaved,
    callsOf: (name) => processes.get(name)?.calls ?? 0,
    jumpWall: (name, byMs) => {
      const errors = clockErrors.get(name);
      if (errors !== undefined) errors.offsetMs += byMs;
    },
    partition: (a, b, oneWay = false) => {
      network.link(a, b).down = true;
      if (!oneWay) network.link(b, a).down = true;
    },
    heal: (a, b) => {
      network.link(a, b).down = false;
      network.link(b, a).down = false;
      network.touched();
    },
    after: (delayMs, label, then) => void schedule.at(schedule.nowUs + delayMs * 1000, `script ${label}`, undefined, then),
    draws: (label) => createDraws(`${options.seed}/script ${label}`),
    complete: async (work, limitMs = DEFAULT_LIMIT_MS) => {
      let settled = false;
      const note = (): void => {
        settled = true;
      };
      work.then(note, note);
      const ended = await run({ untilMs: schedule.nowUs / 1000 + limitMs, until: () => settled });
      if (!settled) throw new PerdureError("timed-out", `waited ${limitMs} virtual ms in vain (${ended.why}, ${ended.events} events)`);
      return await work;
    },
    afterStep: (hook) => void hooks.push(hook),
    onLog: (tap) => void taps.push(tap),
    onSeal: (tap) => void sealTaps.push(tap),
    watch: (watcher) => {
      watch.by = watcher;
    },
  };
}

function randomPick(draws: Draws): CrashPick {
  return { sector: () => draws.chance(0.5), name: () => draws.chance(0.5) };
}

function createSimulatedDisk() {
  const waiting: (() => void)[] = [];
  let held = false;
  return {
    ...healthyDisk(),
    disk: createDisk(),
    delayMs: { read: 0.05, write: 0.05, sync: 1, names: 0.1 },
    get held() {
      return held;
    },
    set held(value: boolean) {
      held = value;
      if (!value) for (const resume of waiting.splice(0)) resume();
    },
    wait: (resume: () => void) => void waiting.push(resume),
  };
}

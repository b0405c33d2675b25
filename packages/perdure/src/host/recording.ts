/**
 * A machine whose inputs are noted as they pass: connections that open and end, frames by name and size, answers of the disk that fail
 * or are late, timers that are late, clocks that jump, and lines of log by name. No content, no keys; see `input-ring.ts` for who is told.
 *
 * What must hold: what the rooms above see of the machine is exactly what it is without.
 */
import { isErrorCode, isPerdureError } from "../wire/error.ts";
import type { Clock } from "./clock.ts";
import type { Files, OpenFile } from "./files.ts";
import type { Host } from "./host.ts";
import { createInputRing, type InputFields, type RecordedInput } from "./input-ring.ts";
import type { Log, LogFields } from "./log.ts";
import type { Connection, DialOptions, ListenOptions, Net, Receiver } from "./net.ts";
import { createTrafficMeter, type MeterPlace } from "./traffic-meter.ts";

/** A disk that takes longer than this is noted. */
export const SLOW_DISK_MS = 250;
/** A timer that fires so much later than it should is noted, at most one a second. */
export const LATE_TIMER_MS = 250;
/** The wall clock went another way than the monotonic one by more than this. */
export const CLOCK_JUMP_MS = 500;
/** Traffic is told in sums of so long. */
const TURN_MS = 1000;
/** Lines of log noted in that time; the rest is counted. */
export const FACTS_PER_SECOND = 32;

export interface Recording {
  /** The same machine, watched. */
  readonly host: Host;
  /** Milliseconds since 1970 when the recording began. */
  readonly beganMs: number;
  /** How much was noted besides traffic, of which there is some on a connection where nothing happens. */
  readonly noted: number;
  inputs(pseudonym: (text: string) => string): readonly RecordedInput[];
  /** Nothing is counted from here on, and no timer left. */
  stop(): void;
  /** Called with each thing that went wrong: worth keeping soon. */
  onTrouble: (() => void) | undefined;
}

export function recordHost(machine: Host): Recording {
  const { clock, log, net, files } = machine;
  const beganMs = clock.wallMs();
  const beganAtMs = clock.monotonicMs();
  const ring = createInputRing();
  const meter = createTrafficMeter();
  let noted = 0;
  let connections = 0;
  let turns = 0;
  let cancelTurn: (() => void) | undefined;
  let stopped = false;
  let facts = 0;
  let factsLeft = 0;
  let lateAtMs = Number.NEGATIVE_INFINITY;
  let wallOffsetMs = beganMs - beganAtMs;

  const now = (): number => clock.monotonicMs() - beganAtMs;
  /** Ends what is counted together, and begins it anew. */
  const turn = (): void => {
    const nowMs = now();
    turns++;
    for (const { connection, ...flow } of meter.take()) ring.note("busy", nowMs, "flow", { connection, ...flow });
    if (factsLeft > 0) ring.note("busy", nowMs, "facts-left", { count: factsLeft });
    [facts, factsLeft] = [0, 0];
    const offsetMs = clock.wallMs() - clock.monotonicMs();
    if (Math.abs(offsetMs - wallOffsetMs) > CLOCK_JUMP_MS) own(nowMs, "clock-jump", { byMs: Math.round(offsetMs - wallOffsetMs) });
    wallOffsetMs = offsetMs;
  };
  // A clock is not read for each message: it would cost more than counting it.
  const busy = (): void => {
    if (cancelTurn !== undefined || stopped) return;
    cancelTurn = clock.after(TURN_MS, () => {
      cancelTurn = undefined;
      turn();
    });
  };
  const rare = (atMs: number, what: string, fields: InputFields, who?: Readonly<Record<string, string>>): void => {
    noted++;
    ring.note("rare", atMs, what, fields, who);
  };

  /** Of this machine; nobody who connects can bring so much of it about that it is lost. */
  const own = (atMs: number, what: string, fields: InputFields): void => {
    noted++;
    ring.note("own", atMs, what, fields);
  };

  const witness: Witness = {
    passed: (place, direction, message) => {
      busy();
      meter.count(place, turns, direction, message);
    },
    closed: ({ connection }, why) => rare(now(), "closed", { connection, ...endOf(why) }),
  };
  const watched = (connection: Connection, place: MeterPlace): Connection => new WatchedConnection(connection, place, witness);
  const begin = (): MeterPlace => ({ connection: ++connections, turn: -1, slot: 0 });

  const watchedNet: Net = {
    dial: async (address: string, options: DialOptions) => {
      if (isLocal(address)) return await net.dial(address, options);
      const startMs = now();
      const to = { to: hostOf(address) };
      try {
        const connection = await net.dial(address, options);
        const place = begin();
        rare(now(), "dialled", { connection: place.connection, tookMs: Math.round(now() - startMs) }, to);
        return watched(connection, place);
      } catch (error) {
        rare(now(), "not-dialled", { code: codeOf(error), tookMs: Math.round(now() - startMs) }, to);
        throw error;
      }
    },
    listen: async (address: string, options: ListenOptions) => {
      if (isLocal(address)) return await net.listen(address, options);
      const onConnection = (connection: Connection): void => {
        const place = begin();
        rare(now(), "accepted", { connection: place.connection, local: connection.local }, { from: withoutPort(connection.remote) });
        options.onConnection(watched(connection, place));
      };
      return await net.listen(address, { ...options, onConnection });
    },
    get: async (url, options) => {
      const startMs = now();
      try {
        return await net.get(url, options);
      } catch (error) {
        rare(now(), "not-fetched", { code: codeOf(error), tookMs: Math.round(now() - startMs) }, { to: hostOf(url) });
        throw error;
      }
    },
  };

  const timed = async <Value>(op: string, work: () => Promise<Value>): Promise<Value> => {
    const startMs = now();
    try {
      const value = await work();
      const tookMs = now() - startMs;
      if (tookMs >= SLOW_DISK_MS) own(startMs, "disk-slow", { op, tookMs: Math.round(tookMs) });
      return value;
    } catch (error) {
      const code = codeOf(error);
      if (!ORDINARY.has(code)) {
        own(now(), "disk-failed", { op, code, tookMs: Math.round(now() - startMs) });
        recording.onTrouble?.();
      }
      throw error;
    }
  };
  const watchedFile = (file: OpenFile): OpenFile => ({
    size: () => timed("size", () => file.size()),
    read: (offset, length, memory) => timed("read", () => file.read(offset, length, memory)),
    write: (offset, bytes) => timed("write", () => file.write(offset, bytes)),
    sync: () => timed("sync", () => file.sync()),
    close: () => file.close(),
  });
  const watchedFiles: Files = {
    open: async (path, mode) => watchedFile(await timed("open", () => files.open(path, mode))),
    list: (folder) => timed("list", () => files.list(folder)),
    rename: (from, to) => timed("rename", () => files.rename(from, to)),
    remove: (path) => timed("remove", () => files.remove(path)),
    lock: (folder) => files.lock(folder),
  };

  const watchedClock: Clock = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    ...(clock.afterArrivals === undefined ? {} : { afterArrivals: (then: () => void) => clock.afterArrivals?.(then) }),
    after: (delayMs, then) => {
      const dueMs = clock.monotonicMs() + Math.max(0, delayMs);
      return clock.after(delayMs, () => {
        const lateMs = clock.monotonicMs() - dueMs;
        if (lateMs >= LATE_TIMER_MS) late(lateMs);
        then();
      });
    },
  };
  const late = (byMs: number): void => {
    const atMs = now();
    if (atMs - lateAtMs < TURN_MS) return;
    lateAtMs = atMs;
    own(atMs - byMs, "late", { byMs: Math.round(byMs) });
  };

  const watchedLog: Log = {
    write: (level, event, fields = {}) => {
      log.write(level, event, fields);
      if (level === "debug" && !TOLD.has(event)) return;
      if (level !== "error" && level !== "warn" && ++facts > FACTS_PER_SECOND) {
        factsLeft++;
        return busy();
      }
      busy();
      noted++;
      const { told, who } = tellable(fields);
      ring.note(level === "debug" ? "busy" : "rare", now(), "fact", { event, level, ...told }, who);
      if (level === "error" || event === "relay.incident") recording.onTrouble?.();
    },
    wants: (level, event) => {
      if (log.wants?.(level, event) !== false || level === "error" || level === "warn") return true;
      if (level === "debug" && !TOLD.has(event)) return false;
      if (facts < FACTS_PER_SECOND) return true;
      factsLeft++;
      busy();
      return false;
    },
  };

  const recording: Recording = {
    host: { ...machine, clock: watchedClock, net: watchedNet, files: watchedFiles, log: watchedLog },
    beganMs,
    get noted() {
      return noted;
    },
    inputs: (pseudonym) => {
      turn();
      return ring.inputs(now(), pseudonym);
    },
    stop: () => {
      stopped = true;
      cancelTurn?.();
    },
    onTrouble: undefined,
  };
  return recording;
}

interface Witness {
  passed(place: MeterPlace, direction: "in" | "out", message: Uint8Array): void;
  closed(place: MeterPlace, why: string): void;
}

/** A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own. */
class WatchedConnection implements Connection, Receiver {
  readonly #connection: Connection;
  readonly #place: MeterPlace;
  readonly #witness: Witness;
  #receiver: Receiver | undefined;

  constructor(connection: Connection, place: MeterPlace, witness: Witness) {
    this.#connection = connection;
    this.#place = place;
    this.#witness = witness;
  }

  get remote(): string {
    return this.#connection.remote;
  }

  get local(): boolean {
    return this.#connection.local;
  }

  get queuedBytes(): number {
    return this.#connection.queuedBytes;
  }

  send(message: Uint8Array): void {
    this.#witness.passed(this.#place, "out", message);
    this.#connection.send(message);
  }

  close(now?: boolean): void {
    this.#connection.close(now);
  }

  start(receiver: Receiver): void {
    this.#receiver = receiver;
    this.#connection.start(this);
  }

  message(message: Uint8Array): void {
    this.#witness.passed(this.#place, "in", message);
    this.#receiver?.message(message);
  }

  drained(): void {
    this.#receiver?.drained();
  }

  closed(why: string): void {
    this.#witness.closed(this.#place, why);
    this.#receiver?.closed(why);
  }
}

/** What every program meets that looks whether something is there. */
const ORDINARY: ReadonlySet<string> = new Set(["not-found", "folder-in-use"]);

/** Lines below `info` that say which message went where; all others at that level are left out. */
const TOLD: ReadonlySet<string> = new Set([
  "agent.opened",
  "agent.closed",
  "agent.holder",
  "agent.attached",
  "agent.queued",
  "agent.turn-queued",
  "agent.received",
  "agent.handler-start",
  "agent.completed",
  "agent.put-off",
  "agent.failed",
  "agent.claim-freed",
  "agent.step",
  "relay.attached",
  "relay.registered",
  "relay.fenced",
  "relay.mail-appended",
  "relay.expired",
  "relay.session-ended",
]);
/** Fields that are told as they are: numbers that say nothing of anybody. */
const NUMBERS: ReadonlySet<string> = new Set([
  "attempt",
  "attempts",
  "bytes",
  "depth",
  "epoch",
  "failed",
  "forMs",
  "left",
  "linkSeq",
  "linkUpTo",
  "offsetMs",
  "outgoing",
  "part",
  "parts",
  "pauseMs",
  "position",
  "seq",
  "upTo",
  "valueMs",
  "waiting",
]);
/** Words of closed lists of ours. */
const WORDS: ReadonlySet<string> = new Set(["class", "kind", "outcome", "proof", "role", "standing", "state"]);
/** Whom or what a line is about. */
const WHO: ReadonlySet<string> = new Set(["agent", "author", "cause", "from", "id", "peer", "relay", "remote", "to"]);
const WORD = /^[a-z-]{1,24}$/;

/** What of a line may be told, and what as a pseudonym; nothing else of it is. */
function tellable(fields: LogFields): { readonly told: InputFields; readonly who: Readonly<Record<string, string>> } {
  const told: Record<string, string | number | boolean> = {};
  const who: Record<string, string> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === "boolean" || (typeof value === "number" && NUMBERS.has(name))) told[name] = value;
    else if (typeof value !== "string" || value === "") continue;
    else if (name === "code" && isErrorCode(value)) told[name] = value;
    else if (WORDS.has(name) && WORD.test(value)) told[name] = value;
    else if (WHO.has(name)) who[name] = name === "remote" ? withoutPort(value) : value;
  }
  return { told, who };
}

/** How a connection ended, in closed words: texts of the other side are not told. */
function endOf(why: string): InputFields {
  if (why === "closed here") return { by: "here" };
  if (why === "closed by the other side") return { by: "there" };
  if (why.startsWith("a message was too large")) return { by: "too-large" };
  const code = /\(([A-Z0-9_]{1,32})\)$/.exec(why)?.[1];
  return code === undefined ? { by: "lost" } : { by: "lost", code };
}

function codeOf(error: unknown): string {
  return isPerdureError(error) ? error.code : "internal";
}

function isLocal(address: string): boolean {
  return address.startsWith("unix:");
}

/** `host:port` of an address; the same for a relay however its path is written. */
function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}

function withoutPort(remote: string): string {
  return remote.replace(/:\d+$/, "");
}

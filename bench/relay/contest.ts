/**
 * Contenders under one load, in turns: each has its servers and its load in processes of their own, all are there from the first round to
 * the last, and only one works at a time. A figure is the median of the rounds.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "../measure.ts";
import type { Contender, Shape } from "./contenders.ts";
import type { Attached, Drained, Round, Task } from "./driver.ts";
import type { Place } from "./line.ts";
import { sampleEnvelope } from "./sample-envelope.ts";
import type { Servers } from "./servers.ts";

export interface Figure {
  /** The median round. */
  readonly value: number;
  readonly rounds: readonly number[];
}

/** What one contender did under one shape. */
export interface Row {
  readonly shape: string;
  readonly contender: string;
  readonly about: string;
  readonly sync: string;
  readonly agents: number;
  readonly window: number;
  /** Bytes each message carried. */
  readonly payloadBytes: number;
  readonly figures: Readonly<Record<string, Figure>>;
  /** Why there are no figures. */
  readonly failed?: string;
}

export interface Pace {
  readonly rounds: number;
  /** Milliseconds of one. */
  readonly ms: number;
}

const WARM_UP_MS = 500;
/** Of fewer the beginning of the session, and code that is not compiled yet, are much of what is measured: 20,000 are read in a tenth of a second. */
const DRAINED = 100_000;
/** Until what a server does after sessions began is over, and it may have let go of what only their beginning needed: the same for each. */
const IDLE_SETTLE_MS = 25_000;
const BATCH_MS = 300_000;

export async function compete(folder: string, shape: Shape, { rounds, ms }: Pace): Promise<readonly Row[]> {
  const envelope = await sampleEnvelope(join(folder, `envelope-${shape.name}`), shape.contentBytes);
  const stands: Stand[] = [];
  try {
    if (shape.kind === "idle") {
      for (const contender of shape.contenders) {
        const stand = createStand(folder, shape, contender, envelope);
        await stand.attempt(() => stand.attach());
        await stand.end();
        stands.push(stand);
      }
    } else {
      for (const contender of shape.contenders) {
        const stand = createStand(folder, shape, contender, envelope);
        stands.push(stand);
        await stand.attempt(() => (shape.kind === "load" ? stand.attach() : stand.open()));
      }
      for (let round = 0; round < rounds; round++)
        for (const stand of round % 2 === 0 ? stands : [...stands].reverse())
          await stand.attempt(() =>
            shape.kind === "load"
              ? stand.load(round === 0 ? shape.warmUpMs : WARM_UP_MS, ms)
              : stand.drain(round === 0 ? shape.warmUpMs : 0),
          );
    }
    return stands.map((stand) => stand.row());
  } finally {
    for (const stand of stands) await stand.end();
  }
}

/** A contender, its servers and its load. */
interface Stand {
  open(): Promise<void>;
  attach(): Promise<void>;
  load(warmUpMs: number, ms: number): Promise<void>;
  drain(warmUpMs: number): Promise<void>;
  /** Does it unless something failed before; who fails ends, and the others go on. */
  attempt(what: () => Promise<void>): Promise<void>;
  row(): Row;
  end(): Promise<void>;
}

function createStand(folder: string, shape: Shape, contender: Contender, envelope: Uint8Array): Stand {
  const { agents, window, kind, name } = shape;
  const figures = new Map<string, number[]>();
  let servers: Servers | undefined;
  let driver: Driver | undefined;
  let failed: string | undefined;

  const note = (figure: string, value: number | undefined): void => {
    if (value === undefined) return;
    const rounds = figures.get(figure);
    if (rounds === undefined) figures.set(figure, [value]);
    else rounds.push(value);
  };
  const pids = (): readonly number[] => servers?.processes.map(({ pid }) => pid) ?? [];
  const order = async <Done>(task: Task): Promise<Done> => (await driver?.perform(task)) as Done;

  const open = async (): Promise<void> => {
    servers = await contender.start(join(folder, `${name}-${contender.name}`));
    driver = startDriver();
    const how = { ...contender.how, envelope: Buffer.from(envelope).toString("base64"), ...(kind === "idle" ? { idle: "yes" } : {}) };
    const place: Place = { addresses: servers.addresses, agents, window, payloadBytes: envelope.length, how };
    await order({ do: "open", adapter: contender.adapter, place, reads: kind !== "drain", pids: pids() });
  };

  const end = async (): Promise<void> => {
    driver?.end();
    driver = undefined;
    const running = servers;
    servers = undefined;
    await running?.[Symbol.asyncDispose]();
  };

  return {
    open,
    attach: async () => {
      await open();
      const said = await order<Attached>({ do: "attach", pids: pids(), settleMs: kind === "idle" ? IDLE_SETTLE_MS : 0 });
      if (kind !== "idle") return;
      note("attached", said.attached);
      note("attachesPerSecond", said.attached / said.seconds);
      note("serverMicrosPerAttach", said.micros / said.attached);
      note("serverBytesPerSession", said.bytes / said.attached);
    },
    load: async (warmUpMs, ms) => {
      const said = await order<Round>({ do: "round", pids: pids(), warmUpMs, ms });
      note("messagesPerSecond", said.messages / said.seconds);
      note("serverMicrosPerMessage", said.micros.reduce((sum, each) => sum + each, 0) / said.messages);
      if (said.micros.length > 1)
        for (const [at, micros] of said.micros.entries())
          note(`serverMicrosPerMessage ${servers?.processes[at]?.name}`, micros / said.messages);
      note("deliveredP50Ms", said.delivery.p50);
      note("deliveredP99Ms", said.delivery.p99);
      note("ackedP50Ms", said.ack.p50);
      note("ackedP99Ms", said.ack.p99);
      note("generatorShare", said.generator);
      note("otherCores", said.others);
    },
    drain: async (warmUpMs) => {
      const messages = contender.slow === true ? DRAINED / 10 : DRAINED;
      const said = await order<Drained>({ do: "drain", pids: pids(), warmUpMs, messages });
      note("storedPerSecond", messages / said.storeSeconds);
      note("serverMicrosPerStored", said.storeMicros / messages);
      note("readPerSecond", messages / said.readSeconds);
      note("drainedPerSecond", messages / said.drainSeconds);
      note("serverMicrosPerDrained", said.drainMicros / messages);
      note("generatorShare", said.generator);
    },
    attempt: async (what) => {
      if (failed !== undefined) return;
      try {
        await what();
      } catch (error) {
        failed = error instanceof Error ? error.message : String(error);
        await end();
      }
    },
    row: () => ({
      shape: name,
      contender: contender.name,
      about: contender.about,
      sync: contender.sync,
      agents,
      window,
      payloadBytes: envelope.length,
      figures: Object.fromEntries([...figures].map(([figure, rounds]) => [figure, medianOf(rounds)])),
      ...(failed === undefined ? {} : { failed }),
    }),
    end,
  };
}

/** Throws where the contender failed. */
export function figureOf({ contender, shape, figures, failed }: Row, name: string): Figure {
  const figure = figures[name];
  if (figure === undefined) throw new Error(`${contender} under ${shape}: ${failed ?? `there is no ${name}`}`);
  return figure;
}

function medianOf(rounds: readonly number[]): Figure {
  const rounded = rounds.map((round) => Number(round.toPrecision(4)));
  return { value: median(rounded), rounds: rounded };
}

interface Driver {
  perform(task: Task): Promise<unknown>;
  end(): void;
}

function startDriver(): Driver {
  const child: ChildProcess = fork(fileURLToPath(new URL("driver.ts", import.meta.url)), {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return {
    perform: async (task) => {
      const over = new AbortController();
      const gone = once(child, "exit", over).then(() => {
        throw new Error("the process of the load ended");
      });
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => reject(new Error(`"${task.do}" took longer than ${BATCH_MS / 1000} s`)), BATCH_MS);
        over.signal.addEventListener("abort", () => clearTimeout(timer));
      });
      try {
        const answered = once(child, "message", over);
        child.send(task);
        const [said] = (await Promise.race([answered, gone, late])) as [{ readonly done?: unknown; readonly failed?: string }];
        if (said.failed !== undefined) throw new Error(said.failed);
        return said.done;
      } finally {
        gone.catch(() => undefined);
        over.abort();
      }
    },
    end: () => void child.kill("SIGKILL"),
  };
}

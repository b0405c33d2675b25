/**
 * What simulated towns take for granted of networks, processes and disks, asked of this machine too: the same story in a world, and with
 * a process, a socket, a line and a file that are real, must be the same.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Connection, Net } from "../../packages/perdure/src/host/net.ts";
import { createNodeHash } from "../../packages/perdure/src/host/node/hash.ts";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createDraws, createWorld, type LinkProfile } from "../../packages/perdure/src/host/simulated/index.ts";
import { fromUtf8, utf8 } from "../../packages/perdure/src/wire/bytes.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import { sharedMs } from "./citizen-words.ts";
import { beListener } from "./listener.ts";
import { namedNet } from "./named-net.ts";
import { goodProfile, openLine } from "./proxy.ts";

/** One who dials, one who listens, and a line between them. */
interface Ground extends AsyncDisposable {
  readonly net: Net;
  readonly address: string;
  /** What the one who dials sends goes by `there`. */
  readonly there: LinkProfile;
  readonly back: LinkProfile;
  readonly nowMs: () => number;
  pass(ms: number): Promise<void>;
  /** Keeps time going until it settles. */
  drive<Value>(work: Promise<Value>): Promise<Value>;
  touched(): void;
  cut(): void;
  stall(): void;
  /** The one who dials has another address. */
  move(): void;
  kill(silent: boolean): Promise<void>;
  /** Starts it again. */
  comeBack(): Promise<void>;
  pause(): void;
  resume(): void;
}

async function simulated(): Promise<Ground> {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  const address = "ws://relay-0:443";
  const { network } = world;
  const begin = async (): Promise<void> => void (await world.complete(beListener(world.host("relay-0"), address, "home")));
  await begin();
  return {
    net: world.host("anna").net,
    address,
    there: network.link("anna", "relay-0"),
    back: network.link("relay-0", "anna"),
    nowMs: () => world.nowMs,
    pass: async (ms) => void (await world.run({ untilMs: world.nowMs + ms })),
    drive: (work) => world.complete(work),
    touched: network.touched,
    cut: () => void network.cut("anna", "relay-0"),
    stall: () => void network.stall("anna", "relay-0"),
    move: () => void network.move("anna"),
    kill: async (silent) => world.crash("relay-0", { keep: "all", silent }),
    comeBack: begin,
    pause: () => world.pause("relay-0"),
    resume: () => world.resume("relay-0"),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function real(): Promise<Ground> {
  const folder = await mkdtemp(join(tmpdir(), "perdure-both-"));
  const [there, back] = [goodProfile(), goodProfile()];
  const line = await openLine({ profiles: { there, back }, draws: createDraws("line"), nowMs: sharedMs });
  let child: ChildProcess | undefined;
  const begin = async (): Promise<void> => {
    child = spawn(process.execPath, [new URL("listener.ts", import.meta.url).pathname, folder], { stdio: ["pipe", "pipe", "inherit"] });
    const [address] = await once(child.stdout as NodeJS.ReadableStream, "data");
    line.lead(Number(new URL(String(address).trim()).port));
  };
  const kill = async (): Promise<void> => {
    const gone = once(child as ChildProcess, "close");
    child?.kill("SIGKILL");
    await gone;
    line.lead(undefined);
  };
  await begin();
  return {
    net: namedNet(createNodeHost().net, { "relay-0": line.port }),
    address: "wss://relay-0/",
    there,
    back,
    nowMs: sharedMs,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    drive: (work) => work,
    touched: line.touched,
    cut: () => void line.cut(),
    stall: () => {
      for (const side of ["near", "far"] as const) line.doom(side, "swallowed");
    },
    move: () => {
      line.doom("far", "swallowed");
      line.doom("near", "reset");
    },
    kill: async (silent) => {
      if (silent) line.silence();
      await kill();
    },
    comeBack: async () => {
      line.unsilence();
      await begin();
    },
    pause: () => void child?.kill("SIGSTOP"),
    resume: () => void child?.kill("SIGCONT"),
    [Symbol.asyncDispose]: async () => {
      await kill();
      await line[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What does not come within this time does not come. */
const QUIET_MS = 250;
const SOON_MS = 5000;
const LOOK_EVERY_MS = 10;
const DIAL_MS = 1200;

interface Ear {
  readonly connection: Connection;
  readonly heard: readonly string[];
  say(text: string): void;
  /** Waits until so much was heard in all. */
  hears(count: number): Promise<readonly string[]>;
  /** What was heard in all after a while. */
  afterAll(): Promise<readonly string[]>;
}

/** A connection, and what was heard on it. */
async function dial(ground: Ground): Promise<Ear> {
  const connection = await ground.drive(ground.net.dial(ground.address, { timeoutMs: SOON_MS, maxMessageBytes: 1000 }));
  const heard: string[] = [];
  connection.start({
    message: (message) => void heard.push(fromUtf8(message)),
    drained: () => {},
    closed: () => void heard.push("closed"),
  });
  return {
    connection,
    heard,
    say: (text) => connection.send(utf8(text)),
    hears: async (count) => {
      for (const untilMs = ground.nowMs() + SOON_MS; heard.length < count && ground.nowMs() < untilMs; ) await ground.pass(LOOK_EVERY_MS);
      return heard;
    },
    afterAll: async () => {
      await ground.pass(QUIET_MS);
      return heard;
    },
  };
}

/** The code of a dial that fails, and whether that took as long as it may. */
async function failedDial(ground: Ground): Promise<readonly [string, "at once" | "in the end"]> {
  const begunMs = ground.nowMs();
  const work = ground.net.dial(ground.address, { timeoutMs: DIAL_MS, maxMessageBytes: 1000 }).then(
    () => "connected",
    (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
  );
  const code = await ground.drive(work);
  return [code, ground.nowMs() - begunMs < 0.9 * DIAL_MS ? "at once" : "in the end"];
}

describe.each([
  ["a world", simulated],
  ["this machine", real],
])("in %s", (_, open) => {
  test("a line that breaks, hangs, or is not the one it was", async () => {
    await using ground = await open();
    const first = await dial(ground);
    first.say("one");
    expect(await first.hears(1)).toEqual(["one"]);
    ground.cut();
    expect(await first.hears(2)).toEqual(["one", "closed"]);

    const second = await dial(ground);
    ground.stall();
    second.say("two");
    expect(await second.afterAll()).toEqual([]);
    // Nobody answers its close: it is cut after two seconds.
    const closedMs = ground.nowMs();
    second.connection.close();
    expect(await second.hears(1)).toEqual(["closed"]);
    expect(ground.nowMs() - closedMs).toBeGreaterThan(1900);

    const third = await dial(ground);
    ground.move();
    expect(await third.afterAll()).toEqual([]);
    third.say("three");
    expect(await third.hears(1)).toEqual(["closed"]);
  });

  test("a line that is down, one way or both", async () => {
    await using ground = await open();
    const one = await dial(ground);
    ground.back.down = true;
    one.say("one");
    expect(await one.afterAll()).toEqual([]);
    ground.back.down = false;
    ground.touched();
    expect(await one.hears(1)).toEqual(["one"]);

    for (const profile of [ground.there, ground.back]) profile.down = true;
    one.say("two");
    expect(await failedDial(ground)).toEqual(["timed-out", "in the end"]);
    for (const profile of [ground.there, ground.back]) profile.down = false;
    ground.touched();
    expect(await one.hears(2)).toEqual(["one", "two"]);
  });

  test("a process that is killed: who talks to it hears it, and its file is as it was written", async () => {
    await using ground = await open();
    const one = await dial(ground);
    one.say("write");
    expect(await one.hears(1)).toEqual(["written"]);
    await ground.kill(false);
    expect(await one.hears(2)).toEqual(["written", "closed"]);
    expect(await failedDial(ground)).toEqual(["relay-unreachable", "at once"]);
    // The page cache is the machine's, and the lock went with its holder.
    await ground.comeBack();
    const other = await dial(ground);
    other.say("read");
    expect(await other.hears(1)).toEqual(["synced, not synced"]);
  });

  test("a machine that is gone: nobody hears it, and once it is back it knows of no connection", async () => {
    await using ground = await open();
    const one = await dial(ground);
    await ground.kill(true);
    one.say("one");
    expect(await one.afterAll()).toEqual([]);
    expect(await failedDial(ground)).toEqual(["timed-out", "in the end"]);
    await ground.comeBack();
    expect(await one.afterAll()).toEqual([]);
    one.say("two");
    expect(await one.hears(1)).toEqual(["closed"]);
    const other = await dial(ground);
    other.say("hello");
    expect(await other.hears(1)).toEqual(["hello"]);
  });

  test("a process that stands still", async () => {
    await using ground = await open();
    const { say, hears, afterAll } = await dial(ground);
    say("timer 300");
    await ground.pass(100);
    ground.pause();
    say("hello");
    await ground.pass(1000);
    expect(await afterAll()).toEqual([]);
    ground.resume();
    const heard = await hears(2);
    expect([...heard].sort()).toEqual(["hello", expect.stringMatching(/^timer \d+ \d+$/)]);
    const [, wallMs = 0, monotonicMs = 0] = (heard.find((each) => each.startsWith("timer")) ?? "").split(" ").map(Number);
    // Both clocks went on, and what was due in the meantime ran once, at the end of it.
    for (const passed of [wallMs, monotonicMs]) expect(passed).toBeGreaterThan(1000);
    expect(await afterAll()).toHaveLength(2);
  });
});

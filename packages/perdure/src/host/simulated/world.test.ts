import { describe, expect, test } from "vitest";
import { fromUtf8, hex, utf8 } from "../../wire/bytes.ts";
import { codeOf } from "../conformance/subject.ts";
import { sleep } from "../deadline.ts";
import type { Connection } from "../net.ts";
import { createNodeCrypto } from "../node/crypto.ts";
import { createNodeHash } from "../node/hash.ts";
import { SECTOR_BYTES } from "./disk.ts";
import type { World, WorldOptions } from "./world.ts";
import { createWorld } from "./world.ts";

const PATIENCE_MS = 60_000;

function makeWorld(options: Partial<WorldOptions> = {}): World {
  return createWorld({ seed: 1, hash: createNodeHash(), ...options });
}

interface Heard {
  readonly connection: Connection;
  readonly messages: string[];
  readonly closed: string[];
  readonly drained: () => number;
}

function hear(connection: Connection): Heard {
  const messages: string[] = [];
  const closed: string[] = [];
  let drained = 0;
  connection.start({ message: (message) => messages.push(hex(message)), drained: () => void drained++, closed: (why) => closed.push(why) });
  return { connection, messages, closed, drained: () => drained };
}

/** A connection from host "a" to host "b". */
async function connect(world: World): Promise<{ readonly a: Heard; readonly b: Heard }> {
  let b: Heard | undefined;
  const onConnection = (connection: Connection): void => {
    b = hear(connection);
  };
  const listener = await world.complete(world.host("b").net.listen("ws://b:0", { maxMessageBytes: 100_000, onConnection }));
  const a = hear(await world.complete(world.host("a").net.dial(listener.address, { timeoutMs: 1000, maxMessageBytes: 100_000 })));
  await world.run({ until: () => b !== undefined });
  return { a, b: b as Heard };
}

const pass = (world: World, ms: number): Promise<unknown> => world.run({ untilMs: world.nowMs + ms });

/** Two hosts that talk, write, sign and fall over: much of what a world can do. */
async function busyDay(world: World): Promise<void> {
  const { a, b } = await connect(world);
  const { clock, files, random, crypto, log } = world.host("a");
  const work = async (): Promise<void> => {
    const file = await files.open("/data/a", "write");
    for (let round = 0; round < 20; round++) {
      await Promise.all([file.write(round * 100, random.bytes(100)), sleep(clock, round), crypto.signatures.load(random.bytes(32))]);
      a.connection.send(random.bytes(50));
      b.connection.send(random.bytes(50));
      if (round % 5 === 0) await file.sync();
      log.write("info", "round", { round });
    }
  };
  await world.complete(work());
  world.crash("a", { keep: "random" });
  await pass(world, 5000);
  const { files: left } = world.host("a");
  await world.complete(left.open("/data/a", "read").then((file) => file.read(0, 10_000)));
}

describe("a world", () => {
  test.each(["cheap", "real"])("with one seed has one history, with %s cryptography", async (kind) => {
    const run = async (seed: number): Promise<string> => {
      const world = makeWorld({ seed, ...(kind === "real" ? { crypto: createNodeCrypto() } : {}) });
      await busyDay(world);
      return `${world.historyHash} ${world.events} ${world.nowMs}`;
    };
    const [first, again, other] = [await run(1), await run(1), await run(2)];
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test("gives each process its own unpredictable bytes, the same for the same seed", () => {
    const bytes = (seed: number, name: string): string => hex(makeWorld({ seed }).host(name).random.bytes(16));
    expect(bytes(1, "a")).toBe(bytes(1, "a"));
    expect(new Set([bytes(1, "a"), bytes(1, "b"), bytes(2, "a")]).size).toBe(3);
    const world = makeWorld();
    const before = hex(world.host("a").random.bytes(16));
    world.crash("a");
    expect(hex(world.host("a").random.bytes(16))).not.toBe(before);
  });

  test("runs events of one instant in an order the seed decides", async () => {
    const order = async (seed: number): Promise<string> => {
      const world = makeWorld({ seed });
      const ran: string[] = [];
      for (const name of "abcdefgh") world.after(5, name, () => void ran.push(name));
      await pass(world, 10);
      return ran.join("");
    };
    expect(await order(1)).toBe(await order(1));
    expect(new Set([await order(1), await order(2), await order(3)]).size).toBeGreaterThan(1);
  });

  test("calls the hooks after every event, and ends when one throws", async () => {
    const world = makeWorld();
    let steps = 0;
    world.afterStep(() => {
      steps++;
      if (steps === 3) throw new Error("an invariant broke");
    });
    for (let index = 0; index < 5; index++) world.after(index, "work", () => {});
    await expect(world.run({ untilMs: 100 })).rejects.toThrow("an invariant broke");
    expect(steps).toBe(3);
  });

  test("says why a run ended", async () => {
    const world = makeWorld();
    world.after(10, "work", () => {});
    world.after(20, "work", () => {});
    expect(await world.run({ maxEvents: 1 })).toEqual({ why: "events", events: 1 });
    expect((await world.run({ untilMs: 15 })).why).toBe("time");
    expect(world.nowMs).toBe(15);
    expect((await world.run({})).why).toBe("idle");
    expect((await world.run({ until: () => true })).why).toBe("until");
    expect(await codeOf(world.complete(new Promise(() => {}), 1000))).toBe("timed-out");
  });

  test("tells what hosts log", async () => {
    const world = makeWorld();
    const seen: unknown[] = [];
    world.onLog((...line) => seen.push(line));
    world.host("a").log.write("warn", "odd", { count: 2 });
    expect(seen).toEqual([["a", "warn", "odd", { count: 2 }]]);
  });
});

describe("clocks", () => {
  test("drift, are off, and jump, while monotonic time goes on", async () => {
    const world = makeWorld();
    const right = world.host("right").clock;
    const wrong = world.host("wrong", { wallOffsetMs: -5000, driftPpm: 1000 }).clock;
    const startedMs = right.wallMs();
    expect(wrong.wallMs()).toBe(startedMs - 5000);
    await pass(world, 100_000);
    expect(Math.abs(wrong.wallMs() - right.wallMs() - (-5000 + 100))).toBeLessThanOrEqual(1);
    const beforeMs = wrong.monotonicMs();
    world.jumpWall("wrong", 3_600_000);
    expect(Math.abs(wrong.wallMs() - right.wallMs() - (-5000 + 100 + 3_600_000))).toBeLessThanOrEqual(1);
    expect(wrong.monotonicMs()).toBe(beforeMs);
  });
});

describe("a crash", () => {
  test("ends everything of the process, and its ports are dead", async () => {
    const world = makeWorld();
    const host = world.host("a");
    let ran = 0;
    await world.complete(host.files.lock("/data"));
    host.clock.after(10, () => void ran++);
    void host.files.open("/data/x", "write").then(() => ran++);
    void host.crypto.signatures.load(new Uint8Array(32)).then(() => ran++);
    world.crash("a");
    host.clock.after(1, () => void ran++);
    void host.files.remove("/data/x").then(() => ran++);
    await pass(world, 1000);
    expect(ran).toBe(0);
    const next = world.host("a");
    expect(next).not.toBe(host);
    await world.complete(next.files.lock("/data"));
  });

  test("as a kill keeps what was written; as a loss of power only what was synced", async () => {
    for (const keep of ["all", "synced"] as const) {
      const world = makeWorld();
      const write = async (): Promise<void> => {
        const file = await world.host("a").files.open("/data/x", "write");
        await file.write(0, utf8("synced"));
        await file.sync();
        await file.write(6, utf8(" and not"));
        await world.host("a").files.open("/data/never-synced", "write");
      };
      await world.complete(write());
      world.crash("a", { keep });
      const { files } = world.host("a");
      const bytes = await world.complete(files.open("/data/x", "read").then((file) => file.read(0, 100)));
      expect(hex(bytes)).toBe(hex(utf8(keep === "all" ? "synced and not" : "synced")));
      expect(await world.complete(files.list("/data"))).toEqual(keep === "all" ? ["never-synced", "x"] : ["x"]);
    }
  });

  test("as a loss of power tears what was not synced at sectors", async () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 20; seed++) {
      const world = makeWorld({ seed });
      const write = async (): Promise<void> => {
        const file = await world.host("a").files.open("/data/x", "write");
        await file.sync();
        await file.write(0, new Uint8Array(3 * SECTOR_BYTES).fill(1));
      };
      await world.complete(write());
      world.crash("a", { keep: "random" });
      const file = await world.complete(world.host("a").files.open("/data/x", "read"));
      const bytes = await world.complete(file.read(0, 10_000));
      expect(bytes.length % SECTOR_BYTES).toBe(0);
      const sectors = Array.from({ length: bytes.length / SECTOR_BYTES }, (_, index) =>
        bytes.slice(index * SECTOR_BYTES, (index + 1) * SECTOR_BYTES),
      );
      for (const sector of sectors) expect(new Set(sector).size).toBe(1);
      seen.add(sectors.map(([byte]) => byte).join(""));
    }
    expect(seen.size).toBeGreaterThan(4);
  });

  test("of a machine takes all its processes with it", async () => {
    const world = makeWorld();
    const one = world.host("one", { disk: "machine" });
    const two = world.host("two", { disk: "machine" });
    await world.complete(one.files.lock("/data"));
    expect(await world.complete(codeOf(two.files.lock("/data")))).toBe("folder-in-use");
    world.crash("one");
    await world.complete(two.files.lock("/data"));
    expect(world.host("two")).toBe(two);
    world.host("one");
    world.crash("one", { keep: "synced" });
    expect(world.host("two")).not.toBe(two);
  });

  test("is heard by the other side, unless it is silent", async () => {
    for (const silent of [false, true]) {
      const world = makeWorld();
      const { b } = await connect(world);
      world.crash("a", { silent });
      await pass(world, PATIENCE_MS);
      expect(b.closed).toEqual(silent ? [] : ["connection reset"]);
    }
  });

  test("of a listener makes it unreachable", async () => {
    const world = makeWorld();
    await world.complete(world.host("b").net.listen("ws://b:7", { maxMessageBytes: 10, onConnection: () => {} }));
    world.crash("b");
    expect(await world.complete(codeOf(world.host("a").net.dial("ws://b:7", { timeoutMs: 100, maxMessageBytes: 10 })))).toBe(
      "relay-unreachable",
    );
  });
});

describe("a paused process", () => {
  test("does nothing until it goes on, and then hears what it missed", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    let fired = 0;
    const cancel = world.host("b").clock.after(20, () => {
      fired += 100;
    });
    world.host("b").clock.after(10, () => {
      fired++;
      cancel();
    });
    world.pause("b");
    a.connection.send(utf8("x"));
    await pass(world, 15);
    expect([fired, b.messages.length]).toEqual([0, 0]);
    world.resume("b");
    await pass(world, 1000);
    expect([fired, b.messages.length]).toEqual([1, 1]);
  });
});

describe("the network", () => {
  test("holds what is sent while a link is down, one way or both", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    world.partition("a", "b", true);
    a.connection.send(utf8("x"));
    b.connection.send(utf8("y"));
    await pass(world, 1000);
    expect([a.messages.length, b.messages.length]).toEqual([1, 0]);
    world.partition("a", "b");
    expect(await world.complete(codeOf(world.host("a").net.dial("ws://b:20000", { timeoutMs: 500, maxMessageBytes: 10 })))).toBe(
      "timed-out",
    );
    world.heal("a", "b");
    await pass(world, 1000);
    expect(b.messages).toHaveLength(1);
  });

  test("cuts connections, which both ends hear", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    expect(world.network.cut("a", "b")).toBe(1);
    await pass(world, 10);
    expect([a.closed, b.closed]).toEqual([["connection reset"], ["connection reset"]]);
    expect(world.network.connections).toBe(0);
  });

  test("stalls connections, which nobody hears", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    expect(world.network.stall("a")).toBe(1);
    for (let index = 0; index < 10; index++) a.connection.send(new Uint8Array(90_000));
    await pass(world, PATIENCE_MS);
    expect([a.closed, b.closed, b.messages]).toEqual([[], [], []]);
    expect(a.connection.queuedBytes).toBeGreaterThan(400_000);
  });

  test("makes the sender wait for a slow reader", async () => {
    const world = makeWorld({ link: { bytesPerSecond: 100_000, bufferBytes: 50_000 } });
    const { a, b } = await connect(world);
    for (let index = 0; index < 50; index++) a.connection.send(new Uint8Array(10_000));
    await pass(world, 1000);
    expect(b.messages.length).toBeGreaterThan(5);
    expect(b.messages.length).toBeLessThan(12);
    expect(a.connection.queuedBytes).toBeGreaterThan(300_000);
    expect(a.drained()).toBe(0);
    await pass(world, 10_000);
    expect([b.messages.length, a.connection.queuedBytes, a.drained()]).toEqual([50, 0, 1]);
  });

  test("keeps messages whole, once and in order, unless a middlebox meddles", async () => {
    const sent = Array.from({ length: 200 }, (_, index) => hex(Uint8Array.of(index, 7, 7)));
    const received = async (middlebox: Partial<Record<"drop" | "duplicate" | "reorder" | "corrupt", number>>): Promise<string[]> => {
      const world = makeWorld({ link: { jitterMs: 20 } });
      const { a, b } = await connect(world);
      Object.assign(world.network.link("a", "b").middlebox, middlebox);
      for (let index = 0; index < 200; index++) a.connection.send(Uint8Array.of(index, 7, 7));
      await pass(world, PATIENCE_MS);
      return b.messages;
    };
    expect(await received({})).toEqual(sent);
    expect((await received({ drop: 0.1 })).length).toBeLessThan(200);
    expect((await received({ duplicate: 0.1 })).length).toBeGreaterThan(200);
    const reordered = await received({ reorder: 0.1 });
    expect(reordered).not.toEqual(sent);
    expect([...reordered].sort()).toEqual([...sent].sort());
    const corrupted = await received({ corrupt: 0.1 });
    expect(corrupted).toHaveLength(200);
    expect(corrupted).not.toEqual(sent);
  });

  test("carries nothing more on a connection a forgetful middlebox forgot, and others as before", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    world.network.link("a", "b").middlebox.forgetsAfterMs = 60_000;
    for (const pauseMs of [50_000, 59_000, 61_000, 1000]) {
      await pass(world, pauseMs);
      a.connection.send(Uint8Array.of(1));
      await pass(world, 100);
    }
    expect([a.closed, b.closed, b.messages.length]).toEqual([[], [], 2]);
    b.connection.send(Uint8Array.of(2));
    await pass(world, 1000);
    expect(a.messages).toEqual([]);
  });

  test("answers with a reset what is sent into a forgotten connection, where the middlebox says so", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    Object.assign(world.network.link("a", "b").middlebox, { forgetsAfterMs: 60_000, resets: true });
    await pass(world, 61_000);
    expect(a.closed).toEqual([]);
    a.connection.send(Uint8Array.of(1));
    await pass(world, 100);
    expect([a.closed, b.closed, b.messages]).toEqual([["connection reset"], [], []]);
  });

  test("loses the connections of a host with another address: it hears so when it sends, the other side never", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    expect(world.network.move("a")).toBe(1);
    b.connection.send(Uint8Array.of(1));
    await pass(world, 1000);
    expect([a.messages, a.closed, b.closed]).toEqual([[], [], []]);
    a.connection.send(Uint8Array.of(2));
    await pass(world, 1000);
    expect([a.closed, b.messages, b.closed]).toEqual([["connection reset"], [], []]);
  });

  test("delays what is lost and everything behind it, and loses nothing", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    world.network.link("a", "b").loss = 0.2;
    const sent = Array.from({ length: 100 }, (_, index) => Uint8Array.of(index));
    for (const message of sent) a.connection.send(message);
    await pass(world, 150);
    expect(b.messages.length).toBeLessThan(60);
    await pass(world, 60_000);
    expect(b.messages).toEqual(sent.map((message) => hex(message)));
  });

  test("takes as long as a narrow line takes, and restored is as wide as before", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    world.network.link("a", "b").bytesPerSecond = 1000;
    for (let count = 0; count < 10; count++) a.connection.send(new Uint8Array(1000));
    await pass(world, 4500);
    expect(b.messages).toHaveLength(4);
    await pass(world, 10_000);
    world.network.restore("a", "b");
    a.connection.send(new Uint8Array(1000));
    await pass(world, 50);
    expect(b.messages).toHaveLength(11);
  });

  test("fills up behind a slow reader until the sender's own queue grows", async () => {
    const world = makeWorld();
    const { a, b } = await connect(world);
    Object.assign(world.network.link("a", "b"), { readBytesPerSecond: 1000, bufferBytes: 3000 });
    for (let count = 0; count < 10; count++) a.connection.send(new Uint8Array(1000));
    await pass(world, 3500);
    expect(b.messages).toHaveLength(4);
    expect(a.connection.queuedBytes).toBe(3000);
    await pass(world, 60_000);
    expect([b.messages.length, a.connection.queuedBytes]).toEqual([10, 0]);
  });

  test("carries plain HTTP to a listener that answers it", async () => {
    const world = makeWorld();
    const onRequest = (request: Request): Response => new Response(new URL(request.url).pathname);
    const { address } = await world.complete(
      world.host("b").net.listen("ws://127.0.0.1:0", { maxMessageBytes: 10, onConnection: () => {}, onRequest }),
    );
    const response = await world.network.request(address, new Request("http://b/healthz"));
    expect(await response.text()).toBe("/healthz");
  });

  test("answers a get in virtual time, and says when nobody is there, nothing comes, or too much", async () => {
    const world = makeWorld();
    const onRequest = (request: Request): Response => new Response(`you asked ${request.headers.get("host")}`, { status: 201 });
    const { address } = await world.complete(
      world.host("b").net.listen("ws://127.0.0.1:0", { maxMessageBytes: 10, onConnection: () => {}, onRequest }),
    );
    const url = address.replace("ws:", "http:");
    const options = { timeoutMs: 1000, maxBytes: 100 };
    const { net } = world.host("a");
    const code = (work: Promise<unknown>): Promise<string | undefined> => world.complete(codeOf(work));
    const answer = await world.complete(net.get(`${url}/x`, options));
    expect([answer.status, fromUtf8(answer.body)]).toEqual([201, `you asked ${new URL(url).host}`]);
    expect(await code(net.get("http://127.0.0.1:1/", options))).toBe("relay-unreachable");
    expect(await code(net.get(url, { ...options, maxBytes: 3 }))).toBe("too-large");
    expect(await code(net.get(url, { ...options, publicOnly: true }))).toBe("peer-forbidden");
    expect(await code(net.get(url, { ...options, signal: AbortSignal.abort() }))).toBe("aborted");
    world.network.link("a", "b").down = true;
    expect(await code(net.get(url, options))).toBe("timed-out");
  });
});

describe("a disk", () => {
  test("that is held answers nothing until it is let go", async () => {
    const world = makeWorld();
    world.disk("a").held = true;
    let done = false;
    void world
      .host("a")
      .files.list("/")
      .then(() => {
        done = true;
      });
    await pass(world, 1000);
    expect(done).toBe(false);
    world.disk("a").held = false;
    await pass(world, 1000);
    expect(done).toBe(true);
  });

  test("whose sync failed once has lost what later syncs will not bring back", async () => {
    const world = makeWorld();
    const { files } = world.host("a");
    const work = async (): Promise<void> => {
      const file = await files.open("/data/x", "write");
      await file.sync();
      await file.write(0, new Uint8Array(40 * SECTOR_BYTES).fill(1));
      world.disk("a").failSyncs = 1;
      expect(await codeOf(file.sync())).toBe("disk-failed");
      await file.sync();
      expect((await file.read(0, 40 * SECTOR_BYTES)).every((byte) => byte === 1)).toBe(true);
    };
    await world.complete(work());
    world.crash("a", { keep: "synced" });
    const file = await world.complete(world.host("a").files.open("/data/x", "read"));
    const left = await world.complete(file.read(0, 40 * SECTOR_BYTES));
    expect(left.includes(0)).toBe(true);
    expect(left.includes(1)).toBe(true);
  });

  test("refuses when it is full or read-only", async () => {
    const world = makeWorld();
    const { files } = world.host("a");
    const file = await world.complete(files.open("/data/x", "write"));
    world.disk("a").capacityBytes = 100;
    expect(await world.complete(codeOf(file.write(0, new Uint8Array(101))))).toBe("disk-full");
    expect(await world.complete(file.size())).toBe(100);
    world.disk("a").readOnly = true;
    expect(await world.complete(codeOf(file.write(0, new Uint8Array(1))))).toBe("read-only");
    expect(await world.complete(codeOf(files.open("/data/y", "write")))).toBe("read-only");
  });
});

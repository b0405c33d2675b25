import { afterEach, describe, expect, it } from "vitest";
import { PaceError } from "../error.ts";
import { settled } from "../host/node/settled.ts";
import { seededRandom } from "../testing/draws.ts";
import { createMemoryDisk, type MemoryDisk } from "../testing/memory-disk.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import type { Handler } from "./drain.ts";
import { openShelf } from "./shelf.ts";
import { createWork, type Work, type WorkOptions, type WorkStatus } from "./work.ts";

interface Bench {
  readonly time: VirtualTime;
  readonly disk: MemoryDisk;
  readonly told: WorkStatus[];
  /** Anew, as after a restart. */
  open(options?: WorkOptions): Promise<Work>;
}

let opened: Work | undefined;
afterEach(() => {
  opened = undefined;
});

function bench(): Bench {
  const time = createVirtualTime();
  const random = seededRandom(7);
  const disk = createMemoryDisk(random);
  const told: WorkStatus[] = [];
  return {
    time,
    disk,
    told,
    open: async (options = {}) => {
      opened = await createWork(
        { shelf: await openShelf(disk.open()), clock: time, random },
        { tell: (status) => told.push(status), ...options },
      );
      return opened;
    },
  };
}

/** Notes what begins, and ends after a second. */
function noting(time: VirtualTime, begun: string[]): Handler {
  return async ({ key }) => {
    begun.push(key);
    await new Promise<void>((resolve) => time.wake(time.now() + 1000, resolve));
    return `${key} done`;
  };
}

const HOUR_MS = 3_600_000;

describe("work that is put off", () => {
  it("is done, and its result is known by its key", async () => {
    const { time, open, told } = bench();
    const work = await open();
    work.handle("sum", async ({ payload }) => (payload as number[]).reduce((sum, one) => sum + one, 0));
    const { key, state } = await work.defer("sum", [1, 2, 3]);
    expect(state).toBe("waiting");
    await time.runSettled(1000);
    expect(work.status(key)).toMatchObject({ state: "done", result: 6, tries: 1 });
    expect(told.map((one) => [one.key, one.state])).toEqual([[key, "done"]]);
    expect(work.status("another")).toBeUndefined();
  });

  it("begins by class, by turns of requesters, the nearest deadline first", async () => {
    const { time, open } = bench();
    const begun: string[] = [];
    const work = await open({ atOnce: 1 });
    await work.defer("note", null, { key: "busy late", requester: "busy", deadlineMs: 2 * HOUR_MS });
    await work.defer("note", null, { key: "busy soon", requester: "busy", deadlineMs: HOUR_MS });
    await work.defer("note", null, { key: "busy any", requester: "busy" });
    await work.defer("note", null, { key: "other", requester: "other" });
    await work.defer("note", null, { key: "first", class: "interactive" });
    work.handle("note", noting(time, begun));
    await time.runSettled(10_000);
    expect(begun).toEqual(["first", "busy soon", "other", "busy late", "busy any"]);
  });

  it("is there after a restart, with the result of what was done", async () => {
    const { time, open, disk } = bench();
    let work = await open({ atOnce: 1 });
    const begun: string[] = [];
    work.handle("note", noting(time, begun));
    await work.defer("note", { n: 1 }, { key: "a" });
    await work.defer("note", { n: 2 }, { key: "b" });
    await time.runSettled(1500);
    disk.crash();
    work = await open();
    expect([work.status("a")?.state, work.status("b")?.state]).toEqual(["done", "waiting"]);
    work.handle("note", noting(time, begun));
    await time.runSettled(4000);
    expect(work.status("b")).toMatchObject({ state: "done", result: "b done", tries: 2 });
    expect(begun).toEqual(["a", "b", "b"]);
  });

  it("is one piece however often it is put off with one key, and another payload is refused", async () => {
    const { time, open } = bench();
    const begun: string[] = [];
    let work = await open();
    await Promise.all([1, 2, 3].map(() => work.defer("note", { n: 1 }, { key: "a" })));
    work.handle("note", noting(time, begun));
    await time.runSettled(5000);
    await work.close();
    work = await open();
    expect(await work.defer("note", { n: 1 }, { key: "a" })).toMatchObject({ state: "done", result: "a done" });
    await expect(work.defer("note", { n: 2 }, { key: "a" })).rejects.toMatchObject({ code: "bad-argument" });
    expect(begun).toEqual(["a"]);
  });

  it("is not kept where the disk was full, and not said to be by a second that asks for the same", async () => {
    const { open, disk } = bench();
    const work = await open({ most: 1 });
    disk.fault = () => "disk-full";
    const both = await Promise.allSettled([1, 2].map(() => work.defer("note", 1, { key: "a" })));
    expect(both).toMatchObject([{ reason: { code: "disk-full" } }, { reason: { code: "disk-full" } }]);
    expect(work.status("a")).toBeUndefined();
    disk.fault = () => undefined;
    expect(await work.defer("note", 1, { key: "a" })).toMatchObject({ state: "waiting" });
  });

  it("is as much as is let wait, and says how much that is", async () => {
    const { open } = bench();
    const work = await open({ most: 2, mostCharacters: 1000, mostPieceBytes: 300 });
    await work.defer("note", "x".repeat(200));
    await expect(work.defer("note", "x".repeat(300))).rejects.toMatchObject({ code: "bad-argument" });
    await work.defer("note", 2);
    await expect(work.defer("note", 3)).rejects.toMatchObject({ code: "queue-full", message: expect.stringContaining("2 pieces") });
  });

  it("refuses what is no JSON, no terms, no class, no key, no time", async () => {
    const { open } = bench();
    const work = await open();
    const ring: Record<string, unknown> = {};
    ring.self = ring;
    for (const payload of [
      undefined,
      Number.NaN,
      { when: new Date() },
      [() => 1],
      ring,
      { deep: { gone: undefined } },
      1n,
      Symbol("x"),
      new Map(),
    ])
      await expect(work.defer("note", payload)).rejects.toMatchObject({ code: "bad-argument" });
    for (const terms of [
      { deadline: 1 },
      { class: "urgent" },
      { key: "" },
      { key: "x".repeat(201) },
      { deadlineMs: Number.NaN },
      { deadlineMs: 0 },
      { delayMs: -1 },
    ])
      await expect(work.defer("note", 1, terms as never)).rejects.toMatchObject({ code: "bad-argument" });
    await expect(work.defer("note", 1, { deadlineMs: 1000, delayMs: 2000 })).rejects.toMatchObject({
      code: "too-late",
      availableInMs: 2000,
    });
    expect(work.state().classes.size).toBe(0);
  });

  it.each([
    { atonce: 3 },
    { atOnce: 0 },
    { tries: Number.NaN },
    { usualClass: "urgent" },
    { offPeak: { from: "25:00", to: "06:00" } },
    { offPeak: { from: "1:00", to: "06:00", zone: "Mars" } },
  ])("is not opened with %j", async (options) => {
    await expect(bench().open(options as never)).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is not the handler's to change", async () => {
    const { time, open } = bench();
    const work = await open();
    const seen: unknown[] = [];
    work.handle("note", async ({ payload }) => {
      seen.push(structuredClone(payload));
      (payload as { n: number }).n = 9;
      if (seen.length < 2) throw new Error("again");
    });
    await work.defer("note", { n: 1 });
    await time.runSettled(10_000);
    expect(seen).toEqual([{ n: 1 }, { n: 1 }]);
  });
});

describe("the time of work that is put off", () => {
  it("does not come before its delay", async () => {
    const { time, open } = bench();
    const begun: string[] = [];
    const work = await open();
    work.handle("note", noting(time, begun));
    await work.defer("note", 1, { key: "a", delayMs: HOUR_MS });
    await time.runSettled(HOUR_MS - 1);
    expect(begun).toEqual([]);
    await time.runSettled(HOUR_MS + 1);
    expect(begun).toEqual(["a"]);
  });

  it("is at night, or where there is room, or shortly before the deadline", async () => {
    const { time, open } = bench();
    const begun: string[] = [];
    let room = 0;
    const work = await open({ offPeak: { from: "22:00", to: "06:00" }, room: () => room, lastCallMs: 600_000 });
    work.handle("note", noting(time, begun));
    // From midnight on: the night ends at six.
    time.run(7 * HOUR_MS);
    for (const key of ["with room", "at night"]) await work.defer("note", 1, { key });
    await work.defer("note", 1, { key: "urgent", deadlineMs: HOUR_MS, class: "background" });
    expect(work.status("at night")?.expectedAt).toBe(Date.UTC(2026, 0, 1, 22) + 1000);
    await time.runSettled(7 * HOUR_MS + 3_000_000 - 20_000);
    expect(begun).toEqual([]);
    await time.runSettled(8 * HOUR_MS);
    expect(begun).toEqual(["urgent"]);
    room = 1;
    await time.runSettled(8 * HOUR_MS + 1500);
    room = 0;
    await time.runSettled(22 * HOUR_MS - 20_000);
    expect(begun).toEqual(["urgent", "with room"]);
    await time.runSettled(22 * HOUR_MS + 20_000);
    expect(begun).toEqual(["urgent", "with room", "at night"]);
  });

  it("is told when it is over, and the piece is kept until somebody says what of it", async () => {
    const { time, open, told } = bench();
    let work = await open({ room: () => 0, lastCallMs: 1, most: 1 });
    await work.defer("note", "payload", { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", state: "missed", reason: "its deadline came while it waited" }]);
    await expect(work.defer("note", 2)).rejects.toMatchObject({ code: "queue-full" });
    await work.close();
    work = await open();
    expect(work.list("missed")).toMatchObject([{ key: "a" }]);
    const begun: string[] = [];
    work.handle("note", noting(time, begun));
    expect(await work.retry("a", { deadlineMs: HOUR_MS })).toMatchObject({ state: "waiting" });
    await time.runSettled(3 * HOUR_MS);
    expect(work.status("a")?.state).toBe("done");
    await work.acknowledge("a");
    expect(work.status("a")).toBeUndefined();
  });

  it("is over for a kind that nobody handles too", async () => {
    const { time, open, told } = bench();
    const work = await open();
    await work.defer("strange", 1, { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", state: "missed" }]);
  });

  it("is over while nobody was there, and is told at the next opening", async () => {
    const { time, open, told, disk } = bench();
    await (await open()).defer("note", 1, { key: "a", deadlineMs: HOUR_MS });
    disk.crash();
    time.setDate(Date.UTC(2026, 0, 3));
    await open();
    await time.runSettled(1);
    expect(told).toMatchObject([{ key: "a", state: "missed" }]);
  });

  it("is over for what is under way too, which is told to stop", async () => {
    const { time, open, told } = bench();
    const work = await open();
    work.handle("endless", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
    await work.defer("endless", 1, { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", state: "missed", reason: expect.stringContaining("while it was under way") }]);
  });

  it("is not over by a date that jumps and jumps back, and nothing begins whose time may be over", async () => {
    const { time, open } = bench();
    const begun: string[] = [];
    const work = await open({ room: () => (time.now() > 10_000 ? 1 : 0), lastCallMs: 1 });
    work.handle("note", noting(time, begun));
    await work.defer("note", 1, { key: "a", deadlineMs: HOUR_MS });
    time.setDate(Date.UTC(2026, 0, 3));
    await time.runSettled(50_000);
    expect([begun, work.status("a")?.state]).toEqual([[], "waiting"]);
    time.setDate(Date.UTC(2026, 0, 1) + 50_000);
    await time.runSettled(100_000);
    expect(begun).toEqual(["a"]);
  });

  it("is over by a date that jumps and stands: the machine slept", async () => {
    const { time, open, told } = bench();
    const work = await open({ room: () => 0, lastCallMs: 1 });
    await work.defer("note", 1, { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(1000);
    time.setDate(Date.UTC(2026, 0, 1) + 2 * HOUR_MS);
    await time.runSettled(200_000);
    expect(told).toMatchObject([{ key: "a", state: "missed" }]);
  });
});

describe("work that fails", () => {
  it("is tried again with doubling pauses, and is dead after so many times, with the reason", async () => {
    const { time, open, told } = bench();
    const at: number[] = [];
    const work = await open({ tries: 4, retryMs: 1000 });
    work.handle("bad", async () => {
      at.push(time.now());
      throw new Error("no such day");
    });
    await work.defer("bad", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect(at).toEqual([0, 1000, 3000, 7000]);
    expect(told).toMatchObject([{ key: "a", state: "dead", tries: 4, reason: "it failed 4 times, the last time: no such day" }]);
  });

  it("is dead when it ends its process again and again", async () => {
    const { time, open, disk, told } = bench();
    for (let life = 0; life < 3; life++) {
      const work = await open({ tries: 3 });
      work.handle("deadly", () => new Promise(() => undefined));
      if (life === 0) await work.defer("deadly", 1, { key: "a" });
      await time.runSettled(time.now() + 1000);
      disk.crash();
    }
    await open({ tries: 3 });
    await settled();
    expect(told).toMatchObject([{ key: "a", state: "dead", reason: expect.stringContaining("begun 3 times") }]);
  });

  it("is dead at once where its result is nothing that can be kept", async () => {
    const { time, open, told } = bench();
    const work = await open();
    work.handle("odd", async () => Number.NaN);
    await work.defer("odd", 1);
    await time.runSettled(10);
    expect(told).toMatchObject([{ state: "dead", tries: 1, reason: expect.stringContaining("the result is no JSON") }]);
  });

  it("has not failed where a budget stopped it, and waits as long as that says", async () => {
    const { time, open } = bench();
    const at: number[] = [];
    const work = await open({ tries: 1 });
    const stops = [
      new PaceError("quota-spent", "the day is used up", "Later.", { availableInMs: HOUR_MS }),
      new Error("wrapped by a client", { cause: new PaceError("too-late", "in 5 s", "Later.", { availableInMs: 5000 }) }),
      new PaceError("quota-spent", "for good", "Later."),
      new PaceError("quota-spent", "for good", "Later.", { availableInMs: Number.POSITIVE_INFINITY }),
    ];
    work.handle("paced", async () => {
      at.push(time.now());
      const stop = stops.shift();
      if (stop !== undefined) throw stop;
      return "through";
    });
    await work.defer("paced", 1, { key: "a" });
    await time.runSettled(2000);
    expect(work.status("a")).toMatchObject({ state: "waiting", tries: 0, reason: "the day is used up" });
    await time.runSettled(3 * HOUR_MS);
    expect(at).toEqual([0, HOUR_MS, HOUR_MS + 5000, HOUR_MS + 245_000, HOUR_MS + 725_000]);
    expect(work.status("a")).toMatchObject({ state: "done", result: "through", tries: 1 });
  });

  it("is told at once when there will be room only after its deadline", async () => {
    const { time, open, told } = bench();
    const work = await open();
    work.handle("paced", async () => {
      throw new PaceError("quota-spent", "the day is used up", "Later.", { availableInMs: 2 * HOUR_MS });
    });
    await work.defer("paced", 1, { deadlineMs: HOUR_MS });
    await time.runSettled(100);
    expect(told).toMatchObject([{ state: "missed", reason: "there is room again after its deadline: the day is used up" }]);
  });

  it("begins only when that is kept, and asks a disk that refuses once a second", async () => {
    const { time, open, disk } = bench();
    const begun: string[] = [];
    const work = await open();
    await work.defer("note", 1, { key: "a" });
    await work.defer("note", 1, { key: "b", deadlineMs: 5000 });
    disk.fault = () => "disk-failed";
    const before = disk.operations;
    work.handle("note", noting(time, begun));
    await time.runSettled(20_000);
    expect([begun, work.status("a")?.tries]).toEqual([[], 0]);
    expect(disk.operations - before).toBeLessThan(50);
    disk.fault = () => undefined;
    await time.runSettled(30_000);
    expect([begun, work.status("b")?.state]).toEqual([["a"], "missed"]);
  });

  it("begins nothing while the disk refuses, and keeps what came of what was under way when it takes it", async () => {
    const { time, open, disk } = bench();
    const begun: string[] = [];
    const work = await open({ atOnce: 1 });
    work.handle("note", noting(time, begun));
    for (const key of ["a", "b"]) await work.defer("note", 1, { key });
    await time.runSettled(500);
    disk.fault = () => "disk-full";
    await time.runSettled(20_000);
    expect([begun, work.status("a")?.state]).toEqual([["a"], "running"]);
    disk.fault = () => undefined;
    await time.runSettled(30_000);
    expect(begun).toEqual(["a", "b"]);
    expect([work.status("a")?.state, work.status("b")?.state]).toEqual(["done", "done"]);
  });
});

describe("work that somebody looks at", () => {
  it("is cancelled where it waits, and told to stop where it is under way", async () => {
    const { time, open, disk } = bench();
    let work = await open({ atOnce: 1 });
    const begun: string[] = [];
    work.handle("note", ({ key, signal }) => {
      begun.push(key);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    for (const key of ["a", "b"]) await work.defer("note", 1, { key });
    await time.runSettled(10);
    expect(await work.cancel("b")).toMatchObject({ state: "cancelled" });
    expect(await work.cancel("a")).toMatchObject({ state: "cancelled" });
    disk.crash();
    work = await open();
    expect(work.list("cancelled").map(({ key }) => key)).toEqual(["a", "b"]);
    expect(begun).toEqual(["a"]);
    await expect(work.cancel("c")).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is cancelled where its process ended before its handler did", async () => {
    const { time, open, disk } = bench();
    let work = await open();
    work.handle("stuck", () => new Promise(() => undefined));
    await work.defer("stuck", 1, { key: "a" });
    await time.runSettled(10);
    void work.cancel("a");
    await time.runSettled(100);
    expect(work.status("a")?.state).toBe("running");
    disk.crash();
    work = await open();
    expect(work.status("a")?.state).toBe("cancelled");
  });

  it("is counted by class, with the oldest and the kinds that nobody handles", async () => {
    const { time, open } = bench();
    const work = await open({ atOnce: 1 });
    work.handle("note", noting(time, []));
    await work.defer("strange", 1);
    await work.defer("note", 1);
    await time.runSettled(500);
    for (let nth = 0; nth < 3; nth++) await work.defer("note", nth, { class: "normal" });
    expect(work.state()).toEqual({
      classes: new Map([
        ["background", { waiting: 1, running: 1, oldestMs: 500 }],
        ["normal", { waiting: 3, running: 0, oldestMs: 0 }],
      ]),
      done: 0,
      missed: 0,
      dead: 0,
      undecided: 0,
      unhandled: ["strange"],
    });
  });

  it("is expected after those before it, by what its kind usually takes", async () => {
    const { time, open } = bench();
    const work = await open({ atOnce: 1 });
    work.handle("note", noting(time, []));
    await work.defer("note", 0);
    await time.runSettled(1500);
    for (let nth = 0; nth < 4; nth++) await work.defer("note", nth, { key: `${nth}` });
    expect(["0", "3"].map((key) => (work.status(key)?.expectedAt ?? 0) - time.date())).toEqual([1000, 3000]);
    await work.cancel("1");
    expect((work.status("3")?.expectedAt ?? 0) - time.date()).toBe(2000);
    await time.runSettled(3600);
    expect(work.status("3")?.state).toBe("running");
    await work.defer("strange", 1, { key: "nobody's" });
    expect(work.status("nobody's")?.expectedAt).toBeUndefined();
  });

  it("is forgotten a while after it was done, and never while it is owed an answer", async () => {
    const { time, open } = bench();
    const work = await open({ keepMs: HOUR_MS, mostKept: 2, tries: 1 });
    work.handle("note", async () => 1);
    work.handle("bad", async () => {
      throw new Error("bad");
    });
    await work.defer("bad", 1, { key: "dead" });
    for (const key of ["a", "b", "c"]) await work.defer("note", 1, { key });
    await time.runSettled(100);
    expect(work.list("done").map(({ key }) => key)).toEqual(["b", "c"]);
    await time.runSettled(2 * HOUR_MS);
    await work.defer("note", 1, { key: "d" });
    await time.runSettled(2 * HOUR_MS + 100);
    expect(work.list("done").map(({ key }) => key)).toEqual(["d"]);
    expect(work.list("dead").map(({ key }) => key)).toEqual(["dead"]);
  });

  it("is closed with what is under way waiting for the next opening, as if it had not begun", async () => {
    const { time, open, disk } = bench();
    let work = await open();
    work.handle("note", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
    await work.defer("note", 1, { key: "a" });
    await time.runSettled(10);
    await work.close();
    await expect(work.defer("note", 2)).rejects.toMatchObject({ code: "closed" });
    expect(disk.names()).toEqual(["journal"]);
    work = await open();
    expect(work.status("a")).toMatchObject({ state: "waiting", tries: 0 });
  });

  it("is closed without a handler that does not end, after ten seconds", async () => {
    const { time, open } = bench();
    const work = await open();
    work.handle("stuck", () => new Promise(() => undefined));
    await work.defer("stuck", 1, { key: "a" });
    await time.runSettled(10);
    let isClosed = false;
    void work.close().then(() => {
      isClosed = true;
    });
    await time.runSettled(9000);
    expect(isClosed).toBe(false);
    await time.runSettled(11_000);
    expect(isClosed).toBe(true);
  });
});

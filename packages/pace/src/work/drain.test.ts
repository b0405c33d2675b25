import { describe, expect, it, vi } from "vitest";
import { PaceError } from "../error.ts";
import { settled } from "../host/node/settled.ts";
import { createWorkBench, HOUR_MS, notingHandler } from "../testing/work-bench.ts";

describe("the time of work that is put off", () => {
  it("does not come before its delay", async () => {
    const { time, open } = createWorkBench();
    const begun: string[] = [];
    const work = await open();
    work.handle("note", notingHandler(time, begun));
    await work.defer("note", 1, { key: "a", delayMs: HOUR_MS });
    await time.runSettled(HOUR_MS - 1);
    expect(begun).toEqual([]);
    await time.runSettled(HOUR_MS + 1);
    expect(begun).toEqual(["a"]);
  });

  it("is at night, or where there is room, or shortly before the deadline", async () => {
    const { time, open } = createWorkBench();
    const begun: string[] = [];
    let room = 0;
    const work = await open({ offPeak: { from: "22:00", to: "06:00" }, room: () => room, lastCallMs: 600_000 });
    work.handle("note", notingHandler(time, begun), { takesMs: 1000 });
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

  it("does not come by a room that fails, and whoever made that is told", async () => {
    const { open } = createWorkBench();
    const told: (() => void)[] = [];
    vi.stubGlobal("queueMicrotask", (call: () => void) => told.push(call));
    try {
      const work = await open({
        room: () => {
          throw new Error("no such quota");
        },
      });
      work.handle("note", async () => 1);
      expect(await work.defer("note", 1, { key: "a" })).toMatchObject({ state: "waiting" });
      expect(told[0]).toThrow("no such quota");
    } finally {
      vi.unstubAllGlobals();
    }
  });

  it("is told when it is over, and the piece is kept until somebody says what of it", async () => {
    const { time, open, told } = createWorkBench();
    let work = await open({ room: () => 0, lastCallMs: 1, most: 1 });
    work.handle("note", async () => undefined);
    await work.defer("note", "payload", { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", state: "missed", reason: "its deadline came while it waited" }]);
    await expect(work.defer("note", 2)).rejects.toMatchObject({ code: "queue-full" });
    await work.close();
    work = await open();
    expect(work.list("missed")).toMatchObject([{ key: "a" }]);
    const begun: string[] = [];
    work.handle("note", notingHandler(time, begun));
    expect(await work.retry("a", { deadlineMs: HOUR_MS })).toMatchObject({ state: "waiting" });
    await time.runSettled(3 * HOUR_MS);
    expect(work.status("a")?.state).toBe("done");
    await work.acknowledge("a");
    expect(work.status("a")).toBeUndefined();
  });

  it("is over for a kind that nobody handles too, and that is said", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open();
    await work.defer("strange", 1, { key: "a", deadlineMs: HOUR_MS });
    expect(work.status("a")?.reason).toBe('nothing handles "strange"');
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", reason: 'its deadline came while it waited, and nothing handled "strange"' }]);
  });

  it("is over while nobody was there, and is told at the next opening", async () => {
    const { time, open, told, disk } = createWorkBench();
    await (await open()).defer("note", 1, { key: "a", deadlineMs: HOUR_MS });
    disk.crash();
    time.setDate(Date.UTC(2026, 0, 3));
    await open();
    await time.runSettled(1);
    expect(told).toMatchObject([{ key: "a", reason: "its deadline came while it waited" }]);
  });

  it("is over for what is under way too, which is told to stop", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open();
    work.handle("endless", ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))));
    await work.defer("endless", 1, { key: "a", deadlineMs: HOUR_MS });
    await time.runSettled(2 * HOUR_MS);
    expect(told).toMatchObject([{ key: "a", state: "missed", reason: expect.stringContaining("while it was under way") }]);
  });

  it("is over where it would be tried again after its deadline, and that is told at once", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open({ retryMs: HOUR_MS });
    work.handle("bad", async () => {
      throw new Error("no answer");
    });
    await work.defer("bad", 1, { key: "a", deadlineMs: HOUR_MS / 2 });
    await time.runSettled(1000);
    expect(told).toMatchObject([{ key: "a", state: "missed", reason: "it would be tried again after its deadline: no answer" }]);
  });

  it("is not over by a date that jumps and jumps back, and nothing begins whose time may be over", async () => {
    const { time, open } = createWorkBench();
    const begun: string[] = [];
    const work = await open({ room: () => (time.now() > 10_000 ? 1 : 0), lastCallMs: 1 });
    work.handle("note", notingHandler(time, begun));
    await work.defer("note", 1, { key: "a", deadlineMs: HOUR_MS });
    time.setDate(Date.UTC(2026, 0, 3));
    await time.runSettled(50_000);
    expect([begun, work.status("a")?.state]).toEqual([[], "waiting"]);
    time.setDate(Date.UTC(2026, 0, 1) + 50_000);
    await time.runSettled(100_000);
    expect(begun).toEqual(["a"]);
  });

  it("is over by a date that jumps and stands: the machine slept", async () => {
    const { time, open, told } = createWorkBench();
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
    const { time, open, told } = createWorkBench();
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
    const { time, open, disk, told } = createWorkBench();
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

  it.each<[string, unknown]>([
    ["an object without a text", Object.create(null)],
    ["an error whose text cannot be read", Object.defineProperty(new Error("x"), "message", { value: null })],
  ])("comes to its end where what is thrown is %s", async (_name, thrown) => {
    const { time, open } = createWorkBench();
    const work = await open({ tries: 1 });
    work.handle("note", () => Promise.reject(thrown));
    await work.defer("note", 1, { key: "a" });
    await time.runSettled(10_000);
    expect(work.status("a")).toMatchObject({ state: "dead" });
    await work.close();
  });

  it("waits for a second at least where a budget stopped it and says that there is room at once", async () => {
    const { time, open } = createWorkBench();
    let begun = 0;
    const work = await open();
    work.handle("note", async () => {
      begun++;
      throw new PaceError("quota-spent", "the service answered 429", "Later.", { availableInMs: 0 });
    });
    await work.defer("note", 1, { key: "a" });
    await time.runSettled(10_000);
    expect(begun).toBeGreaterThan(5);
    expect(begun).toBeLessThan(12);
    await work.close();
  });

  it("is done where its result cannot be kept, once, and says why there is none", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open();
    let runs = 0;
    work.handle("odd", async () => {
      runs++;
      return Number.NaN;
    });
    await work.defer("odd", 1, { key: "a" });
    await time.runSettled(HOUR_MS);
    expect(runs).toBe(1);
    expect(told).toMatchObject([{ state: "done", tries: 1, result: null, reason: expect.stringContaining("the result is no JSON: NaN") }]);
  });

  it("has not failed where a budget stopped it, and waits as long as that says", async () => {
    const { time, open } = createWorkBench();
    const at: number[] = [];
    const work = await open({ tries: 1 });
    const stops = [
      new PaceError("quota-spent", "the day is used up", "Later.", { availableInMs: HOUR_MS }),
      new Error("wrapped by a client", { cause: new PaceError("too-late", "in 5 s", "Later.", { availableInMs: 5000 }) }),
      new PaceError("quota-spent", "nobody knows for how long", "Later."),
      new PaceError("too-late", "its deadline comes first", "Later.", { availableInMs: Number.POSITIVE_INFINITY }),
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

  it("is dead, and told, where it asked for more than there ever is", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open();
    let begun = 0;
    work.handle("large", async () => {
      begun++;
      throw new PaceError("quota-spent", "more than the whole day has", "Ask for less.", { availableInMs: Number.POSITIVE_INFINITY });
    });
    await work.defer("large", 1, { key: "a" });
    await time.runSettled(30 * 24 * HOUR_MS);
    expect(begun).toBe(1);
    expect(told).toMatchObject([{ state: "dead", tries: 1, reason: "more than the whole day has" }]);
  });

  it("is told at once when there will be room only after its deadline", async () => {
    const { time, open, told } = createWorkBench();
    const work = await open();
    work.handle("paced", async () => {
      throw new PaceError("quota-spent", "the day is used up", "Later.", { availableInMs: 2 * HOUR_MS });
    });
    await work.defer("paced", 1, { deadlineMs: HOUR_MS });
    await time.runSettled(100);
    expect(told).toMatchObject([{ state: "missed", reason: "there is room again after its deadline: the day is used up" }]);
  });

  it("begins only when that is kept, and asks a disk that refuses once a second", async () => {
    const { time, open, disk } = createWorkBench();
    const begun: string[] = [];
    const work = await open();
    await work.defer("note", 1, { key: "a" });
    await work.defer("note", 1, { key: "b", deadlineMs: 5000 });
    disk.fault = () => "disk-failed";
    const before = disk.operations;
    work.handle("note", notingHandler(time, begun));
    await time.runSettled(20_000);
    expect([begun, work.status("a")?.tries]).toEqual([[], 0]);
    expect(disk.operations - before).toBeLessThan(50);
    disk.fault = () => undefined;
    await time.runSettled(30_000);
    expect([begun, work.status("b")?.state]).toEqual([["a"], "missed"]);
  });

  it("begins nothing while the disk refuses, and keeps what came of what was under way when it takes it", async () => {
    const { time, open, disk } = createWorkBench();
    const begun: string[] = [];
    const work = await open({ atOnce: 1 });
    work.handle("note", notingHandler(time, begun));
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

import { describe, expect, it } from "vitest";
import { createWorkBench, HOUR_MS, notingHandler } from "../testing/work-bench.ts";

describe("work that is put off", () => {
  it("is done, and its result is known by its key", async () => {
    const { time, open, told } = createWorkBench();
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
    const { time, open } = createWorkBench();
    const begun: string[] = [];
    const work = await open({ atOnce: 1 });
    await work.defer("note", null, { key: "busy late", requester: "busy", deadlineMs: 2 * HOUR_MS });
    await work.defer("note", null, { key: "busy soon", requester: "busy", deadlineMs: HOUR_MS });
    await work.defer("note", null, { key: "busy any", requester: "busy" });
    await work.defer("note", null, { key: "other", requester: "other" });
    await work.defer("note", null, { key: "first", class: "interactive" });
    work.handle("note", notingHandler(time, begun));
    await time.runSettled(10_000);
    expect(begun).toEqual(["first", "busy soon", "other", "busy late", "busy any"]);
  });

  it("is there after a restart, with the result of what was done", async () => {
    const { time, open, disk } = createWorkBench();
    let work = await open({ atOnce: 1 });
    const begun: string[] = [];
    work.handle("note", notingHandler(time, begun));
    await work.defer("note", { n: 1 }, { key: "a" });
    await work.defer("note", { n: 2 }, { key: "b" });
    await time.runSettled(1500);
    disk.crash();
    work = await open();
    expect([work.status("a")?.state, work.status("b")?.state]).toEqual(["done", "waiting"]);
    work.handle("note", notingHandler(time, begun));
    await time.runSettled(4000);
    expect(work.status("b")).toMatchObject({ state: "done", result: "b done", tries: 2 });
    expect(begun).toEqual(["a", "b", "b"]);
  });

  it("is one piece however often it is put off with one key, and another payload is refused", async () => {
    const { time, open } = createWorkBench();
    const begun: string[] = [];
    let work = await open();
    await Promise.all([1, 2, 3].map(() => work.defer("note", { n: 1 }, { key: "a" })));
    work.handle("note", notingHandler(time, begun));
    await time.runSettled(5000);
    await work.close();
    work = await open();
    expect(await work.defer("note", { n: 1 }, { key: "a" })).toMatchObject({ state: "done", result: "a done" });
    await expect(work.defer("note", { n: 2 }, { key: "a" })).rejects.toMatchObject({ code: "bad-argument" });
    expect(begun).toEqual(["a"]);
  });

  it("is the same in whatever order its names stand, and says where it is not", async () => {
    const work = await createWorkBench().open();
    await work.defer("note", { day: 1, zone: "UTC" }, { key: "a" });
    expect(await work.defer("note", { zone: "UTC", day: 1 }, { key: "a" })).toMatchObject({ key: "a" });
    await expect(work.defer("note", { day: 2, zone: "UTC" }, { key: "a" })).rejects.toMatchObject({
      message: 'the key "a" names other work: it differs in "day"',
    });
    await expect(work.defer("letter", { day: 1, zone: "UTC" }, { key: "a" })).rejects.toMatchObject({
      message: 'the key "a" names other work: its kind is "note"',
    });
  });

  it("refuses terms that make no sense also where the key is known", async () => {
    const work = await createWorkBench().open();
    await work.defer("note", 1, { key: "a" });
    for (const terms of [{ class: "urgent" }, { deadlineMs: "5" }, { delayMs: "5" }])
      await expect(work.defer("note", 1, { key: "a", ...terms } as never)).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is asked about, decided and handled by what there is", async () => {
    const work = await createWorkBench().open();
    const wrong: readonly (() => unknown)[] = [
      () => work.handle("note", "later" as never),
      () => work.list("wating" as never),
      () => work.status(undefined as never),
      () => work.cancel(3 as never),
      () => work.acknowledge(Symbol("a") as never),
      () => work.retry("", {}),
      () => work.defer("note", 1, null as never),
      () => work.decide("a", null as never),
    ];
    for (const act of wrong) await expect(Promise.resolve().then(act)).rejects.toMatchObject({ code: "bad-argument" });
    expect(() => work.list("wating" as never)).toThrow(expect.objectContaining({ hint: expect.stringContaining('Is "waiting" meant?') }));
  });

  it("is not kept where the disk was full, and not said to be by a second that asks for the same", async () => {
    const { open, disk } = createWorkBench();
    const work = await open({ most: 1 });
    disk.fault = () => "disk-full";
    const both = await Promise.allSettled([1, 2].map(() => work.defer("note", 1, { key: "a" })));
    expect(both).toMatchObject([{ reason: { code: "disk-full" } }, { reason: { code: "disk-full" } }]);
    expect(work.status("a")).toBeUndefined();
    disk.fault = () => undefined;
    expect(await work.defer("note", 1, { key: "a" })).toMatchObject({ state: "waiting" });
  });

  it("is as much as is let wait, and says how much that is", async () => {
    const { open } = createWorkBench();
    const work = await open({ most: 2, mostCharacters: 1000, mostPieceBytes: 300 });
    await work.defer("note", "x".repeat(200));
    await expect(work.defer("note", "x".repeat(300))).rejects.toMatchObject({ code: "bad-argument" });
    await work.defer("note", 2);
    await expect(work.defer("note", 3)).rejects.toMatchObject({ code: "queue-full", message: expect.stringContaining("2 pieces") });
  });

  it("refuses what is no JSON, no terms, no class, no key, no time", async () => {
    const { open } = createWorkBench();
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
    { offPeak: { from: "1:00", to: "06:00", tz: "UTC" } },
    { offPeak: { from: 1, to: 6 } },
    { offPeak: null },
    { classes: "urgent" },
    { classes: [] },
    { classes: ["a", "a"] },
    { tell: 3 },
    { room: 3 },
    { most: "10" },
  ])("is not opened with %j", async (options) => {
    await expect(createWorkBench().open(options as never)).rejects.toMatchObject({ code: "bad-argument" });
  });

  it("is not the handler's to change", async () => {
    const { time, open } = createWorkBench();
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

describe("work that somebody looks at", () => {
  it("is cancelled where it waits, and told to stop where it is under way", async () => {
    const { time, open, disk } = createWorkBench();
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
    const { time, open, disk } = createWorkBench();
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
    const { time, open } = createWorkBench();
    const work = await open({ atOnce: 1 });
    work.handle("note", notingHandler(time, []));
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
    const { time, open } = createWorkBench();
    const work = await open({ atOnce: 1 });
    work.handle("note", notingHandler(time, []));
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
    const { time, open } = createWorkBench();
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
    const { time, open, disk } = createWorkBench();
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
    const { time, open } = createWorkBench();
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

import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { createMemoryDisk } from "../testing/memory-disk.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createWorkBench, HOUR_MS } from "../testing/work-bench.ts";
import { openShelf } from "./shelf.ts";
import { createWork } from "./work.ts";

const SLOW_DISK_MS = 20;

describe("work that is done or cancelled", () => {
  it("is not forgotten while it is tried again and that is still being written", async () => {
    const time = createVirtualTime();
    const random = seededRandom(3);
    const folder = createMemoryDisk(random).open();
    const sync = async (name: string): Promise<void> => {
      await new Promise<void>((resolve) => time.wake(time.now() + SLOW_DISK_MS, resolve));
      await folder.sync(name);
    };
    const opening = openShelf({ ...folder, sync });
    await time.runSettled(100);
    const work = await createWork({ shelf: await opening, clock: time, random }, { atOnce: 1 });
    work.handle("note", async ({ signal }) => {
      await new Promise<void>((resolve) => time.wake(time.now() + 1000, resolve));
      signal.throwIfAborted();
    });
    void work.defer("note", 1, { key: "again", delayMs: HOUR_MS });
    await time.runSettled(1000);
    void work.cancel("again");
    await time.runSettled(2000);
    void work.defer("note", 1, { key: "other" });
    // The end of the other is being written when the first is tried again.
    for (let atMs = 2000; work.status("other")?.state !== "done"; atMs++) await time.runSettled(atMs);
    const retried = work.retry("again");
    await time.runSettled(10_000);
    expect(await retried).toMatchObject({ state: "waiting" });
    expect(work.status("again")?.state).toBe("done");
  });

  it("makes room for what is new, the oldest first, and only where that is enough", async () => {
    const { time, open, disk } = createWorkBench();
    const work = await open({ mostCharacters: 10_000 });
    work.handle("page", async () => "r".repeat(900));
    for (let nth = 0; nth < 20; nth++) {
      await work.defer("page", nth, { key: `p${nth}` });
      await time.runSettled(time.now() + 10);
    }
    const known = work.list("done").map(({ key }) => key);
    expect(known.length).toBeLessThan(10);
    expect(known).toEqual(Array.from(known, (_, nth) => `p${20 - known.length + nth}`));
    await expect(work.defer("page", "x".repeat(10_000), { key: "large" })).rejects.toMatchObject({
      code: "queue-full",
      message: "0 pieces of work wait or are owed an answer, of 0 characters",
    });
    disk.fault = () => "disk-full";
    await expect(work.defer("page", "x".repeat(5000), { key: "half" })).rejects.toMatchObject({ code: "disk-full" });
    expect(work.list("done").map(({ key }) => key)).toEqual(known);
    disk.fault = () => undefined;
    expect(await work.defer("page", "x".repeat(5000), { key: "half" })).toMatchObject({ state: "waiting" });
  });

  it("that the disk did not let be forgotten is still the first to make room", async () => {
    const { time, open, disk } = createWorkBench();
    const work = await open({ mostCharacters: 10_000 });
    work.handle("page", async () => "r".repeat(900));
    for (const key of ["a", "b", "c"]) {
      await work.defer("page", 1, { key });
      await time.runSettled(time.now() + 10);
    }
    disk.fault = () => "disk-full";
    await expect(work.defer("page", "x".repeat(6700))).rejects.toMatchObject({ code: "disk-full" });
    disk.fault = () => undefined;
    await work.defer("page", "x".repeat(6700));
    expect(work.list("done").map(({ key }) => key)).toEqual(["b", "c"]);
  });

  it("is forgotten at the next opening, where its time was over before", async () => {
    const { time, open } = createWorkBench();
    const work = await open();
    work.handle("note", async () => 1);
    await work.defer("note", 1, { key: "a" });
    await time.runSettled(25 * HOUR_MS);
    expect(work.status("a")?.state).toBe("done");
    await work.close();
    expect((await open()).status("a")).toBeUndefined();
  });

  it("is forgotten after what ended before it, also where it ended with its process", async () => {
    const { time, open, disk } = createWorkBench();
    let work = await open({ mostKept: 2 });
    work.handle("note", async () => 1);
    work.handle("stuck", () => new Promise(() => undefined));
    for (const key of ["older", "old"]) {
      await work.defer("note", 1, { key });
      await time.runSettled(time.now() + 100);
    }
    await work.defer("stuck", 1, { key: "new" });
    await time.runSettled(time.now() + 100);
    void work.cancel("new");
    await time.runSettled(time.now() + 100);
    disk.crash();
    work = await open({ mostKept: 2 });
    work.handle("note", async () => 1);
    await work.defer("note", 1, { key: "newest" });
    await time.runSettled(time.now() + 100);
    expect([...work.list("cancelled"), ...work.list("done")].map(({ key }) => key)).toEqual(["new", "newest"]);
  });
});

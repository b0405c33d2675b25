import { describe, expect, it } from "vitest";
import type { Clock } from "../host/clock.ts";
import { createBell } from "./bell.ts";

const forEver: Clock = { wallMs: () => 0, monotonicMs: () => 0, after: () => () => {} };
const never = new AbortController().signal;

async function woken(waits: readonly Promise<unknown>[]): Promise<number> {
  let count = 0;
  for (const wait of waits)
    wait.then(
      () => count++,
      () => undefined,
    );
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
  return count;
}

describe("bell", () => {
  it("wakes those who wait for the name that rings, and nobody else of a crowd", async () => {
    const bell = createBell(forEver, "a test");
    const crowd = Array.from({ length: 10_000 }, (_, at) => bell.wait(`message ${at}`, never));
    bell.ring("message 4711");
    expect(await woken(crowd)).toBe(1);
  });

  it("wakes as many as it is told to, the longest waiting first", async () => {
    const bell = createBell(forEver, "a test");
    const order: number[] = [];
    const waits = [1, 2, 3].map((at) => bell.wait("work", never).then(() => order.push(at)));
    bell.ring("work", 2);
    expect(await woken(waits)).toBe(2);
    expect(order).toEqual([1, 2]);
  });

  it("arms a timer only for a wait with an end", () => {
    let timers = 0;
    const counted = (): (() => void) => {
      timers++;
      return () => {};
    };
    const bell = createBell({ ...forEver, after: counted }, "a test");
    bell.wait("work", never).catch(() => undefined);
    expect(timers).toBe(0);
    bell.wait("work", never, 5).catch(() => undefined);
    expect(timers).toBe(1);
  });

  it("ends every wait with aborted when it is closed or the signal fires", async () => {
    const bell = createBell(forEver, "a test");
    const caller = new AbortController();
    const waits = [bell.wait("a", caller.signal), bell.wait("b", never)];
    caller.abort();
    bell.close();
    for (const wait of [...waits, bell.wait("c", never)]) await expect(wait).rejects.toMatchObject({ code: "aborted" });
  });
});

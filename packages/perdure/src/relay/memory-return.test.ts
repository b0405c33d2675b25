import { expect, it } from "vitest";
import { createNodeHeap } from "../host/node/heap.ts";
import { createTestClock } from "../protocol/link/test-clock.ts";
import { createMemoryReturn } from "./memory-return.ts";

const MB = 1024 * 1024;
const EVERY_MS = 1000;

function begin({ everyMs = EVERY_MS, fails = false } = {}) {
  const clock = createTestClock();
  const memory = { heldBytes: 100 * MB, takenBytes: 50 * MB };
  let done = 0;
  let tidied = 0;
  const events: string[] = [];
  const returning = createMemoryReturn({
    clock,
    log: { write: (_, event) => void events.push(event) },
    heap: {
      sizes: () => memory,
      tidy: async () => {
        tidied++;
        if (fails) throw new Error("no session");
        memory.heldBytes = memory.takenBytes;
      },
    },
    settings: { memoryBackMs: everyMs },
    done: () => done,
  });
  const pass = async (work = 0): Promise<void> => {
    done += work;
    clock.advance(EVERY_MS);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { clock, memory, events, returning, pass, tidied: () => tidied };
}

it("is given back once when it is quiet, and again when it has grown", async () => {
  const { memory, events, pass, tidied } = begin();
  await pass();
  await pass();
  expect([tidied(), events]).toEqual([1, ["relay.memory-returned"]]);
  memory.heldBytes = 81 * MB;
  await pass();
  expect(tidied()).toBe(1);
  memory.heldBytes = 82 * MB;
  await pass();
  expect(tidied()).toBe(2);
});

it("is kept while there is work, and given back after it", async () => {
  const { pass, tidied } = begin();
  await pass(2);
  await pass(50_000);
  expect(tidied()).toBe(0);
  await pass(1);
  expect(tidied()).toBe(1);
});

it("is kept where that would take long, where little is to be had, and where nobody wants it back", async () => {
  const large = begin();
  large.memory.takenBytes = 257 * MB;
  large.memory.heldBytes = 600 * MB;
  const small = begin();
  small.memory.heldBytes = 31 * MB;
  const off = begin({ everyMs: 0 });
  for (const { pass } of [large, small, off]) await pass();
  expect([large, small, off].map(({ tidied }) => tidied())).toEqual([0, 0, 0]);
  expect(off.clock.timers).toBe(0);
});

it("is looked at again after it could not be given back, and no more once the relay stops", async () => {
  const { clock, events, returning, pass, tidied } = begin({ fails: true });
  await pass();
  await pass();
  expect([tidied(), events]).toEqual([2, ["relay.memory-kept", "relay.memory-kept"]]);
  returning.stop();
  expect(clock.timers).toBe(0);
});

it("goes back to the system on Node", async () => {
  const heap = createNodeHeap();
  let burst: unknown[] | undefined = Array.from({ length: 300_000 }, (_, number) => ({ number, text: `number ${number}` }));
  const { heldBytes } = heap.sizes();
  expect(burst.length).toBeGreaterThan(0);
  burst = undefined;
  await heap.tidy();
  expect(heap.sizes().heldBytes).toBeLessThan(heldBytes - 8 * MB);
});

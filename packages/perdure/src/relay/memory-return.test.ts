import { expect, it } from "vitest";
import type { Files, OpenFile } from "../host/files.ts";
import type { Heap } from "../host/heap.ts";
import { createNodeHeap } from "../host/node/heap.ts";
import { createTestClock } from "../protocol/link/test-clock.ts";
import { createMemoryReturn } from "./memory-return.ts";
import { openRelayWith } from "./open-relay.ts";
import { createRelayWorld, envelopeOf, LISTEN } from "./test-world.ts";

const MB = 1024 * 1024;
const EVERY_MS = 1000;

function begin({ everyMs = EVERY_MS, fails = false } = {}) {
  const clock = createTestClock();
  const memory = { heldBytes: 100 * MB, takenBytes: 50 * MB };
  let done = 0;
  let tidied = 0;
  const cleared: string[] = [];
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
    spare: ["reads", "messages"].map((what) => ({ clear: () => void cleared.push(what) })),
    settings: { memoryBackMs: everyMs },
    done: () => done,
  });
  const pass = async (work = 0): Promise<void> => {
    done += work;
    clock.advance(EVERY_MS);
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  return { clock, memory, events, returning, pass, tidied: () => tidied, cleared };
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

it("of spare memory none is kept once it is quiet, however little else there is to give back", async () => {
  const { memory, pass, tidied, cleared } = begin();
  memory.heldBytes = 31 * MB;
  await pass(2);
  expect(cleared).toEqual([]);
  await pass(1);
  expect([cleared, tidied()]).toEqual([["reads", "messages"], 0]);
});

it("a relay reads mail into memory that was used before, and keeps none of it once it is quiet", async () => {
  const { world, agent } = createRelayWorld();
  const host = world.host("relay");
  const memories = new Set<Uint8Array>();
  let reads = 0;
  const heap: Heap = { sizes: () => ({ heldBytes: 0, takenBytes: 0 }), tidy: async () => {} };
  const open: Files["open"] = async (path, mode) => {
    const file = await host.files.open(path, mode);
    const read: OpenFile["read"] = async (offset, length, memory) => {
      const found = await file.read(offset, length);
      if (memory === undefined) return found;
      reads++;
      memories.add(memory);
      memory.set(found);
      return memory.subarray(0, found.length);
    };
    return { ...file, read };
  };
  const files = { ...host.files, open };
  const relay = await world.complete(openRelayWith({ host: { ...host, heap, files }, folder: "relay-folder", listen: LISTEN }));
  const [alice, bob] = [await agent("alice", { relay }), await agent("bob", { relay })];
  const pass = (ms: number) => world.run({ untilMs: world.nowMs + ms });
  const gone = { code: "aborted", retry: "never", afterMs: 0, limit: undefined, why: "", hint: "" } as const;
  (await bob.connect()).session.close(gone);
  const from = await alice.connect();
  for (let seq = 1; seq <= 100; seq++) from.mail(seq, envelopeOf(alice.own, bob.own, seq, host.clock.wallMs() + 3_600_000, 2000));
  for (let round = 0; round < 8; round++) {
    const to = await bob.connect();
    await pass(1000);
    expect(to.delivered.map(({ read }) => read.body)).toEqual(
      Array.from({ length: 100 }, (_, index) => new Uint8Array(2000).fill(48 + ((index + 1) % 10))),
    );
    to.session.close(gone);
  }
  expect(reads).toBe(8);
  expect(memories.size).toBe(1);
  expect([...memories].every(({ length }) => length > 0)).toBe(true);
  await pass(30_000);
  expect([...memories].map(({ length }) => length)).toEqual([0]);
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

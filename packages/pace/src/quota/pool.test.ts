import { describe, expect, it } from "vitest";
import { createGate, type Gate } from "../gate/gate.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { createPool, type Pool } from "./pool.ts";

const CALL = { cost: { requests: 1 }, isGuess: false, isReserved: false, requester: "", deadlineMs: Number.POSITIVE_INFINITY };

function gateWith(time: VirtualTime, pool: Pool): Gate {
  return createGate({ mostWaiting: 1000, ranks: 3, rate: { startPerSecond: 1000 } }, { clock: time, random: () => 0.5, pool });
}

/** Always has more to do, each for a tenth of a second; says how many left. */
function flood(time: VirtualTime, gate: Gate, rank: number): () => number {
  let left = 0;
  const enter = (): void =>
    void gate.enter(
      { ...CALL, rank },
      {
        leave: (pass) => {
          left++;
          time.wake(time.now() + 100, () => pass.settle({ kind: "answered" }));
          enter();
        },
        refuse: (error) => {
          throw error;
        },
      },
    );
  for (let nth = 0; nth < 20; nth++) enter();
  return () => left;
}

describe("what a process has of its own", () => {
  it("is shared in turn by services that have as urgent work", () => {
    const time = createVirtualTime();
    const pool = createPool([{ unit: "in-flight", limit: 2 }], () => ({}));
    const all = [0, 1, 2].map(() => flood(time, gateWith(time, pool), 1));
    time.run(30_000);
    const [first = 0, second = 0, third = 0] = all.map((left) => left());
    expect(Math.min(first, second, third)).toBeGreaterThan(0.9 * Math.max(first, second, third));
  });

  it("goes to the most urgent first, whatever else waits for another service", () => {
    const time = createVirtualTime();
    const pool = createPool([{ unit: "in-flight", limit: 2 }], () => ({}));
    flood(time, gateWith(time, pool), 2);
    const other = gateWith(time, pool);
    time.run(5050);
    const left: number[] = [];
    other.enter({ ...CALL, rank: 0 }, { leave: ({ sentMs }) => left.push(sentMs), refuse: () => undefined });
    time.run(6000);
    // As soon as one of those under way ends.
    expect(left[0]).toBeLessThanOrEqual(5150);
  });

  it("is what is held, where it cannot be measured", () => {
    const pool = createPool([{ unit: "memory-bytes", limit: 10 }], () => {
      throw new Error("no such file: /proc");
    });
    const giveBack = pool.hold({ "memory-bytes": 6 });
    expect([pool.fits({ "memory-bytes": 4 }), pool.fits({ "memory-bytes": 5 })]).toEqual([true, false]);
    giveBack();
    expect(pool.gauges(() => 0)).toMatchObject([{ used: 0 }]);
  });
});

import { expect, test } from "vitest";
import type { Line } from "./line.ts";
import { createTraffic, type Traffic } from "./traffic.ts";

const AGENTS = 3;
const WINDOW = 4;

/** Two turns of the loop: what is due is written in the next one. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
}

function createRing(tellsAcks = true): { readonly traffic: Traffic; readonly written: number[][] } {
  const written: number[][] = Array.from({ length: AGENTS }, () => []);
  const lines = written.map(
    (counts): Line => ({ write: (count) => void counts.push(count), settled: async () => {}, close: async () => {} }),
  );
  const failed = (error: unknown): void => expect.fail(String(error));
  const traffic = createTraffic({
    agents: AGENTS,
    window: WINDOW,
    lineOf: (at) => lines[at],
    tellsAcks: () => tellsAcks,
    reads: true,
    failed,
  });
  return { traffic, written };
}

test("a message is over when it was acknowledged and read, and only then is the next one written", async () => {
  const { traffic, written } = createRing();
  traffic.go();
  await turns();
  expect(written).toEqual([[WINDOW], [WINDOW], [WINDOW]]);
  traffic.acked(0, 3);
  traffic.delivered(1, 0, 1);
  await turns();
  expect(traffic.ended).toBe(1);
  expect(written[0]).toEqual([WINDOW, 1]);
  traffic.delivered(1, 0, 2);
  traffic.delivered(1, 0, 3);
  await turns();
  expect(traffic.ended).toBe(3);
  expect(written[0]).toEqual([WINDOW, 1, 2]);
});

test("where nobody acknowledges, a message is over when it was read", async () => {
  const { traffic } = createRing(false);
  traffic.go();
  await turns();
  traffic.delivered(1, 0, 1);
  expect(traffic.ended).toBe(1);
});

test("what one turn brings is answered with one write", async () => {
  const { traffic, written } = createRing();
  traffic.go();
  await turns();
  traffic.acked(0, WINDOW);
  for (let seq = 1; seq <= WINDOW; seq++) traffic.delivered(1, 0, seq);
  await turns();
  expect(written[0]).toEqual([WINDOW, WINDOW]);
  expect(written[1]).toEqual([WINDOW, 0]);
});

test("nothing is written after the stop, and what is under way is counted until it ends", async () => {
  const { traffic, written } = createRing();
  traffic.go();
  await turns();
  traffic.stop();
  expect(traffic.outstanding).toBe(AGENTS * WINDOW);
  traffic.acked(0, 1);
  traffic.delivered(1, 0, 1);
  await turns();
  expect(written[0]).toEqual([WINDOW, 0]);
  expect(traffic.outstanding).toBe(AGENTS * WINDOW - 1);
});

test("a message that is lost, doubled, out of order or never sent fails the run", async () => {
  const { traffic } = createRing();
  traffic.go();
  await turns();
  traffic.delivered(1, 0, 1);
  expect(() => traffic.delivered(1, 0, 3)).toThrow("where 2 was due");
  expect(() => traffic.delivered(1, 0, 1)).toThrow("where 2 was due");
  expect(() => traffic.acked(0, WINDOW + 1)).toThrow(`and sent ${WINDOW}`);
});

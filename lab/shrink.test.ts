import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import type { Swept } from "./pool.ts";
import { createRecorder } from "./recorder.ts";
import { readScenario, type Scenario, writeScenario } from "./scenario.ts";
import { runSeed } from "./seed.ts";
import { shrink } from "./shrink.ts";

const { hash } = createNodeCrypto();
const PATIENCE_MS = 5 * 60_000;
const BUSY = readScenario(readFileSync(new URL("./scenarios/handed-over-twice.json", import.meta.url), "utf8"));

async function run({ format: _, ...scenario }: Scenario, letters: boolean): Promise<Swept> {
  const recorder = letters ? createRecorder({ letters }) : undefined;
  const result = await runSeed({ ...scenario, hash, recorder });
  return { result, different: false, difference: undefined, recording: recorder?.recording() };
}

const never = new AbortController().signal;
const shrinking = { run, threads: 1, told: () => {} };

test("a switched-off defence shrinks to three faults at most, which replay to the same break 100 times of 100", {
  timeout: PATIENCE_MS,
}, async () => {
  expect(BUSY.faults?.length).toBeGreaterThan(5);
  const { scenario, complete } = await shrink(BUSY, { ...shrinking, signal: never });
  expect(complete).toBe(true);
  expect(scenario.faults?.length).toBeLessThanOrEqual(3);
  expect(scenario.traffic?.length).toBeLessThanOrEqual(5);
  const least = readScenario(writeScenario(scenario));
  const seen = new Set<string>();
  for (let time = 0; time < 100; time++) {
    const { historyHash, broken } = (await run(least, false)).result;
    seen.add(`${historyHash} ${broken?.invariant} ${broken?.what}`);
  }
  expect([...seen]).toEqual([`${least.expect?.historyHash} 3 completion ${least.note}`]);
});

test("with the defence on, the same faults and letters break nothing", { timeout: PATIENCE_MS }, async () => {
  const { result } = await run({ ...BUSY, without: [] }, false);
  expect(result.broken).toBeUndefined();
});

test("letters written down make the same history as the agents that wrote them, until the last one", { timeout: PATIENCE_MS }, async () => {
  const drawn: Scenario = { format: BUSY.format, seed: 3, minutes: 0.2, relays: 1, agents: 2, hostile: "nobody", disaster: "none" };
  const first = await run(drawn, true);
  const letters = first.recording?.letters ?? [];
  expect(letters.length).toBeGreaterThan(3);
  const again = await run({ ...drawn, traffic: letters }, true);
  expect(again.recording?.letters).toEqual(letters);
  expect(again.result.counts.promised).toBe(first.result.counts.promised);
});

test("what breaks nothing cannot be shrunk", { timeout: PATIENCE_MS }, async () => {
  await expect(shrink({ ...BUSY, without: [] }, { ...shrinking, signal: never })).rejects.toMatchObject({ code: "bad-argument" });
});

test.each([1, 2])("when time is over before run %i is, it is said to be", { timeout: PATIENCE_MS }, async (last) => {
  const over = new AbortController();
  let runs = 0;
  const slow = async (each: Scenario, letters: boolean): Promise<Swept> => {
    if (++runs < last) return await run(each, letters);
    over.abort();
    throw over.signal.reason;
  };
  await expect(shrink(BUSY, { ...shrinking, signal: over.signal, run: slow })).rejects.toMatchObject({
    code: "timed-out",
    hint: expect.stringContaining("--budget-seconds"),
  });
});

test("when time is over, what is left so far is the result, and says so", { timeout: PATIENCE_MS }, async () => {
  const over = new AbortController();
  let runs = 0;
  const { complete, scenario } = await shrink(BUSY, {
    ...shrinking,
    signal: over.signal,
    run: async (each, letters) => {
      if (++runs === 3) over.abort();
      return await run(each, letters);
    },
  });
  expect(complete).toBe(false);
  expect(scenario.expect?.invariant).toBe("3 completion");
});

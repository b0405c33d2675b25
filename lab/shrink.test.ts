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
const LEAST = readScenario(readFileSync(new URL("./scenarios/handed-over-twice.json", import.meta.url), "utf8"));

async function run({ format: _, ...scenario }: Scenario, letters: boolean): Promise<Swept> {
  const recorder = letters ? createRecorder({ letters }) : undefined;
  const result = await runSeed({ ...scenario, hash, recorder });
  return { result, different: false, difference: undefined, recording: recorder?.recording() };
}

const never = new AbortController().signal;
const shrinking = { run, threads: 1, told: () => {} };

test("a switched-off defence, found in a town with much else going on, shrinks to three faults at most, and they break the same", {
  timeout: PATIENCE_MS,
}, async () => {
  const busy: Scenario = {
    ...LEAST,
    minutes: 0.1,
    faults: [
      { atMs: 100, kind: "slow-link", host: "anna", other: "relay-0", durationMs: 300, amount: 0.1 },
      ...(LEAST.faults ?? []),
      { atMs: 1500, kind: "cut", host: "desk", other: "relay-0", durationMs: 100, amount: 0.5 },
      { atMs: 2500, kind: "pause", host: "anna", other: "", durationMs: 400, amount: 0.5 },
      { atMs: 3000, kind: "agent-kill", host: "anna", other: "", durationMs: 300, amount: 0.5 },
    ],
    traffic: [
      ...(LEAST.traffic ?? []),
      { atMs: 10, from: "anna", to: "desk", sizeBytes: 900 },
      { atMs: 1200, from: "desk", to: "anna", sizeBytes: 2000, kind: "question" },
      { atMs: 2000, from: "anna", to: "carl", sizeBytes: 300, keyed: true },
      { atMs: 3100, from: "carl", to: "anna", sizeBytes: 300, expiresInMs: 20_000 },
    ],
  };
  const { result } = await run(busy, false);
  expect(result.broken?.invariant).toBe("3 completion");
  const { scenario, complete } = await shrink(busy, { ...shrinking, signal: never });
  expect(complete).toBe(true);
  expect(scenario.faults?.length).toBeLessThanOrEqual(3);
  expect(scenario.traffic?.length).toBeLessThanOrEqual(2);
  const again = await run(readScenario(writeScenario(scenario)), false);
  expect(again.result.broken?.invariant).toBe("3 completion");
  expect(again.result.historyHash).toBe(scenario.expect?.historyHash);
});

test("a scenario replays to the same break 100 times of 100", { timeout: PATIENCE_MS }, async () => {
  const seen = new Set<string>();
  for (let time = 0; time < 100; time++) {
    const { historyHash, broken } = (await run(LEAST, false)).result;
    seen.add(JSON.stringify({ historyHash, broken }));
  }
  expect([...seen]).toHaveLength(1);
  expect([...seen][0]).toContain(String(LEAST.expect?.invariant));
});

test("with the defence on, the same faults and letters break nothing", { timeout: PATIENCE_MS }, async () => {
  const { result } = await run({ ...LEAST, without: [] }, false);
  expect(result.broken).toBeUndefined();
});

test("letters written down make the same history as the agents that wrote them, until the last one", { timeout: PATIENCE_MS }, async () => {
  const drawn: Scenario = { format: LEAST.format, seed: 3, minutes: 0.2, relays: 1, agents: 2, hostile: "nobody", disaster: "none" };
  const first = await run(drawn, true);
  const letters = first.recording?.letters ?? [];
  expect(letters.length).toBeGreaterThan(3);
  const again = await run({ ...drawn, traffic: letters }, true);
  expect(again.recording?.letters).toEqual(letters);
  expect(again.result.counts.promised).toBe(first.result.counts.promised);
});

test("what breaks nothing cannot be shrunk", { timeout: PATIENCE_MS }, async () => {
  await expect(shrink({ ...LEAST, without: [] }, { ...shrinking, signal: never })).rejects.toMatchObject({ code: "bad-argument" });
});

test("when time is over, what is left so far is the result, and says so", { timeout: PATIENCE_MS }, async () => {
  const over = new AbortController();
  let runs = 0;
  const { complete, scenario } = await shrink(LEAST, {
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

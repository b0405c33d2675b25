import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "vitest";
import { createPool } from "./pool.ts";
import { sweep } from "./sweep.ts";

const JOB = { seed: 1, options: { minutes: 0 }, twice: false };

/** Throws a moment after the first result of its thread, as what a town left behind may. */
const LEFT_BEHIND = {
  file: "protocol/delivery/interval-set.ts",
  find: "export function createIntervalSet",
  put: `const { parentPort } = process.getBuiltinModule("node:worker_threads");
const post = parentPort.postMessage.bind(parentPort);
parentPort.postMessage = (said) => {
  post(said);
  setTimeout(() => { throw new Error("left behind"); }, 10);
};
export function createIntervalSet`,
};

test("a thread that fails between two seeds fails the next one, and no seed waits for it", { timeout: 60_000 }, async () => {
  await using pool = createPool({ planted: LEFT_BEHIND, threads: 1 });
  expect((await pool.run(JOB)).result.broken).toBeUndefined();
  await pause(1000);
  await expect(pool.run(JOB)).rejects.toThrow("left behind");
  expect((await pool.run(JOB)).result.broken).toBeUndefined();
});

test("more seeds than are asked for at once come in their order", { timeout: 60_000 }, async () => {
  const seeds = Array.from({ length: 10 }, (_, index) => index + 1);
  const came: number[] = [];
  for await (const { result } of sweep(seeds, { minutes: 0, relays: 1, agents: 2, hostile: "nobody" }, { twice: false, threads: 1 }))
    came.push(result.seed);
  expect(came).toEqual(seeds);
});

import { expect, test } from "vitest";
import type { Hunted } from "../hunt.ts";
import { falseAlarms, plantedTown } from "../planted.ts";
import type { Planted } from "../planting.ts";
import { createPool } from "../pool.ts";
import type { SeedResult } from "../seed.ts";
import { PLACEBOS } from "./placebos.ts";

/** Long enough on a machine that has other things to do. */
const PATIENCE_MS = 10 * 60_000;
const SEED = 1;

async function lived(planted?: Planted): Promise<SeedResult> {
  await using pool = createPool({ planted, threads: 1 });
  return (await pool.run({ seed: SEED, options: plantedTown(SEED), twice: false })).result;
}

test("no placebo breaks a town, and most make another history of it", { timeout: PATIENCE_MS }, async () => {
  const { historyHash } = await lived();
  const other: string[] = [];
  for (const placebo of PLACEBOS) {
    const result = await lived(placebo);
    expect([placebo.id, result.broken]).toEqual([placebo.id, undefined]);
    if (result.historyHash !== historyHash) other.push(placebo.id);
  }
  // The others write other bytes to the disk, which no history has.
  expect(other.length).toBeGreaterThan(PLACEBOS.length / 2);
});

test("a placebo that is found is counted, and named with what was taken for wrong", () => {
  const hunted = (id: string, found?: Hunted["found"]): Hunted => ({ id, found, seconds: 1 });
  const all = [hunted("a"), hunted("b", { seeds: 3, invariant: "2 ack", what: "seen twice" }), hunted("c")];
  expect(falseAlarms(all)).toEqual({ count: 1, lines: ["1 of 3 placebos were found", "found, and breaks no promise: b: seen twice"] });
  expect(falseAlarms(all.slice(0, 1))).toEqual({ count: 0, lines: ["0 of 1 placebo was found"] });
  expect(falseAlarms([])).toEqual({ count: 0, lines: [] });
});

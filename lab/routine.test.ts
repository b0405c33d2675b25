import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { findHiddenLimit } from "./hidden-limits.ts";
import { mutantTown } from "./mutants/town.ts";
import type { Edit } from "./planting.ts";
import { createPool, type SweepOptions } from "./pool.ts";

const OPTIONS = {
  minutes: 0.1,
  hostile: "nobody",
  disaster: "none",
  relays: 2,
  agents: 3,
  routine: true,
  settings: { windowFrames: 4, peerWindowFrames: 4 },
} as const;

async function brokenBy(planted: Edit | undefined, seed = 1, options: SweepOptions = OPTIONS): Promise<string | undefined> {
  await using pool = createPool({ planted, threads: 1 });
  const { result } = await pool.run({ seed, options, twice: false });
  return result.broken?.invariant;
}

test("an ordinary while shows nothing, and a lie that is taken for proven shows in it", { timeout: 120_000 }, async () => {
  expect(await brokenBy(undefined)).toBeUndefined();
  // A sender may say when it was, and the relay signed another time.
  const time = { file: "protocol/evidence/verify-evidence.ts", find: "if (!times.includes(step.atMs))", put: "if (times.length === 0)" };
  expect(await brokenBy(time)).toBe("5 statements");
});

test("what a new session would put right shows in it", { timeout: 120_000 }, async () => {
  // Of what the relay has the sender goes on thinking that it is under way.
  const unheard = {
    file: "protocol/delivery/send-queue.ts",
    find: "        part.acked = true;\n        resting.delete(part);",
    put: "        resting.delete(part);",
  };
  expect(await brokenBy(unheard, 1, mutantTown(1))).toBe("routine");
});

test("a hidden limit is found in every seed", { timeout: 120_000 }, async () => {
  const { hash } = createNodeCrypto();
  for (let seed = 1; seed <= 25; seed++) await findHiddenLimit(seed, hash);
});

import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { findHiddenLimit } from "./hidden-limits.ts";
import { keepIncidents } from "./incident-desk.ts";
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

test("mail for who is away is signed for, also when its relay died before it could", { timeout: 120_000 }, async () => {
  const unordered = { file: "protocol/delivery/statements.ts", find: "  putInOrder(statements, sender, link);\n}", put: "}" };
  expect([await brokenBy(undefined, 10, mutantTown(10)), await brokenBy(unordered, 10, mutantTown(10))]).toEqual([undefined, "routine"]);
});

test("a hidden limit is found in every seed, and the ledger of incidents is what it is told", { timeout: 120_000 }, async () => {
  const { hash } = createNodeCrypto();
  for (let seed = 1; seed <= 25; seed++) {
    await findHiddenLimit(seed, hash);
    await keepIncidents(seed, hash);
  }
});

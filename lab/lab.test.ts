import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { runSeed } from "./seed.ts";
import { sweep } from "./sweep.ts";

const hash = createNodeCrypto().hash;
/** Long enough on a machine that has other things to do. */
const PATIENCE_MS = 15 * 60_000;
/** As many as fit into a command of minutes; `npm run lab` plays as many as there is time for. */
const SEEDS = Array.from({ length: 5 }, (_, index) => index + 1);

test("5 towns keep every invariant for a virtual minute, and each seed has one history of its own", { timeout: PATIENCE_MS }, async () => {
  const histories = new Set<string>();
  let completed = 0;
  let crashes = 0;
  let relayed = 0;
  let liesSeen = 0;
  for await (const { result, different } of sweep(SEEDS, { minutes: 1 }, { twice: true })) {
    expect({ seed: result.seed, broken: result.broken, different }).toEqual({ seed: result.seed, broken: undefined, different: false });
    histories.add(result.historyHash);
    completed += result.counts.completed;
    crashes += result.counts.crashes;
    relayed += result.counts.relayed;
    liesSeen += result.counts.liesSeen;
  }
  expect(histories.size).toBe(SEEDS.length);
  expect(completed).toBeGreaterThan(500);
  expect(crashes).toBeGreaterThan(7);
  expect(relayed).toBeGreaterThan(500);
  expect(liesSeen).toBeGreaterThan(0);
});

test("a town with real cryptography keeps every invariant", { timeout: PATIENCE_MS }, async () => {
  const result = await runSeed({ seed: 5, hash, crypto: createNodeCrypto(), minutes: 1 });
  expect(result.broken).toBeUndefined();
  expect(result.counts.completed).toBeGreaterThan(20);
});

const WEATHER = ["brownout", "partition", "agent-kill", "relay-kill"] as const;

test.each(["clone", "snapshot", "theft", "relay-copy"] as const)(
  "folders that are copied, put back or stolen keep every invariant: %s",
  { timeout: PATIENCE_MS },
  async (disaster) => {
    let clonesSeen = 0;
    for await (const { result, different } of sweep(
      SEEDS.slice(0, 4),
      { minutes: 1, hostile: "nobody", disaster },
      { twice: disaster === "theft" },
    )) {
      expect({ seed: result.seed, broken: result.broken, different }).toEqual({ seed: result.seed, broken: undefined, different: false });
      clonesSeen += result.counts.clonesSeen;
    }
    expect(clonesSeen > 0).toBe(disaster !== "relay-copy");
  },
);

test.each(["nobody", "stranger", "relay"] as const)(
  "the same weather with every defence on, and %s who means no good, breaks nothing",
  { timeout: PATIENCE_MS },
  async (hostile) => {
    for await (const { result } of sweep(SEEDS.slice(0, 2), { minutes: 1, relays: 2, hostile, kinds: WEATHER }, { twice: false }))
      expect({ seed: result.seed, broken: result.broken }).toEqual({ seed: result.seed, broken: undefined });
  },
);

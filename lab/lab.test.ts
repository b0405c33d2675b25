import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { runSeed } from "./seed.ts";
import { sweep } from "./sweep.ts";

const hash = createNodeCrypto().hash;
/** Long enough on a machine that has other things to do. */
const PATIENCE_MS = 15 * 60_000;
const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);

test("8 seeds of two virtual minutes keep every invariant, and each has one history", { timeout: PATIENCE_MS }, async () => {
  let completed = 0;
  let crashes = 0;
  let relayed = 0;
  let liesSeen = 0;
  for await (const { result, different } of sweep(SEEDS, { minutes: 2 }, { twice: true })) {
    expect({ seed: result.seed, broken: result.broken, different }).toEqual({ seed: result.seed, broken: undefined, different: false });
    completed += result.counts.completed;
    crashes += result.counts.crashes;
    relayed += result.counts.relayed;
    liesSeen += result.counts.liesSeen;
  }
  expect(completed).toBeGreaterThan(600);
  expect(crashes).toBeGreaterThan(10);
  expect(relayed).toBeGreaterThan(600);
  expect(liesSeen).toBeGreaterThan(0);
});

test("two seeds have two histories", { timeout: PATIENCE_MS }, async () => {
  const hashes = new Set<string>();
  for (const seed of [1, 2]) hashes.add((await runSeed({ seed, hash, minutes: 1 })).historyHash);
  expect(hashes.size).toBe(2);
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
    for await (const { result } of sweep(SEEDS.slice(0, 4), { minutes: 1, relays: 2, hostile, kinds: WEATHER }, { twice: false }))
      expect({ seed: result.seed, broken: result.broken }).toEqual({ seed: result.seed, broken: undefined });
  },
);

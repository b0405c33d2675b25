import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { runSeed } from "./seed.ts";
import { sweep } from "./sweep.ts";
import type { DefenceName } from "./town.ts";

const hash = createNodeCrypto().hash;
/** Long enough on a machine that has other things to do. */
const PATIENCE_MS = 15 * 60_000;
const SEEDS = Array.from({ length: 24 }, (_, index) => index + 1);

test("24 seeds of five virtual minutes keep every invariant, and each has one history", { timeout: PATIENCE_MS }, async () => {
  let completed = 0;
  let crashes = 0;
  for await (const { result, different } of sweep(SEEDS, { minutes: 5 }, true)) {
    expect({ seed: result.seed, broken: result.broken, different }).toEqual({ seed: result.seed, broken: undefined, different: false });
    completed += result.counts.completed;
    crashes += result.counts.crashes;
  }
  expect(completed).toBeGreaterThan(5000);
  expect(crashes).toBeGreaterThan(50);
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

/** A defence that is off must be noticed within so many seeds of two minutes of weather that needs it. */
const SEEDS_TO_NOTICE = 24;
const WEATHER = ["brownout", "partition", "agent-kill", "relay-kill"] as const;

test.each<DefenceName>(["sync", "ack-after-sync", "generation", "settle-clamp", "floor", "dedupe"])(
  "without %s an invariant breaks within 24 seeds",
  { timeout: PATIENCE_MS },
  async (name) => {
    const seeds = Array.from({ length: SEEDS_TO_NOTICE }, (_, index) => index + 1);
    for await (const { result } of sweep(seeds, { minutes: 2, switchedOff: new Set([name]), kinds: WEATHER }, false)) {
      if (result.broken === undefined) continue;
      expect(result.broken.invariant).not.toMatch(/^10/);
      return;
    }
    expect.unreachable(`nothing broke without ${name}`);
  },
);

test("the same weather with every defence on breaks nothing", { timeout: PATIENCE_MS }, async () => {
  for await (const { result } of sweep(SEEDS.slice(0, 12), { minutes: 2, kinds: WEATHER }, false)) expect(result.broken).toBeUndefined();
});

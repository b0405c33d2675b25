import { expect, test } from "vitest";
import type { Files } from "../../host/files.ts";
import { createNodeHost } from "../../host/node/index.ts";
import { createDisk, createMemoryFiles } from "../../host/simulated/index.ts";
import type { Surroundings } from "../../host/surroundings.ts";
import { createSettings } from "../../settings/register.ts";
import { PerdureError } from "../../wire/error.ts";
import { readLimits, writeLimits } from "./limit-file.ts";
import type { LineTimes } from "./line-meter.ts";
import { openLineKeeper } from "./open-line-keeper.ts";

const AGE_MS = 600_000;
const GENERATION = new Uint8Array(8).fill(1);

/** A line that was lost at one age, with pings as long as it lived. */
const LOST: LineTimes = {
  ageMs: AGE_MS,
  aliveMs: AGE_MS,
  deadMs: AGE_MS,
  quietMs: 3_000,
  unasked: true,
  longestQuietMs: 15_000,
  broke: true,
  endedHere: false,
  slept: false,
};

/** A keeper whose lines to a place all end at one age. */
async function keeperOn(files: Files, surroundings: () => Surroundings = () => ({ external: [], contradictions: [] })) {
  const host = createNodeHost();
  let wallMs = 1_760_000_000_000;
  const keeper = await openLineKeeper({
    host: { ...host, files, clock: { ...host.clock, wallMs: () => wallMs } },
    folder: "home",
    settings: createSettings(),
    surroundings,
    owner: "agent",
  });
  const find = (path: string): void => {
    for (let line = 0; line < 6; line++) {
      const connection = { remote: path, local: false, queuedBytes: 0, send: () => {}, close: () => {}, start: () => {} };
      const meter = { connection, times: () => LOST };
      const ended = keeper.begin(keeper.plan(path), { meter, generation: GENERATION, quiet: () => true, renew: () => {} });
      wallMs += AGE_MS + 37_123 * (line + 1);
      ended({ code: "connection-closed", why: "lost", retry: "now", afterMs: 0, hint: "", limit: undefined });
    }
  };
  return { keeper, find };
}

test("what is found while an earlier write fails is on the disk all the same", async () => {
  const files = createMemoryFiles(createDisk());
  let failures = 1;
  const { keeper, find } = await keeperOn({
    ...files,
    open: async (path, mode) => {
      if (mode === "write" && failures-- > 0) throw new PerdureError("disk-failed", "the write failed");
      return await files.open(path, mode);
    },
  });
  find("ws://one");
  find("ws://two");
  await keeper.close();
  expect((await readLimits(files, "home")).map(({ path, kind }) => [path, kind])).toEqual([
    ["ws://one", "age"],
    ["ws://two", "age"],
  ]);
});

test("what the machine has in force is looked up once for all limits that are shown", async () => {
  let looked = 0;
  const surroundings = (): Surroundings => {
    looked++;
    return { external: [], contradictions: [] };
  };
  const { keeper, find } = await keeperOn(createMemoryFiles(createDisk()), surroundings);
  for (const path of ["ws://one", "ws://two", "ws://three"]) find(path);
  looked = 0;
  expect([keeper.limits.length, looked]).toEqual([3, 1]);
  await keeper.close();
});

test.each([
  [0, 0],
  [1, 0],
  [1_000, 900_000],
])("a file that says lines live for %i ms, give or take %i, makes no storm of new ones", async (valueMs, errorMs) => {
  const files = createMemoryFiles(createDisk());
  const finding = { path: "ws://one", kind: "age", valueMs, errorMs, occurrences: 9, confidence: 1, state: "found", foundAtMs: 1 } as const;
  await writeLimits(files, "home", [finding]);
  const armed: number[] = [];
  const host = createNodeHost();
  const after = (delayMs: number) => {
    armed.push(delayMs);
    return () => {};
  };
  const keeper = await openLineKeeper({
    host: { ...host, files, clock: { ...host.clock, after } },
    folder: "home",
    settings: createSettings(),
    surroundings: () => ({ external: [], contradictions: [] }),
    owner: "agent",
  });
  expect(keeper.limits).toHaveLength(1);
  const connection = { remote: "one", local: false, queuedBytes: 0, send: () => {}, close: () => {}, start: () => {} };
  const meter = { connection, times: () => ({ ...LOST, ageMs: 0 }) };
  keeper.begin(keeper.plan("ws://one"), { meter, generation: GENERATION, quiet: () => true, renew: () => {} });
  expect(Math.min(...armed)).toBeGreaterThanOrEqual(15_000);
  await keeper.close();
});

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readScenario } from "../scenario.ts";
import type { SeedResult } from "../seed.ts";
import type { RealResult } from "./real-run.ts";
import { compare } from "./twin.ts";
import { differences } from "./two-worlds.ts";

const scenarioOf = (name: string) => readScenario(readFileSync(new URL(`../scenarios/${name}.json`, import.meta.url), "utf8"));

/** The others are a command of their own: `npm run twin -- --times 3 lab/scenarios/*.json`. */
test("a kill and a cut end alike in a world and on real processes", { timeout: 5 * 60_000 }, async () => {
  const compared = await compare("three-notes-and-a-kill", scenarioOf("three-notes-and-a-kill"), 1);
  expect(compared).toMatchObject({
    differences: [],
    unjudged: false,
    leftOut: {},
    simulated: { broken: undefined },
    real: [{ broken: undefined }],
  });
  expect(compared.real[0]?.counts).toMatchObject({ promised: 3, crashes: 1 });
});

test("what no real process has is named, and nothing is said to be the same", async () => {
  const { notRun, real } = await compare("a liar", { ...scenarioOf("three-notes-and-a-kill"), relays: 2, hostile: "relay" }, 1);
  expect([notRun, real]).toEqual(["hostile: relay lives in worlds only", []]);
});

const scenario = scenarioOf("three-notes-and-a-kill");
const endsAs = (byEnd: Readonly<Record<string, number>>, invariant?: string) => ({
  counts: { promised: 3, refusals: 0, crashes: 1, byEnd },
  broken: invariant === undefined ? undefined : { invariant, what: `${invariant}: it broke`, atMs: 1 },
  virtualMs: 10_000,
  beginMs: 0,
  settledMs: 1000,
});
const simulated = (byEnd: Readonly<Record<string, number>>, invariant?: string) => endsAs(byEnd, invariant) as unknown as SeedResult;
const real = (byEnd: Readonly<Record<string, number>>, invariant?: string) => endsAs(byEnd, invariant) as unknown as RealResult;

test("which end a handler chose is no difference, whether a message ended with its recipient is one", () => {
  expect(differences(scenario, simulated({ done: 3 }), real({ done: 2, refused: 1 }))).toEqual([]);
  expect(differences(scenario, simulated({ done: 3 }), real({ done: 2, unconfirmed: 1 }))).toHaveLength(1);
});

test("a letter that was written in one world only is a difference, but for the one a kill was in the way of", () => {
  const fewer = (count: number): RealResult => {
    const whole = real({ done: count });
    return { ...whole, counts: { ...whole.counts, promised: count } };
  };
  expect(differences(scenario, simulated({ done: 3 }), fewer(2))).toEqual([]);
  expect(differences(scenario, simulated({ done: 3 }), fewer(1))).toHaveLength(1);
});

test("what breaks in one world only is a difference, and so is another invariant", () => {
  expect(differences(scenario, simulated({}, "1 custody"), real({}, "1 custody"))).toEqual([]);
  expect(differences(scenario, simulated({ done: 3 }), real({}, "1 custody"))).toEqual([
    "real: 1 custody: it broke; simulated: nothing broke",
  ]);
  expect(differences(scenario, simulated({}, "1 custody"), real({ done: 3 }))).toHaveLength(1);
  expect(differences(scenario, simulated({}, "1 custody"), real({}, "3 completion"))).toHaveLength(1);
});

test("a message that ends long after it did in the other world is a difference", () => {
  expect(differences(scenario, simulated({ done: 3 }), { ...real({ done: 3 }), settledMs: 60_000 })).toHaveLength(1);
});

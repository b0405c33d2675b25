import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readScenario, SCENARIO_FORMAT, type Scenario, writeScenario } from "./scenario.ts";
import { readWish, wordsFor } from "./wishes.ts";

const FULL: Scenario = {
  format: SCENARIO_FORMAT,
  seed: 7,
  minutes: 0.5,
  relays: 2,
  agents: 3,
  hostile: "stranger",
  disaster: "clone",
  kinds: ["cut", "pause"],
  faults: [{ atMs: 12.5, kind: "cut", host: "anna", other: "relay-1", durationMs: 30, amount: 0.25 }],
  traffic: [{ atMs: 3, from: "anna", to: "desk", sizeBytes: 4000, kind: "question", expiresInMs: 20_000, keyed: true }],
  settings: { pingEveryMs: 1000 },
  without: ["dedupe"],
  plant: "some-mistake",
  note: "why",
  expect: { invariant: "3 completion", historyHash: "00" },
};

test("what is written is read", () => {
  expect(readScenario(writeScenario(FULL))).toEqual(FULL);
  expect(readScenario(writeScenario({ format: SCENARIO_FORMAT, seed: 1, minutes: 5 }))).toEqual({
    format: SCENARIO_FORMAT,
    seed: 1,
    minutes: 5,
  });
});

test("every scenario that lies here is one", () => {
  const folder = new URL("./scenarios/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
  expect(names).not.toHaveLength(0);
  for (const name of names) expect(readScenario(readFileSync(new URL(name, folder), "utf8")).format).toBe(SCENARIO_FORMAT);
});

test.each([
  ["not JSON", "{", /a scenario is JSON/],
  ["another file", '{"format":"something"}', /its "format" is "something"/],
  ["no seed", { seed: undefined }, /seed is missing/],
  ["half a seed", { seed: 0.5 }, /seed is 0.5/],
  ["an unknown field", { seeds: 3 }, /no field "seeds"/],
  ["no such fault", { faults: [{ atMs: 1, kind: "flood", host: "anna" }] }, /faults\[0\].kind is "flood"/],
  ["a fault without a time", { faults: [{ kind: "pause", host: "anna" }] }, /faults\[0\].atMs is missing/],
  ["a fault of nobody", { faults: [{ atMs: 1, kind: "pause", host: "zoe" }] }, /faults\[0\].host names "zoe"/],
  ["a letter to nobody", { traffic: [{ atMs: 1, from: "anna", to: "zoe", sizeBytes: 1 }] }, /traffic\[0\].to names "zoe"/],
  ["a letter from far away", { agents: 2, traffic: [{ atMs: 1, from: "carl", to: "anna", sizeBytes: 1 }] }, /names "carl"/],
  ["no such defence", { without: ["sleep"] }, /without\[0\] is "sleep"/],
  ["a routine that is a word", { routine: "yes" }, /routine is "yes"/],
  ["keyed by a number", { traffic: [{ atMs: 1, from: "anna", to: "desk", sizeBytes: 1, keyed: 1 }] }, /traffic\[0\].keyed is 1/],
  ["too many relays", { relays: 1000 }, /relays is 1000/],
])("%s is refused, with what is wrong and where", (_, said, why) => {
  const text = typeof said === "string" ? said : JSON.stringify({ format: SCENARIO_FORMAT, seed: 1, minutes: 1, ...said });
  expect(() => readScenario(text)).toThrow(why);
  expect(() => readScenario(text)).toThrow(expect.objectContaining({ code: "bad-argument" }));
});

const nothing = (path: string): string => {
  throw new Error(`${path} is not asked for`);
};

test("the words of a failing seed run it again", () => {
  const words =
    "--seeds 50 --from 10 --minutes 0.5 --relays 2 --hostile nobody --kinds cut,pause --set pingEveryMs=1000 --without dedupe --without floor";
  const wish = readWish(words.split(" "), nothing);
  expect(wish.seeds.slice(0, 2)).toEqual([10, 11]);
  const again = readWish(wordsFor(wish, 23).replace("npm run lab -- ", "").split(" "), nothing);
  expect(again.scenario).toEqual({ ...wish.scenario, seed: 23 });
  expect(again.seeds).toEqual([23]);
});

test("a replay is said by its file and by what replaces what the file says", () => {
  const wish = readWish(["--replay", "x.json", "--minutes", "2"], () => writeScenario(FULL));
  expect(wish.scenario).toEqual({ ...FULL, minutes: 2 });
  expect(wordsFor(wish, 7)).toBe("npm run lab -- --replay x.json --minutes 2");
});

test.each([
  ["--sedes 3", /Unknown option '--sedes'/],
  ["17", /"17" means nothing here/],
  ["--seeds many", /--seeds is "many"/],
  ["--seeds 0", /--seeds is "0"/],
  ["--trace", /--trace shows one run/],
  ["--shrink --seeds 4", /--shrink shows one run/],
  ["--minutes -1", /--minutes/],
  ["--kinds cut,flood", /kinds\[1\] is "flood"/],
  ["--set pingEveryMs", /--set is "pingEveryMs"/],
  ["--relays 99", /relays is 99/],
  ["--seed 3 --seeds 5", /--seeds and --seed do not go together/],
  ["--seed 3 --from 5", /--from and --seed do not go together/],
  ["--seed 3 --trace --about zzz", /--about is "zzz"/],
  ["--seed 3 --trace --about .2", /--about is "\.2"/],
  ["--seed 3 --shrink --budget-seconds 0", /--budget-seconds is "0"/],
  ["--seed 3 --shrink --budget-seconds 1e9", /--budget-seconds is "1e9"/],
])("%s is refused", (words, why) => {
  expect(() => readWish(words.split(" "), nothing)).toThrow(why);
});

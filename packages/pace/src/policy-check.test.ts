import { describe, expect, it } from "vitest";
import { cheaperModel } from "./degrade/cheaper-model.ts";
import { deferring } from "./degrade/defer.ts";
import { fewerBits } from "./degrade/fewer-bits.ts";
import { fewerTokens } from "./degrade/fewer-tokens.ts";
import { simplify } from "./degrade/simplify.ts";
import { summarising } from "./degrade/summarise.ts";
import { isPaceError, type PaceError } from "./error.ts";
import { createPace, type Pace } from "./pace.ts";
import type { CallTraits, PacePolicy } from "./policy.ts";
import { createVirtualTime } from "./testing/virtual-time.ts";
import type { DeferTerms, WorkOptions } from "./work/work.ts";

const ORIGIN = "https://api.example.com";
const made = createPace as (policy?: unknown, ports?: unknown) => Pace;

/** A pace that sends nothing anywhere. */
function quiet(policy: object = {}): Pace {
  return made(policy, { clock: createVirtualTime(), fetch: async () => new Response("{}"), fault: () => undefined });
}

async function thrownBy(act: () => unknown): Promise<unknown> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function refusalOf(act: () => unknown): Promise<PaceError> {
  const error = await thrownBy(act);
  if (error === undefined) return expect.unreachable("it was taken");
  if (!isPaceError(error)) throw error;
  expect(error.code).toBe("bad-argument");
  return error;
}

const STRATEGY = { name: "mine", from: "saving", lessen: () => undefined };
const WHEN = { unit: "usd", at: "saving" };

describe("a policy that makes no sense is refused, and told what is meant", () => {
  it.each([
    ["concurrency", "in-flight"],
    ["rpm", "quotas"],
    ["maxRetries", "attempts"],
    ["timeout", "deadlineMs"],
    ["constructor", "There are"],
  ])("by how %s is said here", async (name, hint) => {
    expect((await refusalOf(() => made({ [name]: 4 }))).hint).toContain(hint);
  });

  it.each<[string, object, RegExp]>([
    ["a strategy that is a text", { lesser: ["cheap"] }, /"cheap".*fewerTokens\(\)/],
    ["a strategy without a name", { lesser: [{ ...STRATEGY, name: "" }] }, /name of a strategy is ""/],
    ["a strategy of a step that is none", { lesser: [{ ...STRATEGY, from: "savin" }] }, /"savin" is no step.*Is "saving" meant/],
    ["a strategy that cannot be asked", { lesser: [{ name: "mine", from: "saving" }] }, /"mine" has no function "lessen"/],
    ["strategies of null", { lesser: null }, /lesser is no list but null/],
    ["a rule of nothing", { rules: [{}] }, /a rule has no when.*As in \{ when/],
    ["a rule that is null", { rules: [null] }, /a rule is given is no object/],
    [
      "a rule of a unit that is none",
      { rules: [{ when: { unit: "request", at: "saving" }, hold: { operation: "a", refuse: true } }] },
      /"request" is no unit.*Is "requests" meant/,
    ],
    ["a rule without an operation", { rules: [{ when: WHEN, hold: { refuse: true } }] }, /operation of a rule is undefined/],
    [
      "a rule that says two things",
      { rules: [{ when: WHEN, hold: { operation: "a", perMinute: 1, refuse: true } }] },
      /perMinute and refuse/,
    ],
    ["a rule that refuses nothing", { rules: [{ when: WHEN, hold: { operation: "a", refuse: false } }] }, /refuse is false/],
    [
      "a rule that counts apples",
      { rules: [{ when: WHEN, hold: { operation: "a", perMinute: 1, unit: "apples" } }] },
      /"apples" is no unit/,
    ],
    ["a reserved class that is none", { reserved: ["vip"] }, /"vip" is no class of calls.*heartbeat/],
    ["a usual class that is none", { usualClass: "nromal" }, /Is "normal" meant/],
    ["a class that is a number", { classes: ["a", 3] }, /one of classes is 3/],
    ["a class without a name", { classes: [""] }, /one of classes is ""/],
    ["a weight without end", { weight: Number.POSITIVE_INFINITY }, /weight is Infinity\. .*has an end/],
    ["a weight of nothing", { weight: 0 }, /weight is 0\. It is a number above zero\.$/],
    ["quotas that are a list", { quotas: [] }, /quotas is no object but a list\. As in \{ "https:/],
    [
      "a quota of a unit that is none",
      { quotas: { "*": [{ unit: "dollars", limit: 1, windowMs: 1 }] } },
      /"dollars" is no unit.*There are: requests, tokens, input-tokens, output-tokens, usd\.$/,
    ],
    ["a quota of what a process has", { quotas: { "*": [{ unit: "cpu", limit: 1, windowMs: 1 }] } }, /"cpu" is of the process.*here/],
    ["a time to keep that is none", { keepMs: "5s" }, /keepMs is "5s"/],
    ["a ladder that is null", { ladder: null }, /no object but null/],
    ["a ladder in hundreds", { ladder: { thresholds: { warned: 50, saving: 75, emergency: 90 } } }, /warned of thresholds is 50/],
    ["a ladder of no thresholds", { ladder: { thresholds: [0.5, 0.75, 0.9] } }, /thresholds is given is no object but a list/],
    ["a ladder of a quota that is none", { ladder: { quotas: { "request day": { warned: 0.2 } } } }, /Is "requests" meant/],
    ["prices that are a list", { prices: [] }, /prices is no object but a list/],
    [
      "a price that is a number",
      { prices: { small: 3 } },
      /price of "small" is given is no object but 3\. As in \{ inputUsdPerMillion: … \}\. There are: inputUsdPerMillion, outputUsdPerMillion/,
    ],
    [
      "a price in words",
      { prices: { small: { inputUsdPerMillion: "1", outputUsdPerMillion: 2 } } },
      /inputUsdPerMillion of "small" is "1"/,
    ],
    ["a limit of the process by another name", { here: [{ unit: "concurrency", limit: 1 }] }, /Is "in-flight" meant/],
    [
      "a limit of the process twice",
      {
        here: [
          { unit: "cpu", limit: 1 },
          { unit: "cpu", limit: 2 },
        ],
      },
      /twice/,
    ],
    ["a quota with a slip", { quotas: { [ORIGIN]: [{ limt: 1, windowMs: 1 }] } }, /Is "limit" meant/],
    ["a quota of a shape that is none", { quotas: { [ORIGIN]: [{ limit: 1, windowMs: 1, shape: "buckt" }] } }, /Is "bucket" meant/],
    ["a quota named by a number", { quotas: { [ORIGIN]: [{ limit: 1, windowMs: 1, name: 3 }] } }, /name is 3/],
  ])("%s", async (_what, policy, said) => {
    const { message, hint } = await refusalOf(() => quiet(policy));
    expect(`${message}. ${hint}`).toMatch(said);
  });
});

describe("what calls are given is refused, and told what is meant", () => {
  it.each<[string, (pace: Pace) => unknown, RegExp]>([
    ["an operation of a text", (pace) => pace.with({ operation: "reindex" as never }), /no object but "reindex"/],
    ["an operation with a slip", (pace) => pace.with({ operation: { name: "a", mostShar: 1 } as never }), /Is "mostShare" meant/],
    ["a share in words", (pace) => pace.with({ operation: { name: "a", mostShare: "0.5" as never } }), /may take "0.5"/],
    ["a flag that is none", (pace) => pace.with({ isDeferrable: "x" as never }), /isDeferrable is "x"/],
    ["tags of numbers", (pace) => pace.with({ tags: [3 as never] }), /one of tags is 3/],
    ["a strategy that nobody has", (pace) => pace.with({ lessenedBy: ["fewer token"] }), /Is "fewer tokens" meant/],
    ["a priority", (pace) => pace.with({ priority: 1 } as never), /no option "priority".*said by class/],
    ["a class with a slip", (pace) => pace.with({ class: "backgroud" }), /Is "background" meant/],
    ["a cost of nothing", (pace) => pace.with({ cost: null as never }), /cost is no object but null/],
    ["a watcher without a name", (pace) => pace.on((() => undefined) as never, undefined as never), /on is given no name.*on\("tasks"/],
    ["a keeper without a function", (pace) => pace.keep("tasks", undefined as never), /keep is given no name, or no function/],
    ["gauges that are a number", (pace) => pace.include(3 as never), /include is given is no function but 3/],
    ["work without a name", (pace) => pace.run("", async () => 1), /run is given no name/],
    ["options of null", (pace) => pace.run("a", async () => 1, null as never), /no object but null/],
    ["a guess of null", (pace) => pace.run("a", async () => 1, { guess: null as never }), /guess is no object but null/],
    ["a signal that is none", (pace) => pace.run("a", async () => 1, { signal: {} as never }), /signal is no AbortSignal/],
    ["a flag of work that is none", (pace) => pace.run("a", async () => 1, { isIdempotent: 1 as never }), /isIdempotent is 1/],
    ["what is told by no function", (pace) => pace.run("a", async () => 1, { told: {} as never }), /told is no function/],
    ["no address", (pace) => pace.fetch(undefined as never), /"undefined" is no address/],
    ["an address without its scheme", (pace) => pace.fetch("localhost:8080/v1"), /"localhost:8080\/v1" is no address/],
    ["an address that is no text", (pace) => pace.fetch(Object.create(null)), /is no address/],
    ["a request that is a number", (pace) => pace.fetch(ORIGIN, 3 as never), /no object but 3/],
    ["a method that is a number", (pace) => pace.fetch(ORIGIN, { method: 3 as never }), /method is 3/],
    ["a request's signal that is none", (pace) => pace.fetch(ORIGIN, { signal: "x" as never }), /signal is no AbortSignal/],
    ["a field that is none", (pace) => pace.fetch(ORIGIN, { headers: { "a b": "c" } }), /field of a request/],
    ["a class where a request is described", (pace) => pace.fetch(ORIGIN, { class: "background" } as never), /pace\.with\(\{ class/],
  ])("%s", async (_what, act, said) => {
    using pace = quiet({ lesser: [fewerTokens()] });
    const { message, hint } = await refusalOf(() => act(pace));
    expect(`${message}. ${hint}`).toMatch(said);
  });

  it("is an address of a host whose quotas are filed without its scheme, which no name of work need have", async () => {
    using pace = quiet({ quotas: { "api.example.com large": [{ limit: 1, windowMs: 1 }], "users.list": [{ limit: 1, windowMs: 1 }] } });
    expect((await refusalOf(() => pace.fetch(`${ORIGIN}/x`))).hint).toBe('Is "https://api.example.com large" meant?');
    expect(await pace.run("users.list", async () => 1)).toBe(1);
  });

  it("is a name of quotas, where a function names them", async () => {
    using pace = quiet({ partitionOf: () => undefined });
    expect((await refusalOf(() => pace.fetch(ORIGIN))).message).toContain("what partitionOf gives is undefined");
  });

  it("may be null for a request, as it is for fetch", async () => {
    using pace = quiet();
    expect((await pace.fetch(ORIGIN, null as never)).status).toBe(200);
    expect((await pace.fetch(ORIGIN, { signal: null })).status).toBe(200);
  });
});

describe("what may be undefined", () => {
  const maybe: number | undefined = [1000].find((one) => one > 1000);

  it("is as if it were left out, and takes nothing away that was said before", async () => {
    using pace = quiet({
      deadlineMs: maybe,
      ladder: { thresholds: { warned: maybe } },
      quotas: { [ORIGIN]: [{ limit: 1, windowMs: 60_000, name: undefined }] },
    });
    const once = pace.with({ deadlineMs: 10 });
    await once.fetch(ORIGIN);
    const error = await thrownBy(() => once.with({ deadlineMs: maybe }).fetch(ORIGIN));
    expect(isPaceError(error) && error.code).toBe("too-late");
  });

  it("is so in the types of all options", () => {
    // TypeScript looks, with exactOptionalPropertyTypes.
    const traits: CallTraits = { deadlineMs: maybe, class: undefined, operation: undefined };
    const policy: PacePolicy = { weight: maybe, ladder: { margin: maybe, quotas: { usd: { saving: maybe } } } };
    const work: WorkOptions = { most: maybe, tell: undefined };
    const terms: DeferTerms = { deadlineMs: maybe };
    expect([traits, policy, work, terms].length).toBe(4);
  });
});

describe("strategies", () => {
  it.each<[string, () => unknown]>([
    ["of nothing", () => summarising(undefined as never)],
    ["without a summariser", () => summarising({} as never)],
    ["without a model", () => cheaperModel({} as never)],
    ["with a model that is a number", () => cheaperModel({ models: { large: 3 as never } })],
    ["with half a price", () => cheaperModel({ models: { large: "small" }, prices: { small: { inputUsd: 1 } as never } })],
    ["that defer nowhere", () => deferring({} as never)],
    ["that take nothing back", () => deferring({ defer: () => "t" } as never)],
    ["that are told nothing", () => simplify({})],
    ["that simplify by a text", () => simplify({ shorter: "x" as never })],
    ["with an option that nobody reads", () => fewerBits({ form: "saving" } as never)],
  ])("%s are refused", async (_what, make) => {
    await refusalOf(make);
  });

  it("that are given nothing say what they take", async () => {
    expect((await refusalOf(() => cheaperModel(undefined as never))).hint).toContain("There are: from, models, prices.");
    expect((await refusalOf(() => cheaperModel({} as never))).hint).toBe('As in { large: "small" }.');
  });
});

/** One of each kind. */
const KINDS: Readonly<Record<string, unknown>> = {
  null: null,
  NaN: Number.NaN,
  minus: -1,
  half: 0.5,
  endless: Number.POSITIVE_INFINITY,
  text: "x",
  empty: "",
  flag: true,
  list: [],
  numbers: [1],
  object: {},
  function: () => 1,
  symbol: Symbol("x"),
  big: 5n,
};

describe("whatever kind of thing stands where", () => {
  const POLICY: Readonly<Record<string, readonly string[]>> = {
    classes: [],
    reserved: ["list"],
    usualClass: [],
    deadlineMs: ["half", "endless"],
    attempts: [],
    mostWaiting: [],
    quotas: ["object"],
    here: ["list"],
    prices: ["object"],
    shareAt: ["text"],
    weight: ["half"],
    ladder: ["object"],
    lesser: ["list"],
    rules: ["list"],
    keepMs: ["half"],
    partitionOf: ["function"],
  };
  const PORTS: Readonly<Record<string, readonly string[]>> = Object.fromEntries([
    ["clock", []],
    ["rights", []],
    ...["random", "fetch", "sharingTrouble", "measure", "watch", "fault", "lessened"].map((name) => [name, ["function"]]),
  ]);
  const TRAITS: Readonly<Record<string, readonly string[]>> = {
    class: [],
    deadlineMs: ["half", "endless"],
    requester: ["text", "empty"],
    operation: [],
    cost: ["object"],
    tags: ["list"],
    isDeferrable: ["flag"],
    isQuestion: ["flag"],
    lessenedBy: ["list"],
  };
  const makers: readonly (readonly [string, Readonly<Record<string, readonly string[]>>, (given: object) => unknown])[] = [
    ["a policy", POLICY, (given) => ("shareAt" in given && given.shareAt === "x" ? undefined : made(given))],
    ["a port", PORTS, (given) => made({}, given)],
    ["a trait", TRAITS, (given) => made().with(given)],
  ];

  it.each(
    makers.flatMap(([what, options, make]) => Object.entries(options).map(([name, fitting]) => [what, name, fitting, make] as const)),
  )("of %s, %s is taken only where it fits (%j), and nothing else than PaceError is thrown", async (_what, name, fitting, make) => {
    const taken: string[] = [];
    for (const [kind, value] of Object.entries(KINDS)) {
      const error = await thrownBy(() => make({ [name]: value }));
      if (error === undefined) taken.push(kind);
      else expect(isPaceError(error) && error.code, `${kind}: ${error}`).toBe("bad-argument");
    }
    expect(taken).toEqual(fitting);
  });
});

import { describe, expect, it } from "vitest";
import { fewerTokens } from "./degrade/fewer-tokens.ts";
import { isPaceError } from "./error.ts";
import type { ReactionFault } from "./ladder/reactions.ts";
import { createPace, type Fetch, type Pace } from "./pace.ts";
import type { CallTraits, PacePolicy } from "./policy.ts";
import { createVirtualTime, type VirtualTime } from "./testing/virtual-time.ts";

const ORIGIN = "https://api.example.com";
const DAY_MS = 86_400_000;
const PRICES = { small: { inputUsdPerMillion: 1, outputUsdPerMillion: 10 }, large: { inputUsdPerMillion: 10, outputUsdPerMillion: 100 } };

/** A model that says at once that it wrote so many tokens. */
function model(outputTokens: number): Fetch {
  return () =>
    Promise.resolve(
      new Response(JSON.stringify({ usage: { prompt_tokens: 100, completion_tokens: outputTokens } }), {
        headers: { "content-type": "application/json" },
      }),
    );
}

function town(policy: PacePolicy, fetch: Fetch): { readonly time: VirtualTime; readonly pace: Pace } {
  const time = createVirtualTime();
  return { time, pace: createPace(policy, { clock: time, random: () => 0.5, fetch }) };
}

async function said(pace: Pace, name: string, most = 1000): Promise<void> {
  const answer = await pace.fetch(`${ORIGIN}/v1/chat`, { method: "POST", body: JSON.stringify({ model: name, max_tokens: most }) });
  await answer.text();
}

function form(fields: Readonly<Record<string, string | Blob>>): FormData {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.set(name, value);
  return made;
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: unknown) => (isPaceError(error) ? error.code : String(error)),
  );
}

describe("a budget in dollars", () => {
  const policy: PacePolicy = { prices: PRICES, quotas: { "*": [{ unit: "usd", limit: 1, windowMs: DAY_MS, shape: "window" }] } };

  it("is one for all models, counts what answers took, and is there again the next day", async () => {
    const { time, pace } = town(policy, model(1000));
    const usd = (): number => pace.gauges().find(({ unit }) => unit === "usd")?.used ?? Number.NaN;
    const small = said(pace, "small");
    await time.runSettled(5000);
    await small;
    await time.runSettled(5000);
    expect(usd()).toBeCloseTo(0.0101);
    const large = said(pace, "large");
    await time.runSettled(10_000);
    await large;
    await time.runSettled(10_000);
    expect(usd()).toBeCloseTo(0.0101 + 0.101);
    const codes: string[] = [];
    for (let call = 0; call < 12; call++) void codeOf(said(pace, "large")).then((code) => codes.push(code));
    await time.runSettled(60_000);
    // What is reserved is never more than is left.
    expect(usd()).toBeLessThanOrEqual(1);
    expect(codes.filter((code) => code === "none").length).toBe(8);
    await time.runSettled(200_000);
    expect(codes.filter((code) => code === "deadline" || code === "too-late").length).toBe(4);
    await time.runSettled(DAY_MS + 1);
    expect(usd()).toBe(0);
  });

  it("is there again when the machine slept over midnight, and not twice where the date goes there and back", async () => {
    const { time, pace } = town(policy, model(9000));
    const isAnswered = async (): Promise<boolean> => {
      const code = codeOf(said(pace.with({ deadlineMs: 90_000 }), "large", 9000));
      await time.runSettled(time.now() + 100_000);
      return (await code) === "none";
    };
    const start = time.date();
    const at = (hours: number): void => time.setDate(start + hours * 3_600_000);
    expect(await isAnswered()).toBe(true);
    expect(await isAnswered()).toBe(false);
    at(30);
    expect(await isAnswered()).toBe(true);
    at(2);
    expect(await isAnswered()).toBe(false);
    at(31);
    expect(await isAnswered()).toBe(false);
    at(49);
    expect(await isAnswered()).toBe(true);
    pace.close();
  });

  it.each([
    ["whose tokens may cost more", (pace: Pace) => said(pace, "large", 1_000_000)],
    ["whose guess is more", (pace: Pace) => pace.run("work", async () => "done", { guess: { requests: 1, usd: 1.5 } })],
    ["that is told to cost more", (pace: Pace) => said(pace.with({ cost: { usd: 1.5 } }), "large", 1)],
  ])("sends no call %s than all of it, and says which quota that is", async (_what, asked) => {
    let sent = 0;
    const { time, pace } = town(policy, (...request) => {
      sent++;
      return model(1)(...request);
    });
    const refused = asked(pace).then(
      () => "sent",
      (error: unknown) => error,
    );
    await time.runSettled(5000);
    expect(await refused).toMatchObject({
      code: "quota-spent",
      availableInMs: Number.POSITIVE_INFINITY,
      message: expect.stringMatching(/may take (?:1\.5|12\.8|100) usd, and the quota "usd in 86400000 ms" has 1 in all/),
      hint: "Ask for less in one call (max_tokens counts in full), or raise the quota.",
    });
    expect(sent).toBe(0);
    pace.close();
  });

  it.each<[string, (body: string) => Parameters<Fetch>]>([
    ["a text", (body) => [ORIGIN, { method: "POST", body }]],
    ["a Request", (body) => [new Request(ORIGIN, { method: "POST", body })]],
    ["a file", (body) => [ORIGIN, { method: "POST", body: new Blob([body], { type: "application/json" }) }]],
  ])("is reserved for questions that are %s before they leave", async (_what, asked) => {
    const { time, pace } = town(policy, model(5000));
    let answered = 0;
    const body = JSON.stringify({ model: "large", max_tokens: 4000, messages: [] });
    for (let nth = 0; nth < 4; nth++) {
      const ask = async (): Promise<void> => {
        const answer = await pace.fetch(...asked(body));
        await answer.text();
        answered++;
      };
      void ask().catch(() => undefined);
      await time.runSettled(time.now() + 130_000);
    }
    // Each takes half of it.
    expect(answered).toBe(2);
    pace.close();
  });

  it("is kept for a large call though what others took more would make its guess more than all of it", async () => {
    const { time, pace } = town(
      { ...policy, quotas: { "*": [{ unit: "usd", limit: 10, windowMs: DAY_MS, shape: "window" }] } },
      model(20_000),
    );
    const body = JSON.stringify({ model: "small", messages: [] });
    for (let nth = 0; nth < 6; nth++) {
      const long = pace.fetch(ORIGIN, { method: "POST", body }).then((answer) => answer.text());
      await time.runSettled(time.now() + 5000);
      await long;
    }
    const large = codeOf(said(pace.with({ deadlineMs: 2 * DAY_MS }), "small", 100_000));
    await time.runSettled(time.now() + 2 * DAY_MS);
    expect(await large).toBe("none");
    pace.close();
  });

  it("has back what was guessed too high when the answer was read", async () => {
    const { time, pace } = town(policy, model(1));
    for (let call = 0; call < 30; call++) {
      const done = said(pace, "large", 9000);
      await time.runSettled(time.now() + 5000);
      await done;
    }
    // Each was guessed at 90 cents.
    expect(pace.gauges().find(({ unit }) => unit === "usd")?.used).toBeLessThan(0.1);
  });
});

describe("a budget of dollars for work that is no fetch", () => {
  const quotas = { "*": [{ unit: "usd", limit: 1, windowMs: DAY_MS, shape: "window" }] } as const;
  const usage = { "input-tokens": 5000, "output-tokens": 2000 } as const;
  const dollars = (pace: Pace): number => pace.gauges().find(({ unit }) => unit === "usd")?.used ?? Number.NaN;

  it.each([
    ["a model that tells what it took", { guess: { requests: 1, ...usage }, model: "large", told: () => ({ used: usage }) }],
    ["one that tells it later", { guess: { requests: 1, ...usage }, model: "large", told: () => ({ used: Promise.resolve(usage) }) }],
    ["work whose dollars are guessed", { guess: { requests: 1, usd: 0.25 } }],
  ])("holds %s", async (_what, options) => {
    const { time, pace } = town({ quotas, prices: PRICES }, model(0));
    let asked = 0;
    const codes: string[] = [];
    for (let nth = 0; nth < 6; nth++) {
      void codeOf(pace.run("work", async () => asked++, options)).then((code) => codes.push(code));
      await time.runSettled(time.now() + 5000);
    }
    expect([asked, dollars(pace)]).toEqual([4, 1]);
    await time.runSettled(time.now() + 200_000);
    expect(codes.filter((code) => code === "none").length).toBe(4);
    pace.close();
  });

  it.each([400, 500])("counts nothing for work that ends in an error of %d", async (status) => {
    const { time, pace } = town({ quotas, prices: PRICES, attempts: 1 }, model(0));
    const work = (): Promise<never> => Promise.reject(Object.assign(new Error("no"), { status }));
    const done = pace.run("work", work, { guess: { requests: 1, ...usage }, model: "large" }).catch(() => undefined);
    await time.runSettled(5000);
    await done;
    expect(dollars(pace)).toBe(0);
    pace.close();
  });

  it.each([
    ["the model of work is named and no guess is made", {}, [0, "bad-argument"]],
    ["tokens are told of neither kind", { guess: { requests: 1, usd: 0 }, told: () => ({ used: { tokens: 100 } }) }, [1, "none"]],
  ])("is not passed by in silence where %s", async (_where, options, expected) => {
    const faults: ReactionFault[] = [];
    let asked = 0;
    const time = createVirtualTime();
    const pace = createPace({ quotas, prices: PRICES }, { clock: time, random: () => 0.5, fault: (fault) => faults.push(fault) });
    for (const model of ["large", "other"]) {
      const end = codeOf(pace.run("work", async () => asked++, { model, ...options }));
      await time.runSettled(time.now() + 5000);
      expect(await end).toBe(expected[1]);
    }
    expect(asked).toBe(expected[0] === 0 ? 0 : 2);
    expect(faults.length).toBe(expected[0] === 0 ? 2 : 0);
    pace.close();
  });

  it("keeps what was guessed of that which is not told", async () => {
    const { time, pace } = town({ quotas, prices: PRICES }, model(0));
    const used = { requests: 1, "output-tokens": 1000 };
    const done = pace.run("work", async () => "done", { guess: { requests: 1, ...usage }, model: "large", told: () => ({ used }) });
    await time.runSettled(5000);
    await done;
    expect(dollars(pace)).toBeCloseTo(0.15);
    pace.close();
  });

  it("refuses what takes tokens of a model without a price, and lets pass what takes none", async () => {
    const { time, pace } = town({ quotas, prices: PRICES }, model(0));
    const work = async (): Promise<string> => "done";
    for (const unit of ["input-tokens", "output-tokens", "tokens"])
      expect(await codeOf(pace.run("work", work, { guess: { [unit]: 100 }, model: "other" }))).toBe("bad-argument");
    const ofNoKind = pace.run("work", work, { guess: { tokens: 100 }, model: "large" });
    await expect(ofNoKind).rejects.toMatchObject({ hint: expect.stringContaining('"input-tokens"') });
    const done = codeOf(pace.run("work", work));
    await time.runSettled(5000);
    expect(await done).toBe("none");
    pace.close();
  });
});

describe("a model without a price, where dollars are counted", () => {
  const quotas = { "*": [{ unit: "usd", limit: 1, windowMs: DAY_MS, shape: "window" }] } as const;
  const question = { method: "POST", body: JSON.stringify({ model: "other", max_tokens: 10 }) };
  const counted = (policy: PacePolicy, answer: object = { model: "other", usage: { prompt_tokens: 100, completion_tokens: 100 } }) => {
    const faults: ReactionFault[] = [];
    let sent = 0;
    const fetch: Fetch = async () => {
      sent++;
      return Response.json(answer);
    };
    const time = createVirtualTime();
    const pace = createPace(policy, { clock: time, random: () => 0.5, fetch, fault: (fault) => faults.push(fault) });
    const ask = async (made: Pace, ...asked: Parameters<Fetch>): Promise<string> => {
      const code = codeOf(made.fetch(...asked).then((answer) => answer.text()));
      await time.runSettled(time.now() + 5000);
      return await code;
    };
    return { faults, pace, ask, sent: () => sent };
  };

  it("is not asked, and is told of once, with what to do", async () => {
    const { faults, pace, ask, sent } = counted({ quotas, prices: PRICES });
    for (let nth = 0; nth < 3; nth++) expect(await ask(pace, ORIGIN, question)).toBe("bad-argument");
    expect(sent()).toBe(0);
    expect(faults).toMatchObject([
      { kind: "failed", error: { message: expect.stringContaining(`"other"`), hint: expect.stringContaining(`prices: { "other"`) } },
    ]);
    pace.close();
  });

  it.each<[string, () => Parameters<Fetch>]>([
    ["a Request", () => [new Request(ORIGIN, question)]],
    ["a Request of JSON", () => [new Request(ORIGIN, { ...question, headers: { "content-type": "application/json" } })]],
    ["a file of JSON", () => [ORIGIN, { method: "POST", body: new Blob([question.body]) }]],
    ["a form", () => [ORIGIN, { method: "POST", body: form({ model: "other", file: new Blob(["a voice"]) }) }]],
    ["an address", () => [`${ORIGIN}/openai/deployments/other/chat/completions`, { method: "POST", body: '{"messages":[]}' }]],
  ])("is not asked where it is named by %s", async (_what, asked) => {
    const { pace, ask, sent } = counted({ quotas, prices: PRICES });
    expect(await ask(pace, ...asked())).toBe("bad-argument");
    expect(sent()).toBe(0);
    pace.close();
  });

  it("is told of once where it shows only by what the answer took", async () => {
    const { faults, pace, ask, sent } = counted({ quotas, prices: PRICES });
    const stream = (): RequestInit => ({ method: "POST", body: new Blob([question.body]).stream(), duplex: "half" }) as RequestInit;
    for (let nth = 0; nth < 3; nth++) expect(await ask(pace, ORIGIN, stream())).toBe("none");
    expect(sent()).toBe(3);
    expect(faults).toMatchObject([
      { kind: "failed", error: { message: expect.stringContaining(`"other"`), hint: expect.stringContaining(`prices: { "other"`) } },
    ]);
    pace.close();
  });

  it.each<[string, PacePolicy, CallTraits]>([
    ["nobody counts dollars of it", { quotas: { "https://other.example.com": quotas["*"] } }, {}],
    ["its price is nothing", { quotas, prices: { other: { inputUsdPerMillion: 0, outputUsdPerMillion: 0 } } }, {}],
    ["its calls say what they cost", { quotas }, { cost: { usd: 0.01 } }],
  ])("is asked where %s", async (_where, policy, traits) => {
    const { faults, pace, ask } = counted(policy);
    expect(await ask(pace.with(traits), ORIGIN, question)).toBe("none");
    expect(faults).toEqual([]);
    pace.close();
  });

  it("holds up no call that is of no model", async () => {
    const { faults, pace, ask } = counted({ quotas }, { found: [] });
    expect(await ask(pace, ORIGIN, { method: "POST", body: '{"query":"all"}' })).toBe("none");
    expect(faults).toEqual([]);
    pace.close();
  });
});

describe("a quota of one model", () => {
  const quotas = { [`${ORIGIN} small`]: [{ limit: 1, windowMs: DAY_MS, shape: "window" }] } as const;
  it.each([
    ["", { quotas }],
    [" where less may be done too", { quotas, lesser: [fewerTokens()] }],
  ] as const)("holds that model alone%s", async (_where, policy) => {
    const { time, pace } = town(policy, model(1));
    const ends: string[] = [];
    for (const name of ["small", "small", "large", "large"]) void codeOf(said(pace, name)).then((code) => ends.push(`${name} ${code}`));
    await time.runSettled(130_000);
    expect(ends.sort()).toEqual(["large none", "large none", "small none", "small too-late"]);
  });
});

describe("options", () => {
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ["a slip of the pen", { deadline: 5 }, /no option "deadline"/],
    ["no number", { deadlineMs: Number.NaN }, /deadlineMs is NaN/],
    ["half an attempt", { attempts: 1.5 }, /attempts is 1.5/],
    ["no classes", { classes: [] }, /classes/],
    ["a quota without a window", { quotas: { [ORIGIN]: [{ limit: 5 }] } }, /windowMs is undefined/],
    ["a quota of nothing", { quotas: { [ORIGIN]: [{ limit: 0, windowMs: 5 }] } }, /limit is 0/],
    ["a quota without end", { quotas: { [ORIGIN]: [{ limit: Number.POSITIVE_INFINITY, windowMs: 5 }] } }, /Infinity in 5 ms/],
    ["a unit that is none", { quotas: { [ORIGIN]: [{ unit: "apples", limit: 5, windowMs: 5 }] } }, /"apples" is no unit/],
    ["memory of a service", { quotas: { [ORIGIN]: [{ unit: "memory-bytes", limit: 5, windowMs: 5 }] } }, /of the process/],
    ["requests of the process", { here: [{ unit: "requests", limit: 5 }] }, /no thing that a process has/],
    ["a price that is half", { prices: { small: { inputUsdPerMillion: 1 } } }, /not whole/],
  ];

  it.each(wrong)("with %s are refused", (_what, policy, message) => {
    expect(() => createPace(policy as PacePolicy)).toThrow(message);
  });

  it("name what is meant", () => {
    try {
      createPace({ deadline: 5 } as PacePolicy);
    } catch (error) {
      expect(isPaceError(error) && error.hint).toMatch(/Is "deadlineMs" meant\?/);
    }
    expect.assertions(1);
  });

  it.each([
    [{ operation: { name: "reindex", mostShare: 2 } }, /may take 2/],
    [{ operation: { name: "", mostShare: 0.5 } }, /no name/],
    [{ cost: { apples: 1 } }, /no unit/],
    [{ cost: { usd: Number.NaN } }, /NaN of usd/],
    [{ clazz: "normal" }, /no option "clazz"/],
  ])("of calls are held to the same: %j", (traits, message) => {
    expect(() => createPace().with(traits as never)).toThrow(message);
  });
});

describe("work that is no fetch", () => {
  it("is asked again when a client's error says that it was too much, and thrown when it is not that", async () => {
    const { time, pace } = town({}, model(1));
    const left: number[] = [];
    const done = pace.run("search", () => {
      left.push(time.now());
      if (left.length < 3) return Promise.reject(Object.assign(new Error("slow down"), { status: 429, headers: { "Retry-After": "7" } }));
      return Promise.resolve("found");
    });
    await time.runSettled(60_000);
    expect(await done).toBe("found");
    expect(left.length).toBe(3);
    expect((left[1] as number) - (left[0] as number)).toBeGreaterThanOrEqual(7000);
    await expect(pace.run("search", () => Promise.reject(new TypeError("a mistake")))).rejects.toThrow("a mistake");
    expect(pace.state().get("search")?.underWay).toBe(0);
  });

  const COUNTED: PacePolicy = { quotas: { "*": [{ limit: 10, windowMs: 60_000 }] } };

  it.each([[{ requests: Number.NaN }], [{ requests: -5 }], [{ requests: Number.POSITIVE_INFINITY }], [{ apples: 1 }], [{ requests: "1" }]])(
    "is not begun with a guess that is none: %j",
    async (guess) => {
      const { pace } = town(COUNTED, model(1));
      expect(await codeOf(pace.run("search", () => Promise.resolve(), { guess: guess as never }))).toBe("bad-argument");
      pace.close();
    },
  );

  it.each([Number.NaN, -500, Number.POSITIVE_INFINITY])("counts as guessed where it is said to have taken %d", async (requests) => {
    const { time, pace } = town(COUNTED, model(1));
    const done = pace.run("search", () => Promise.resolve(1), { told: () => ({ used: { requests } }) });
    await time.runSettled(1000);
    expect(await done).toBe(1);
    expect(pace.gauges()).toMatchObject([{ used: 1 }, { used: 1 }]);
    pace.close();
  });
});

describe("what createPace, with and run are given", () => {
  const asGiven = createPace as (policy?: unknown, ports?: unknown) => Pace;

  it.each([
    ["a policy that is null", () => asGiven(null)],
    ["quotas as a list", () => asGiven({ quotas: [{ limit: 1, windowMs: 1 }] })],
    ["quotas of a service that are no list", () => asGiven({ quotas: { [ORIGIN]: { limit: 1, windowMs: 1 } } })],
    ["a quota of an address that is no origin", () => asGiven({ quotas: { [`${ORIGIN}/`]: [{ limit: 1, windowMs: 1 }] } })],
    ["classes as a text", () => asGiven({ classes: "urgent" })],
    ["what a process has as an object", () => asGiven({ here: { unit: "in-flight", limit: 1 } })],
    ["a port that nobody knows", () => asGiven({}, { fetsh: fetch })],
    ["a port that cannot be called", () => asGiven({}, { watch: 3 })],
    ["traits that are none", () => createPace().with(undefined as never)],
    ["tags as a text", () => createPace().with({ tags: "search" as never })],
    ["a requester that is a number", () => createPace().with({ requester: 3 as never })],
  ])("is refused, and not overlooked: %s", (_what, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("says which origin was meant", () => {
    expect(() => asGiven({ quotas: { [`${ORIGIN}/v1 large`]: [{ limit: 1, windowMs: 1 }] } })).toThrow(
      expect.objectContaining({ hint: `Is "${ORIGIN} large" meant?` }),
    );
  });

  it("is a name and a function, for run", async () => {
    const run = createPace().run as (...given: unknown[]) => Promise<unknown>;
    expect(await codeOf(run(() => Promise.resolve(1)))).toBe("bad-argument");
    expect(await codeOf(run("search", () => Promise.resolve(1), { timeoutMs: 1 }))).toBe("bad-argument");
  });
});

describe("a pace that was closed", () => {
  it("lets nothing out, also to services that it had not asked before", async () => {
    let asked = 0;
    const { pace } = town({}, () => {
      asked++;
      return Promise.resolve(new Response());
    });
    pace.close();
    expect(await codeOf(pace.fetch(ORIGIN))).toBe("closed");
    expect(asked).toBe(0);
  });
});

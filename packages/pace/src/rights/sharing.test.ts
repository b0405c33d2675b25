import { expect, it } from "vitest";
import { createPace, type Pace } from "../pace.ts";
import { createThrottle } from "../slowdown/throttle.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import type { RightsStore } from "./rights-store.ts";
import { createMemoryRights } from "./rights-store.ts";

const URL = "https://api.example.com/";
const DAY_MS = 86_400_000;
const SILENT: RightsStore = { isAtomic: false, exchange: () => undefined, turn: () => 0, close: () => undefined };

function played(rightsOf: (time: ReturnType<typeof createVirtualTime>) => RightsStore, limit: number | undefined) {
  const time = createVirtualTime();
  const rights = rightsOf(time);
  let answered = 0;
  const fetch = async (): Promise<Response> => {
    answered++;
    return new Response("{}");
  };
  const quotas = limit === undefined ? {} : { "https://api.example.com": [{ limit, windowMs: DAY_MS, shape: "window" as const }] };
  const paces = [1, 2].map((seed) => createPace({ quotas }, { clock: time, random: seededRandom(seed), fetch, rights }));
  const ask = (pace: Pace): void => {
    void pace.fetch(URL).catch(() => undefined);
  };
  return { time, paces, ask, answered: () => answered };
}

it("a quota of the policy that two share is one for both, to the call", async () => {
  const { time, paces, ask, answered } = played((clock) => createMemoryRights(clock), 10);
  for (let nth = 0; nth < 30; nth++) for (const pace of paces) ask(pace);
  await time.runSettled(100_000);
  expect(answered()).toBe(10);
  for (const pace of paces) pace.close();
});

it("who never hears from the ledger goes on by himself with what the service watches over, after a lease", async () => {
  const { time, paces, ask, answered } = played(() => SILENT, undefined);
  for (let nth = 0; nth < 5; nth++) ask(paces[0] as Pace);
  await time.runSettled(2500);
  expect(answered()).toBe(0);
  await time.runSettled(20_000);
  expect(answered()).toBe(5);
  for (const pace of paces) pace.close();
});

it("... and spends nothing of what nobody else watches over", async () => {
  const { time, paces, ask, answered } = played(() => SILENT, 10);
  for (let nth = 0; nth < 5; nth++) ask(paces[0] as Pace);
  await time.runSettled(100_000);
  expect(answered()).toBe(0);
  for (const pace of paces) pace.close();
});

it("what the service asked of one turns away at once those of another that cannot wait for it", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time);
  const paces = [200, 429].map((status, nth) =>
    createPace(
      {},
      {
        clock: time,
        random: seededRandom(nth),
        rights,
        fetch: async () => new Response("{}", { status, headers: status === 429 ? { "retry-after": "600" } : {} }),
      },
    ),
  );
  const [answered, refused] = paces as [Pace, Pace];
  const ends: [string, number][] = [];
  for (let nth = 0; nth < 40; nth++)
    void answered
      .with({ deadlineMs: 100_000 })
      .fetch(URL)
      .then(
        () => undefined,
        ({ code }) => ends.push([code, time.now()]),
      );
  await time.runSettled(2000);
  expect(answered.state().get("https://api.example.com")?.waiting).toBeGreaterThan(10);
  void refused.fetch(URL).catch(() => undefined);
  await time.runSettled(4000);
  expect(ends.length).toBeGreaterThan(10);
  expect(new Set(ends.map(([code]) => code))).toEqual(new Set(["too-late"]));
  for (const pace of paces) pace.close();
});

it("who waits with units of which nothing left yet asks for a part of them", async () => {
  const time = createVirtualTime();
  const headers = Object.fromEntries(
    ["requests", "tokens"].flatMap((unit) => [
      [`x-ratelimit-limit-${unit}`, "100000"],
      [`x-ratelimit-remaining-${unit}`, "99000"],
      [`x-ratelimit-reset-${unit}`, "1s"],
    ]),
  );
  const rights = createMemoryRights(time);
  const pace = createPace({}, { clock: time, random: seededRandom(1), rights, fetch: async () => Response.json({}, { headers }) });
  void pace.fetch(`${URL}v1/models/large`);
  await time.runSettled(3000);
  const asked = pace.fetch(`${URL}v1/chat/completions`, { method: "POST", body: JSON.stringify({ model: "large", messages: [] }) });
  let status: number | undefined;
  void asked.then((answer) => {
    ({ status } = answer);
  });
  await time.runSettled(5000);
  expect(status).toBe(200);
  pace.close();
});

it("two quotas that are alike but for their limits are held to, both", async () => {
  const time = createVirtualTime();
  const alike = [60, 100].map((limit) => ({ limit, windowMs: DAY_MS, shape: "window" as const }));
  let answered = 0;
  const pace = createPace(
    { quotas: { "https://api.example.com": alike } },
    {
      clock: time,
      random: seededRandom(1),
      rights: createMemoryRights(time),
      fetch: async () => {
        answered++;
        return new Response("{}");
      },
    },
  );
  for (let nth = 0; nth < 80; nth++) void pace.fetch(URL).catch(() => undefined);
  await time.runSettled(110_000);
  expect(answered).toBe(60);
  pace.close();
});

it("what a call was to take that was turned away is there for others", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time);
  const quotas = { "*": [{ unit: "usd" as const, limit: 20, windowMs: DAY_MS, shape: "window" as const }] };
  const [one, other] = [1, 2].map((seed) => createPace({ quotas }, { clock: time, random: seededRandom(seed), rights })) as [Pace, Pace];
  const refusal = Object.assign(new Error("429"), { status: 429, headers: { "retry-after": "600" } });
  void one.run("search", () => Promise.reject(refusal)).catch(() => undefined);
  await time.runSettled(10_000);
  let code: unknown;
  const large = { guess: { requests: 1, usd: 15 } };
  void one
    .with({ deadlineMs: 5000 })
    .run("search", async () => 1, large)
    .catch((error) => {
      ({ code } = error);
    });
  await time.runSettled(12_000);
  expect(code).toBe("too-late");
  let done = 0;
  for (let nth = 0; nth < 20; nth++) void other.run("write", async () => done++, { guess: { requests: 1, usd: 1 } }).catch(() => undefined);
  await time.runSettled(130_000);
  expect(done).toBe(20);
  for (const pace of [one, other]) pace.close();
});

it("a bucket of the policy tells as much of its use as one that is not shared, and the ladder climbs by it", async () => {
  const time = createVirtualTime();
  const quotas = { "https://api.example.com": [{ limit: 100, windowMs: 3_600_000 }] };
  const fetch = async (): Promise<Response> => new Response("{}");
  const steps: string[] = [];
  const pace = createPace(
    { quotas },
    { clock: time, random: seededRandom(1), fetch, rights: createMemoryRights(time), fault: () => undefined },
  );
  pace.on("log", (event) => {
    if (event.kind === "step") steps.push(event.to);
  });
  for (let nth = 0; nth < 95; nth++) {
    void pace.fetch(URL);
    await time.runSettled(time.now() + 1000);
  }
  expect(pace.gauges().find(({ source }) => source === "policy")?.used).toBe(95);
  expect(steps).toEqual(["warned", "saving", "emergency"]);
  pace.close();
});

it("who left is no holder again when he is told later what his calls took", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time);
  const quotas = { job: [{ unit: "usd" as const, limit: 20, windowMs: DAY_MS, shape: "window" as const }] };
  const pace = createPace({ quotas }, { clock: time, random: seededRandom(1), rights });
  let tell: (used: { readonly usd: number }) => void = () => undefined;
  const used = new Promise<{ readonly usd: number }>((resolve) => {
    tell = resolve;
  });
  void pace.run("job", async () => 1, { guess: { requests: 1, usd: 2 }, told: () => ({ used }) });
  await time.runSettled(1000);
  expect(rights.ledger("policy job").holders.size).toBe(1);
  pace.close();
  await time.runSettled(2000);
  tell({ usd: 1 });
  await time.runSettled(3000);
  expect(rights.ledger("policy job").holders.size).toBe(0);
});

it("who is turned away by what is heard the moment that he would leave does not leave as well", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time, { carry: (_holder, deliver) => deliver() });
  const [one, other] = [1, 2].map((seed) => createPace({}, { clock: time, random: seededRandom(seed), rights })) as [Pace, Pace];
  const refusal = Object.assign(new Error("429"), { status: 429, headers: { "retry-after": "600" } });
  void other
    .with({ deadlineMs: 1000 })
    .run("service", () => Promise.reject(refusal))
    .catch(() => undefined);
  // So late that it is no news any more, and is heard by who looks.
  await time.runSettled(20_000);
  let worked = 0;
  for (const deadlineMs of [5000, Number.POSITIVE_INFINITY])
    void one
      .with({ deadlineMs })
      .run("service", async () => worked++)
      .catch(() => undefined);
  await time.runSettled(700_000);
  expect([worked, one.state().get("service")?.underWay, one.gauges().map(({ waiting }) => waiting)]).toEqual([1, 0, [0]]);
  for (const pace of [one, other]) pace.close();
});

it("whom the other side holds to little leaves the rest of a shared rate to others", async () => {
  const time = createVirtualTime();
  const shared = createMemoryRights(time);
  const parts = new Map<number, number>();
  const seenBy = (who: number): RightsStore => ({
    ...shared,
    exchange: (partition, report, answered) =>
      shared.exchange(partition, report, (grant) => {
        parts.set(who, grant.parts.get("requests")?.part ?? 0);
        answered(grant);
      }),
  });
  const free = { perSecond: Number.POSITIVE_INFINITY, mostUnderWay: Number.POSITIVE_INFINITY };
  const paces = [createThrottle(() => ({ ...free, perSecond: 0.5 })), undefined].map((throttle, who) =>
    createPace(
      {},
      {
        clock: time,
        random: seededRandom(who + 1),
        fetch: async () => new Response("{}"),
        rights: seenBy(who),
        throttle: () => throttle,
      },
    ).with({ deadlineMs: DAY_MS }),
  );
  for (let nth = 0; nth < 5000; nth++) for (const pace of paces) pace.fetch(URL).catch(() => undefined);
  await time.runSettled(20_000);
  expect(parts.get(1)).toBeGreaterThan(0.8);
  for (const pace of paces) pace.close();
});

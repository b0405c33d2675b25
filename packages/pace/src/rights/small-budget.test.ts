/** A budget of little more than one call as it is guessed, that several share: what is merely held, or under way, is no reason to turn anybody away. */
import { expect, it } from "vitest";
import { createPace, type Pace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import type { Report } from "./report.ts";
import { createMemoryRights, type RightsStore } from "./rights-store.ts";

const LIMIT = 20;
const DAY_MS = 86_400_000;

interface Call {
  readonly who: number;
  readonly atMs: number;
  readonly code: string;
  readonly availableInMs: number | undefined;
}

interface Town {
  readonly time: VirtualTime;
  readonly paces: readonly Pace[];
  /** As they ended. */
  readonly ends: readonly Call[];
  /** Units that were spent or under way at once, the most there ever was. */
  readonly most: () => number;
  /** One call after the other. */
  readonly works: (who: number, count: number, guess: number, real: number) => Promise<void>;
  /** Nothing is heard of it any more. */
  readonly dies: (who: number) => void;
}

interface TownSettings {
  readonly count: number;
  readonly limit?: number;
  readonly deadlineMs?: number;
  readonly callMs?: number;
  readonly delayMs?: number;
  readonly shape?: "window" | "bucket";
}

function town({ count, limit = LIMIT, deadlineMs = 30_000, callMs = 100, delayMs = 0, shape = "window" }: TownSettings): Town {
  const time = createVirtualTime();
  const carry = delayMs === 0 ? {} : { carry: (_holder: string, deliver: () => void) => void time.wake(time.now() + delayMs, deliver) };
  const rights = createMemoryRights(time, carry);
  const dead = new Set<number>();
  const seenBy = (who: number): RightsStore => ({
    ...rights,
    exchange: (partition: string, report: Report, answered) => {
      if (!dead.has(who)) rights.exchange(partition, report, answered);
    },
  });
  const quotas = { work: [{ unit: "usd" as const, limit, windowMs: DAY_MS, shape }] };
  const paces = Array.from({ length: count }, (_, who) =>
    createPace({ quotas }, { clock: time, random: seededRandom(who + 1), rights: seenBy(who) }).with({ deadlineMs }),
  );
  const ends: Call[] = [];
  let [spent, most] = [0, 0];
  const callOf = async (who: number, guess: number, real: number): Promise<void> => {
    const work = async (): Promise<void> => {
      spent += guess;
      most = Math.max(most, spent);
      await new Promise<void>((resolve) => time.wake(time.now() + callMs, resolve));
      spent += real - guess;
    };
    const options = { guess: { requests: 1, usd: guess }, told: () => ({ used: { usd: real } }) };
    const { code, availableInMs } = await (paces[who] as Pace).run("work", work, options).then(
      () => ({ code: "answered", availableInMs: undefined }),
      (error) => error,
    );
    ends.push({ who, atMs: time.now(), code, availableInMs });
  };
  return {
    time,
    paces,
    ends,
    most: () => most,
    works: async (who, calls, guess, real) => {
      for (let nth = 0; nth < calls; nth++) await callOf(who, guess, real);
    },
    dies: (who) => dead.add(who),
  };
}

const close = ({ paces }: Town): void => {
  for (const pace of paces) pace.close();
};
const answeredOf = ({ ends }: Town, who: number): number => ends.filter((end) => end.who === who && end.code === "answered").length;

it.each([
  [2, "window", 0, 10_000],
  [5, "window", 0, 10_000],
  [2, "window", 40, 20_000],
  [5, "window", 40, 20_000],
  [5, "window", 150, 40_000],
  [5, "window", 700, 120_000],
  [5, "bucket", 0, 10_000],
] as const)("%i that share a %s, %i ms from its ledger, take turns, and all are answered", async (count, shape, delayMs, untilMs) => {
  const all = town({ count, shape, delayMs, deadlineMs: 60_000 });
  for (let who = 0; who < count; who++) void all.works(who, 6, 15, 0.1);
  await all.time.runSettled(untilMs);
  expect(all.ends.map(({ code }) => code)).toEqual(Array(6 * count).fill("answered"));
  expect(all.most()).toBeLessThanOrEqual(LIMIT + 1e-6);
  // Nobody has had two turns more than another while both had calls.
  for (let nth = 0; nth < all.ends.length; nth++) {
    const had = Array.from({ length: count }, (_, who) => all.ends.slice(0, nth).filter((end) => end.who === who).length);
    expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(2);
  }
  close(all);
});

it("whoever has several calls at once, far from the ledger, has no more turns than others", async () => {
  const all = town({ count: 5, delayMs: 40 });
  for (let nth = 0; nth < 3; nth++) for (let who = 0; who < 5; who++) void all.works(who, 100, 15, 0.01);
  await all.time.runSettled(30_000);
  const had = Array.from({ length: 5 }, (_, who) => answeredOf(all, who));
  expect(Math.min(...had)).toBeGreaterThan(10);
  expect(Math.max(...had) - Math.min(...had)).toBeLessThanOrEqual(2);
  close(all);
});

it("who comes when another holds all of it for calls without end has his turn within two seconds, again and again", async () => {
  const all = town({ count: 2 });
  void all.works(0, 1000, 15, 0.001);
  await all.time.runSettled(20_000);
  void all.works(1, 10, 15, 0.001);
  await all.time.runSettled(40_000);
  const own = all.ends.filter(({ who }) => who === 1);
  expect(own.map(({ code }) => code)).toEqual(Array(10).fill("answered"));
  for (const [nth, { atMs }] of own.entries()) expect(atMs - (own[nth - 1]?.atMs ?? 20_000)).toBeLessThan(2000);
  close(all);
});

it("one large call has its turn among small ones of others, however many they are, and they have theirs", async () => {
  const all = town({ count: 3, callMs: 500 });
  for (let nth = 0; nth < 20; nth++) for (const who of [0, 1]) void all.works(who, 1000, 0.9, 0.0001);
  await all.time.runSettled(10_000);
  void all.works(2, 5, 19, 0.0001);
  await all.time.runSettled(25_000);
  expect(answeredOf(all, 2)).toBe(5);
  const after = all.ends.length;
  await all.time.runSettled(30_000);
  expect(all.ends.length - after).toBeGreaterThan(100);
  expect(new Set(all.ends.map(({ code }) => code))).toEqual(new Set(["answered"]));
  expect(all.most()).toBeLessThanOrEqual(LIMIT + 1e-6);
  close(all);
});

it("what is spent is told at once, with the time at which the window ends, to whoever asks", async () => {
  const all = town({ count: 2 });
  void all.works(0, 1, 15, 15);
  await all.time.runSettled(5000);
  for (const who of [0, 1]) void all.works(who, 1, 15, 15);
  await all.time.runSettled(5000);
  const endMs = DAY_MS - (all.time.date() % DAY_MS);
  expect(all.ends.slice(1).map(({ code, atMs }) => [code, atMs])).toEqual([0, 1].map(() => ["too-late", 5000]));
  for (const { availableInMs } of all.ends.slice(1)) expect(Math.abs((availableInMs ?? 0) - endMs)).toBeLessThan(1000);
  close(all);
});

it("who waits for what another has under way is told as soon as that took all of it", async () => {
  const all = town({ count: 2, callMs: 4000 });
  void all.works(0, 1, 15, 15);
  await all.time.runSettled(1000);
  void all.works(1, 1, 15, 15);
  await all.time.runSettled(3900);
  expect(all.ends.length).toBe(0);
  await all.time.runSettled(6500);
  expect(all.ends.map(({ who, code }) => [who, code])).toEqual([
    [0, "answered"],
    [1, "too-late"],
  ]);
  close(all);
});

it("as requests calls under way are one each: who comes when the last of them left is told at once", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time);
  const quotas = { work: [{ limit: 1, windowMs: DAY_MS, shape: "window" as const }] };
  const paces = [1, 2].map((seed) => createPace({ quotas }, { clock: time, random: seededRandom(seed), rights }));
  void paces[0]?.run("work", () => new Promise(() => undefined));
  await time.runSettled(1000);
  let code = "";
  void paces[1]
    ?.run("work", async () => 1)
    .catch((error) => {
      ({ code } = error);
    });
  await time.runSettled(1000);
  expect(code).toBe("too-late");
  for (const pace of paces) pace.close();
});

it("what somebody held who died is gone: who waits for it is told so when he is not heard of for a lease", async () => {
  const all = town({ count: 2 });
  void all.works(0, 3, 15, 0.1);
  await all.time.runSettled(250);
  all.dies(0);
  void all.works(1, 1, 15, 0.1);
  await all.time.runSettled(2500);
  expect(all.ends.filter(({ who }) => who === 1)).toEqual([]);
  await all.time.runSettled(6000);
  const [told] = all.ends.filter(({ who }) => who === 1);
  expect(told?.code).toBe("too-late");
  expect((told?.availableInMs ?? 0) / DAY_MS).toBeCloseTo(1, 2);
  close(all);
});

it("who waits no more is owed nothing any more within two seconds", async () => {
  const all = town({ count: 3, deadlineMs: 3000, callMs: 8000 });
  void all.works(0, 1, 6, 0.1);
  await all.time.runSettled(1000);
  // It never leaves in time.
  void all.works(1, 1, 19, 0.1);
  await all.time.runSettled(2000);
  const began = all.time.now();
  void all.paces[2]?.with({ deadlineMs: 5000 }).run("work", async () => 1, { guess: { requests: 1, usd: 5 } });
  await all.time.runSettled(began + 4500);
  expect(all.paces[2]?.gauges().find(({ unit }) => unit === "usd")?.waiting).toBe(0);
  close(all);
});

it("who asks again and again and is turned away for another quota keeps nobody from his turn", async () => {
  const time = createVirtualTime();
  const rights = createMemoryRights(time);
  const budget = { unit: "usd" as const, limit: LIMIT, windowMs: DAY_MS, shape: "window" as const };
  const [worker, ghost] = [1, 2].map((seed) =>
    createPace(
      { quotas: { "*": [budget], ghost: [{ limit: 1, windowMs: DAY_MS, shape: "window" }] } },
      { clock: time, random: seededRandom(seed), rights },
    ),
  ) as [Pace, Pace];
  const options = { guess: { requests: 1, usd: 15 }, told: () => ({ used: { usd: 0.01 } }) };
  let turnedAway = 0;
  for (let atMs = 0; atMs < 20_000; atMs += 50)
    time.wake(atMs, () => void ghost.run("ghost", async () => 1, options).catch(() => turnedAway++));
  let done = 0;
  const works = async (): Promise<void> => {
    for (; ; done++) await worker.run("work", async () => 1, options);
  };
  works().catch(() => undefined);
  await time.runSettled(20_000);
  expect(turnedAway).toBeGreaterThan(300);
  expect(done).toBeGreaterThan(25);
  for (const pace of [worker, ghost]) pace.close();
});

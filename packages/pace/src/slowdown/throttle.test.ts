import { describe, expect, it } from "vitest";
import { createPace } from "../pace.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createThrottle, type Throttle } from "./throttle.ts";

const FREE = Number.POSITIVE_INFINITY;

describe("a throttle", () => {
  const free = { perSecond: FREE, mostUnderWay: FREE };
  const paceWith = (throttle: Throttle) => {
    const time = createVirtualTime();
    const pace = createPace({}, { clock: time, random: () => 0.5, throttle: () => throttle });
    return { time, pace };
  };

  it("that is over holds nobody, though no answer came meanwhile", async () => {
    const { time, pace } = paceWith(createThrottle((now) => (now < 10_000 ? { ...free, mostUnderWay: 1 } : free)));
    void pace.run("peer", () => new Promise(() => undefined)).catch(() => undefined);
    let leftMs: number | undefined;
    void pace.run("peer", async () => {
      leftMs = time.now();
    });
    await time.runSettled(9999);
    expect(leftMs).toBeUndefined();
    await time.runSettled(11_000);
    expect(leftMs).toBeGreaterThanOrEqual(10_000);
    pace.close();
  });

  /** How so many calls end that come together and have so long. */
  const ended = async (
    limitOf: Parameters<typeof createThrottle>[0],
    deadlineMs: number,
    count = 1,
  ): Promise<readonly (string | number | undefined)[][]> => {
    const { time, pace } = paceWith(createThrottle(limitOf));
    const ends: (string | number | undefined)[][] = [];
    for (let nth = 0; nth < count; nth++)
      void pace
        .with({ deadlineMs })
        .run("peer", async () => ends.push(["left", time.now()]))
        .catch(({ code, availableInMs }) => ends.push([code, time.now(), availableInMs]));
    await time.runSettled(2 * deadlineMs);
    pace.close();
    return ends;
  };

  it("tells at once who has less time than it takes, and how long that is", async () => {
    expect(await ended(() => ({ ...free, perSecond: 1 / 1000 }), 5000)).toEqual([["too-late", 0, 1_000_000]]);
    expect(await ended((now) => (now < 60_000 ? { ...free, mostUnderWay: 0 } : free), 5000)).toEqual([
      ["too-late", 0, expect.closeTo(60_000, -1)],
    ]);
    const many = await ended(() => ({ ...free, perSecond: 1 }), 10_000, 40);
    expect(many.filter(([what]) => what === "left").length).toBeGreaterThanOrEqual(9);
    // Some more are let in, as some may be taken back.
    expect(many.filter(([, atMs]) => atMs === 0).length).toBeGreaterThanOrEqual(24);
  });

  it("tells nobody to go whom it holds no longer than he has time", async () => {
    const [least, none] = [
      { ...free, perSecond: 1 / 1000 },
      { ...free, mostUnderWay: 0 },
    ];
    for (const asked of [least, none]) {
      const [[what, atMs] = []] = await ended((now) => (now < 10_000 ? asked : free), 60_000);
      expect([what, atMs]).toEqual(["left", expect.closeTo(10_000, -3)]);
    }
    // It may end at any moment.
    for (const asked of [{ ...free, perSecond: 0 }, none])
      expect(await ended(() => asked, 5000)).toEqual([["deadline", 5000, expect.any(Number)]]);
  });

  const fails = (): never => {
    throw new Error("mine");
  };
  const is: Throttle = { readyMs: (now) => now, left: () => undefined };
  it.each<readonly [string, () => Throttle]>([
    ["that cannot be looked up", fails],
    ["that is a promise which fails", () => Promise.reject(new Error("late")) as never],
    ["that is something else", () => "slow" as never],
    ["whose readyMs throws", () => ({ ...is, readyMs: fails })],
    ["whose readyMs is no number", () => ({ ...is, readyMs: () => Number.NaN })],
    ["whose readyMs is a promise", () => ({ ...is, readyMs: () => Promise.reject(new Error("late")) as never })],
    ["whose left throws", () => ({ ...is, left: fails })],
    ["whose left is a promise which fails", () => ({ ...is, left: async () => fails() })],
  ])("%s holds nobody, whenever that begins, and is told once", async (_what, broken) => {
    const time = createVirtualTime();
    const faults: { readonly who: string }[] = [];
    let throttle: () => Throttle | undefined = () => undefined;
    // So few at once that timers let them out too.
    const quotas = { peer: [{ limit: 2, windowMs: 500 }] };
    const pace = createPace(
      { quotas },
      { clock: time, random: () => 0.5, throttle: () => throttle(), fault: (fault) => void faults.push(fault) },
    );
    const ends: unknown[] = [];
    const run = (): void => {
      void pace
        .run("peer", async () => "done")
        .then(
          (end) => ends.push(end),
          (error) => ends.push(error),
        );
    };
    for (let nth = 0; nth < 5; nth++) run();
    await time.runSettled(10);
    throttle = broken;
    for (let nth = 0; nth < 5; nth++) run();
    await time.runSettled(60_000);
    expect(ends).toEqual(Array.from({ length: 10 }, () => "done"));
    expect(pace.state().get("peer")).toMatchObject({ waiting: 0, underWay: 0 });
    expect(faults.map(({ who }) => who)).toEqual(['throttle of "peer"']);
    pace.close();
  });

  it.each([undefined, null])("of %s is none", async (none) => {
    const faults: unknown[] = [];
    const time = createVirtualTime();
    const pace = createPace({}, { clock: time, random: () => 0.5, throttle: () => none, fault: (fault) => void faults.push(fault) });
    await expect(pace.run("peer", async () => "done")).resolves.toBe("done");
    expect(faults).toEqual([]);
    pace.close();
  });

  it("that fails by a hundred names and more is told of a hundred of them", async () => {
    const time = createVirtualTime();
    let faults = 0;
    const pace = createPace({}, { clock: time, random: () => 0.5, throttle: fails, fault: () => void faults++ });
    await Promise.all(Array.from({ length: 150 }, (_, nth) => pace.run(`peer ${nth}`, async () => "done")));
    expect(faults).toBe(100);
    pace.close();
  });

  it("that holds for ever refuses nobody as too large", async () => {
    const { time, pace } = paceWith({ ...is, readyMs: () => FREE });
    const ended = pace.with({ deadlineMs: 5000 }).run("peer", async () => "done");
    await Promise.all([
      expect(ended).rejects.toMatchObject({ code: expect.stringMatching(/^(deadline|too-late)$/) }),
      time.runSettled(6000),
    ]);
    pace.close();
  });
});

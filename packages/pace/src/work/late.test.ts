import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { VirtualTime } from "../testing/virtual-time.ts";
import { createWorkBench, HOUR_MS, type WorkBench } from "../testing/work-bench.ts";
import type { Handler } from "./drain.ts";
import type { Work, WorkOptions } from "./work.ts";

const MINUTE_MS = 60_000;
/** From eight in the morning on, what waits may begin at ten in the evening. */
const MORNING_MS = 8 * HOUR_MS;
const NIGHT: WorkOptions = { offPeak: { from: "22:00", to: "06:00" } };

interface Day {
  readonly bench: WorkBench;
  readonly time: VirtualTime;
  readonly work: Work;
  /** Minutes since the morning at which one began. */
  readonly begun: number[];
  taking(ms: number): Handler;
  putOff(count: number, deadlineMs: number, kind?: string): Promise<void>;
  until(minutes: number): Promise<void>;
  states(): Readonly<Record<string, number>>;
}

async function morning(options: WorkOptions = {}): Promise<Day> {
  const bench = createWorkBench();
  const { time, told } = bench;
  time.run(MORNING_MS);
  const work = await bench.open({ ...NIGHT, ...options });
  const begun: number[] = [];
  let nth = 0;
  return {
    bench,
    time,
    work,
    begun,
    taking: (ms) => async () => {
      begun.push((time.now() - MORNING_MS) / MINUTE_MS);
      await new Promise<void>((resolve) => time.wake(time.now() + ms, resolve));
    },
    putOff: async (count, deadlineMs, kind = "page") => {
      for (let left = count; left > 0; left--) await work.defer(kind, 1, { key: `${kind} ${nth++}`, deadlineMs });
    },
    until: (minutes) => time.runSettled(MORNING_MS + minutes * MINUTE_MS),
    states: () => {
      const states: Record<string, number> = {};
      for (const { state } of told) states[state] = (states[state] ?? 0) + 1;
      return states;
    },
  };
}

describe("work whose deadline comes before the night", () => {
  it("is all done in time, however many there are: one goes ahead to show how long it takes, the others begin when they must", async () => {
    const { work, begun, taking, putOff, until, states } = await morning();
    work.handle("page", taking(MINUTE_MS));
    await putOff(100, HOUR_MS);
    await until(35);
    expect(begun.length).toBe(1);
    await until(61);
    expect(states()).toEqual({ done: 100 });
    // Thirteen rounds of a minute, and ten minutes to spare.
    expect(begun[1]).toBeCloseTo(60 - 13 - 10, 1);
  });

  it("begins early enough where its handler said how long it takes", async () => {
    const { work, begun, taking, putOff, until, states } = await morning();
    work.handle("page", taking(20 * MINUTE_MS), { takesMs: 20 * MINUTE_MS });
    await putOff(1, 4 * HOUR_MS);
    await until(241);
    expect(begun).toEqual([210]);
    expect(states()).toEqual({ done: 1 });
  });

  it("begins early enough once one was done, after a restart too", async () => {
    const { bench, time, work, begun, taking, putOff, until, states } = await morning();
    work.handle("page", taking(20 * MINUTE_MS), { takesMs: 20 * MINUTE_MS });
    await putOff(1, HOUR_MS);
    await until(60);
    bench.disk.crash();
    const again = await bench.open(NIGHT);
    again.handle("page", taking(20 * MINUTE_MS));
    await again.defer("page", 1, { deadlineMs: 4 * HOUR_MS });
    await time.runSettled(MORNING_MS + 301 * MINUTE_MS);
    expect(begun).toEqual([30, 270]);
    expect(states()).toEqual({ done: 2 });
  });

  it("begins early enough after a restart by what was done last, also where other work was put off after it", async () => {
    const { bench, time, work, begun, taking, putOff, until, states } = await morning({ room: () => 8 });
    work.handle("page", (piece) => taking(time.now() < MORNING_MS + HOUR_MS ? 1000 : 20 * MINUTE_MS)(piece));
    for (let nth = 0; nth < 20; nth++) await work.defer("page", 1, { delayMs: HOUR_MS });
    await putOff(20, 2 * HOUR_MS);
    await until(180);
    bench.disk.crash();
    const again = await bench.open(NIGHT);
    again.handle("page", taking(20 * MINUTE_MS));
    await again.defer("page", 1, { deadlineMs: 4 * HOUR_MS });
    await until(180 + 241);
    expect(begun.at(-1)).toBe(180 + 240 - 20 - 10);
    expect(states()).toEqual({ done: 41 });
  });

  it.each(["in the same process", "after a restart"])("begins earlier the next time where its deadline stopped one, %s", async (where) => {
    const { bench, time, work, begun, putOff, until, states } = await morning();
    const slow: Handler = async ({ signal }) => {
      begun.push((time.now() - MORNING_MS) / MINUTE_MS);
      await new Promise<void>((resolve) => time.wake(time.now() + 25 * MINUTE_MS, resolve));
      signal.throwIfAborted();
    };
    work.handle("page", slow);
    await putOff(1, HOUR_MS);
    await until(70);
    expect([begun, states()]).toEqual([[40], { missed: 1 }]);
    let again = work;
    if (where === "after a restart") {
      bench.disk.crash();
      again = await bench.open(NIGHT);
      again.handle("page", slow);
    }
    await again.defer("page", 1, { deadlineMs: HOUR_MS });
    await until(131);
    expect(begun).toEqual([40, 95]);
    expect(states()).toEqual({ missed: 1, done: 1 });
  });

  it("is taken to need as long as the longest of others while nothing is known of its kind", async () => {
    const { work, begun, taking, putOff, until } = await morning();
    work.handle("book", taking(1000), { takesMs: HOUR_MS });
    work.handle("page", taking(1000));
    await putOff(1, 4 * HOUR_MS);
    await until(241);
    expect(begun).toEqual([240 - 60 - 10]);
  });

  it("makes room for more with a nearer deadline, and begins nothing of what has time", async () => {
    const { work, begun, taking, putOff, until, states } = await morning();
    work.handle("page", taking(10 * MINUTE_MS), { takesMs: 10 * MINUTE_MS });
    await putOff(16, 2 * HOUR_MS);
    await putOff(8, 3 * HOUR_MS);
    await putOff(1, 10 * HOUR_MS);
    await until(181);
    // Two rounds for the second hour; the third only when it must.
    expect(begun).toEqual([...Array(8).fill(90), ...Array(8).fill(100), ...Array(8).fill(160)]);
    expect(states()).toEqual({ done: 24 });
  });

  it("begins before what comes soon after it makes it late", async () => {
    const { work, begun, taking, putOff, until } = await morning({ atOnce: 1 });
    work.handle("page", taking(30 * MINUTE_MS), { takesMs: 30 * MINUTE_MS });
    await putOff(2, 2 * HOUR_MS);
    await putOff(1, 2 * HOUR_MS + MINUTE_MS);
    await until(121);
    expect(begun.map(Math.round)).toEqual([21, 51, 81]);
  });

  it("begins earlier where what is under way does not end", async () => {
    const { work, begun, taking, putOff, until, states } = await morning({ room: () => (begun.length < 7 ? 1 : 0) });
    work.handle("stuck", async () => {
      begun.push(0);
      await new Promise(() => undefined);
    });
    work.handle("page", taking(MINUTE_MS), { takesMs: MINUTE_MS });
    for (let nth = 0; nth < 7; nth++) await work.defer("stuck", 1);
    await until(30);
    await putOff(100, 3 * HOUR_MS);
    await until(220);
    expect(states()).toEqual({ done: 100 });
  });

  it("does not begin for what waits for its own date, nor for what nobody handles", async () => {
    const { work, begun, taking, putOff, until } = await morning();
    work.handle("page", taking(MINUTE_MS), { takesMs: MINUTE_MS });
    await putOff(1000, 3 * HOUR_MS - MINUTE_MS, "strange");
    for (let nth = 0; nth < 8; nth++) await work.defer("page", 1, { delayMs: 100 * MINUTE_MS, deadlineMs: 110 * MINUTE_MS });
    await putOff(1, 3 * HOUR_MS);
    await until(99);
    expect(begun).toEqual([]);
    await until(181);
    expect(begun).toEqual([...Array(8).fill(100), 169]);
  });

  it("is all done, whatever comes by when, where that can be done at all", async () => {
    const anyPiece = fc.record({ takes: fc.integer({ min: 1, max: 30 }), spare: fc.nat({ max: 60 }), at: fc.nat({ max: 20 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(anyPiece, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 4 }), async (pieces, atOnce) => {
        const { time, work, taking, putOff, states } = await morning({ atOnce, lastCallMs: 10_000 });
        for (const takes of new Set(pieces.map((piece) => piece.takes)))
          work.handle(`${takes}`, taking(takes * 1000), { takesMs: takes * 1000 });
        let [allTake, longest] = [0, 0];
        for (const { takes, spare, at } of pieces.toSorted((one, other) => one.at - other.at)) {
          await time.runSettled(MORNING_MS + at * 1000);
          // So long nobody needs who does the nearest deadline first, whatever he did before.
          allTake += takes;
          longest = Math.max(longest, takes);
          await putOff(1, (allTake / atOnce + 2 * longest + 12 + spare) * 1000, `${takes}`);
        }
        await time.runSettled(MORNING_MS + HOUR_MS);
        expect(states()).toEqual({ done: pieces.length });
      }),
      { seed: 8, numRuns: 40 },
    );
  });

  it("is expected by when it will be done", async () => {
    const { work, putOff, taking, until } = await morning();
    work.handle("page", taking(20 * MINUTE_MS), { takesMs: 20 * MINUTE_MS });
    await putOff(1, 4 * HOUR_MS);
    await until(1);
    expect(work.status("page 0")?.expectedAt).toBe(Date.UTC(2026, 0, 1, 11, 50));
  });

  it.each([{ takesMs: Number.NaN }, { takesMs: 0 }, { takesMs: Number.POSITIVE_INFINITY }, { takes: 1 }])(
    "is refused with a duration that is none: %j",
    async (terms) => {
      const { work, taking } = await morning();
      expect(() => work.handle("page", taking(1), terms as never)).toThrow(expect.objectContaining({ code: "bad-argument" }));
      work.handle("page", taking(1));
    },
  );
});

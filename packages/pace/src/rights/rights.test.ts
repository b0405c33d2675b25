import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { createHolders, type Weather } from "../testing/holders.ts";
import { fairParts } from "./fair-parts.ts";

const weather: fc.Arbitrary<Weather> = fc.record({
  lost: fc.constantFrom(0, 0.05, 0.4),
  doubled: fc.constantFrom(0, 0.2),
  mostDelayMs: fc.constantFrom(0, 200, 1500, 4000),
  cutsPerHour: fc.constantFrom(0, 60),
  sleepsPerHour: fc.constantFrom(0, 60),
  deathsPerHour: fc.constantFrom(0, 60),
  mostTroubleMs: fc.constantFrom(2000, 30_000),
});
const shared = fc.record({ seed: fc.nat(), count: fc.integer({ min: 1, max: 6 }), weather: fc.option(weather, { nil: undefined }) });

describe("what those who share a rate hold together", () => {
  it("is never more than the whole, whatever the network loses, delays and doubles, and whoever sleeps, dies or is cut off", () => {
    fc.assert(
      fc.property(shared, ({ seed, count, weather }) => {
        const random = seededRandom(seed);
        const pool = { limit: 1000, windowMs: 60_000, shape: "window" } as const;
        const town = createHolders({ count, weather, pool, units: () => 1 }, random, (draw) => draw() < 0.6);
        for (let at = 0; at < 150_000; at += 100) {
          town.time.run(at);
          expect(town.parts()).toBeLessThanOrEqual(1 + 1e-9);
        }
      }),
      { numRuns: 30, seed: 8 },
    );
  });

  it("is the whole, in like parts, where all have enough to do", () => {
    const town = createHolders(
      { count: 5, weather: undefined, pool: { limit: 1, windowMs: 1, shape: "bucket" }, units: () => 1 },
      seededRandom(1),
      () => true,
    );
    town.time.run(5000);
    for (const { holding, clock } of town.all) expect(holding.part(clock.now(), "requests")).toBeCloseTo(0.2, 6);
  });

  it("goes to who has work within two renewals, and comes back within two where others have work again", () => {
    const town = createHolders(
      { count: 3, weather: undefined, pool: { limit: 1, windowMs: 1, shape: "bucket" }, units: () => 1 },
      seededRandom(1),
      () => true,
    );
    town.time.run(5000);
    const [one, ...others] = town.all as [(typeof town.all)[0], ...typeof town.all];
    const setAll = (isHungry: boolean): void => {
      for (const other of others) other.isHungry = isHungry;
      one.isHungry = true;
    };
    for (let at = 5000; at <= 6500; at += 10) {
      setAll(false);
      town.time.run(at);
    }
    expect(one.holding.part(one.clock.now(), "requests")).toBeGreaterThan(0.97);
    for (let at = 6500; at <= 7500; at += 10) {
      setAll(true);
      town.time.run(at);
    }
    for (const { holding, clock } of town.all) expect(holding.part(clock.now(), "requests")).toBeCloseTo(1 / 3, 2);
  });
});

describe("what is spent of a pool", () => {
  it("is never more than there is, in a window or a bucket, in the same weather", () => {
    fc.assert(
      fc.property(
        shared,
        fc.constantFrom("window" as const, "bucket" as const),
        fc.integer({ min: 1, max: 200 }),
        ({ seed, count, weather }, shape, limit) => {
          const random = seededRandom(seed);
          const windowMs = 100_000;
          const units = (draw: () => number): number => Math.min(limit, 0.2 + draw() * 3);
          const town = createHolders({ count, weather, pool: { limit, windowMs, shape }, units }, random, (draw) => draw() < 0.8);
          town.time.run(300_000);
          const { pools } = town.store.ledger("service");
          const [pool] = pools.values();
          if (pool === undefined) return;
          if (shape === "window") {
            // Windows end when the ledger says.
            const endMs = (pool.endsMs as number) - pool.window * windowMs;
            for (let from = endMs; from < 300_000; from += windowMs)
              expect(spentIn(town.spent, from, from + windowMs)).toBeLessThanOrEqual(limit + 1e-6);
          } else expect(spentIn(town.spent, 0, 300_000)).toBeLessThanOrEqual(limit * 4 + 1e-6);
        },
      ),
      { numRuns: 40, seed: 8 },
    );
  });

  it("comes to all there is where nobody dies", () => {
    const town = createHolders(
      { count: 4, weather: undefined, pool: { limit: 100, windowMs: 1e9, shape: "window" }, units: () => 1 },
      seededRandom(2),
      () => true,
    );
    town.time.run(300_000);
    expect(spentIn(town.spent, 0, 300_000)).toBe(100);
  });
});

function spentIn(spent: readonly { readonly atMs: number; readonly units: number }[], fromMs: number, toMs: number): number {
  return spent.reduce((sum, { atMs, units }) => (atMs >= fromMs && atMs < toMs ? sum + units : sum), 0);
}

describe("fair parts", () => {
  it("are no more than there is and than is wanted, and nobody who wants more has less for his weight", () => {
    const claims = fc.array(
      fc.record({ weight: fc.double({ min: 0.1, max: 10, noNaN: true }), most: fc.double({ min: 0, max: 10, noNaN: true }) }),
    );
    fc.assert(
      fc.property(fc.double({ min: 0, max: 20, noNaN: true }), claims, (capacity, all) => {
        const parts = fairParts(capacity, all);
        const sum = parts.reduce((total, part) => total + part, 0);
        expect(sum).toBeLessThanOrEqual(capacity + 1e-9);
        expect(sum).toBeCloseTo(
          Math.min(
            capacity,
            all.reduce((total, { most }) => total + most, 0),
          ),
          6,
        );
        const level = Math.max(0, ...all.map(({ weight }, nth) => (parts[nth] as number) / weight));
        all.forEach(({ weight, most }, nth) => {
          const part = parts[nth] as number;
          expect(part).toBeLessThanOrEqual(most);
          if (part < most - 1e-9) expect(part / weight).toBeGreaterThanOrEqual(level - 1e-6);
        });
      }),
    );
  });
});

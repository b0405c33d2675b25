import { describe, expect, it } from "vitest";
import { seededRandom } from "../testing/draws.ts";
import { type Account, createAccount, type Reservation } from "./account.ts";
import type { Reading } from "./reading.ts";

const BUCKET: Reading = { unit: "requests", name: "minute", limit: 60, windowMs: 60_000, remaining: 60, resetInMs: 0, shape: "bucket" };
const WINDOW: Reading = { ...BUCKET, shape: "window", resetInMs: 30_000 };

describe("a quota that fills all the time", () => {
  it("has as much less as was reserved, and a unit more each second", () => {
    const account = createAccount(0, BUCKET, "policy");
    account.reserve(0, 60);
    expect(account.available(0)).toBe(0);
    expect(account.readyMs(0, 3)).toBe(3000);
    expect(account.available(2500)).toBeCloseTo(2.5);
    expect(account.available(1e6)).toBe(60);
    expect(account.readyMs(1e6, 61)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("a quota of windows", () => {
  it("is full again when one ends, but for what is under way", () => {
    const account = createAccount(0, WINDOW, "policy");
    account.reserve(0, 50).settle(10, 50);
    account.reserve(0, 4);
    expect(account.available(100)).toBe(6);
    expect(account.readyMs(100, 7)).toBe(30_000);
    expect(account.available(30_000)).toBe(56);
    expect(account.resetInMs(30_000)).toBe(60_000);
    expect(account.available(1e6)).toBe(56);
    expect(account.resetInMs(1e6)).toBeLessThanOrEqual(60_000);
  });
});

describe("what is told late of a call that was settled", () => {
  const account = (): Account => {
    const of = createAccount(0, { ...BUCKET, limit: 10, remaining: 10, resetInMs: 60_000, shape: "window" }, "policy");
    of.reserve(1000, 8).settle(2000, 8);
    return of;
  };

  it("comes back to the window that it was of", () => {
    const one = account();
    one.correct(50_000, -7, 2000);
    expect([one.available(50_000), one.settled]).toEqual([9, 1]);
  });

  it("comes back to nobody where that window is over", () => {
    const one = account();
    one.reserve(65_000, 5).settle(65_000, 5);
    one.correct(70_000, -7, 2000);
    expect([one.available(70_000), one.settled]).toEqual([5, 6]);
  });
});

describe("what is told", () => {
  it("replaces what was counted, but for what left after the call that it answers", () => {
    const account = createAccount(0, BUCKET, "header");
    const first = account.reserve(1000, 1);
    account.reserve(1100, 5);
    first.settle(1500, 1);
    account.told(1500, { ...BUCKET, remaining: 20 }, 1000);
    // Twenty less five, and what came back in the half second that they were under way.
    expect(account.available(1500)).toBe(15.5);
  });

  it("by an answer that later ones overtook, brings nothing back", () => {
    const account = createAccount(0, BUCKET, "header");
    account.told(1000, { ...BUCKET, remaining: 5 }, 900);
    account.told(1000, { ...BUCKET, remaining: 50 }, 100);
    expect(account.available(1000)).toBe(5);
    account.told(1000, { ...BUCKET, remaining: 2 }, 200);
    expect(account.available(1000)).toBe(2);
  });

  it("counts no more than a second of what comes back to calls on their way", () => {
    const account = createAccount(0, BUCKET, "header");
    account.reserve(30_000, 5);
    account.told(60_000, { ...BUCKET, remaining: 20 }, 0);
    expect(account.available(60_000)).toBe(16);
  });

  it("moves a limit at once", () => {
    const account = createAccount(0, BUCKET, "header");
    account.told(1000, { ...BUCKET, limit: 6, remaining: 2 }, 0);
    expect(account.limit).toBe(6);
    expect(account.readyMs(1000, 3)).toBe(11_000);
  });
});

describe("what is used of a bucket", () => {
  it("is what lacks of it, where others took of what the service tells", () => {
    const account = createAccount(0, { ...BUCKET, remaining: 6 }, "header");
    expect(account.used(0)).toBe(54);
    account.reserve(0, 6);
    expect(account.used(0)).toBe(60);
    expect(account.used(30_000)).toBe(30);
    account.told(30_000, { ...BUCKET, remaining: 3 }, 29_900);
    expect(account.used(30_000)).toBe(57);
  });

  it("is what was spent within the window, where as much came back meanwhile", () => {
    for (const source of ["policy", "header"] as const) {
      const account = createAccount(0, BUCKET, source);
      for (let second = 0; second < 50; second++) account.reserve(second * 1000, 1).settle(second * 1000, 1);
      expect(account.available(50_000)).toBeCloseTo(60);
      expect(account.used(50_000)).toBe(50);
    }
  });

  it("is all of it while a debt is left", () => {
    const account = createAccount(0, BUCKET, "policy");
    account.reserve(0, 1).settle(0, 180);
    expect(account.used(61_000)).toBe(60);
    expect(account.used(150_000)).toBeCloseTo(30);
  });
});

describe("any order of reserving and settling", () => {
  it("keeps what is under way and what was settled, to the unit", () => {
    const random = seededRandom(3);
    for (let round = 0; round < 30; round++) {
      const account = createAccount(0, round % 2 === 0 ? BUCKET : WINDOW, "policy");
      const open: { readonly units: number; readonly reservation: Reservation }[] = [];
      let [outstanding, settled, now] = [0, 0, 0];
      for (let step = 0; step < 300; step++) {
        now += Math.floor(random() * 2000);
        const units = 1 + Math.floor(random() * 9);
        if (random() < 0.5 && account.readyMs(now, units) <= now) {
          open.push({ units, reservation: account.reserve(now, units) });
          outstanding += units;
        } else if (open.length > 0) {
          const [{ units: reserved, reservation }] = open.splice(Math.floor(random() * open.length), 1) as [(typeof open)[0]];
          const used = Math.floor(random() * 2 * reserved);
          reservation.settle(now, used);
          reservation.settle(now, used);
          outstanding -= reserved;
          settled += used;
        }
        expect(account.outstanding).toBe(outstanding);
        expect(account.settled).toBe(settled);
        expect(account.available(now)).toBeLessThanOrEqual(60);
      }
    }
  });
});

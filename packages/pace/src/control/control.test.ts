import { describe, expect, it } from "vitest";
import { createBreaker } from "./breaker.ts";
import { createInFlight } from "./in-flight.ts";
import { createPacer } from "./pacer.ts";
import { createRecent } from "./recent.ts";

describe("the breaker", () => {
  const settings = { refusals: 3, openMs: 1000, mostOpenMs: 5000, probeMs: 2000 };

  it("opens after three refusals in a row, lets one call see, and closes when it is answered", () => {
    const breaker = createBreaker(settings);
    for (const at of [0, 10]) breaker.refused(at + 5, at);
    expect(breaker.state(20)).toBe("closed");
    breaker.refused(25, 20);
    expect(breaker.state(30)).toBe("open");
    expect(breaker.opensAtMs(30)).toBe(1025);
    expect(breaker.state(1025)).toBe("half-open");
    breaker.left(1030);
    expect(breaker.opensAtMs(1040)).toBe(1030 + 2000);
    breaker.answered(1030);
    expect(breaker.state(1050)).toBe("closed");
    expect(breaker.opensAtMs(1050)).toBe(1050);
  });

  it("begins to count anew with each answer", () => {
    const breaker = createBreaker(settings);
    for (let nth = 0; nth < 10; nth++) {
      breaker.refused(nth * 10 + 1, nth * 10);
      breaker.refused(nth * 10 + 2, nth * 10);
      breaker.answered(nth * 10 + 3);
    }
    expect(breaker.state(200)).toBe("closed");
  });

  it("opens for twice as long each time, up to the most, and as long as the service says", () => {
    const breaker = createBreaker(settings);
    for (let nth = 0; nth < 3; nth++) breaker.refused(nth + 1, nth);
    let at = 3;
    for (const expected of [1000, 2000, 4000, 5000, 5000]) {
      expect(breaker.opensAtMs(at) - at).toBe(expected);
      at = breaker.opensAtMs(at);
      breaker.left(at);
      breaker.refused(at + 1, at);
      at++;
    }
    at = breaker.opensAtMs(at);
    breaker.left(at);
    breaker.refused(at + 1, at, 90_000);
    expect(breaker.opensAtMs(at + 1)).toBe(at + 1 + 90_000);
  });

  it("learns nothing from calls that left before it opened, but how long to wait", () => {
    const breaker = createBreaker(settings);
    for (let nth = 0; nth < 3; nth++) breaker.refused(nth + 1, nth);
    breaker.answered(2);
    expect(breaker.state(10)).toBe("open");
    breaker.refused(12, 1, 3000);
    expect(breaker.opensAtMs(12)).toBe(3012);
  });

  it("lets another see when the one that was to see was taken back", () => {
    const breaker = createBreaker(settings);
    for (let nth = 0; nth < 3; nth++) breaker.refused(nth + 1, nth);
    breaker.left(1100);
    breaker.abandoned(1100);
    expect(breaker.opensAtMs(1200)).toBe(1003);
  });
});

describe("calls under way", () => {
  const play = (tookMs: (nth: number) => number, calls: number): number => {
    const inFlight = createInFlight({ start: 20, least: 1, most: 200 });
    let now = 0;
    for (let nth = 0; nth < calls; nth++) {
      while (inFlight.count < inFlight.limit) inFlight.left();
      now += 10;
      inFlight.answered(now, now - tookMs(nth));
    }
    return inFlight.limit;
  };

  it("become more while answers take what they always took", () => {
    expect(play(() => 500, 500)).toBeGreaterThan(40);
  });

  it("become fewer when answers take four times as long", () => {
    const before = play(() => 500, 300);
    expect(play((nth) => (nth < 300 ? 500 : 2000), 400)).toBeLessThan(before / 2);
  });

  it("become more again where that is how long they take from now on", () => {
    expect(play((nth) => (nth < 300 ? 500 : 2000), 3000)).toBeGreaterThan(40);
  });

  it("become more with each answer as much faster as answers take longer", () => {
    const [short, long] = [play(() => 500, 60), play(() => 20_000, 60)];
    expect(short).toBeLessThan(40);
    expect(long).toBeGreaterThan(100);
  });

  it("are a fifth fewer after an overload, once for all that were under way", () => {
    const inFlight = createInFlight({ start: 30, least: 1, most: 200 });
    for (let nth = 0; nth < 30; nth++) inFlight.left();
    for (let nth = 0; nth < 5; nth++) inFlight.overloaded(100, 50);
    expect(inFlight.limit).toBe(24);
    expect(inFlight.count).toBe(25);
    inFlight.overloaded(300, 200);
    expect(inFlight.limit).toBe(19);
  });

  it("become fewer, and stay so, when it is for them that answers take longer", () => {
    const inFlight = createInFlight();
    const leaves: number[] = [];
    let limits = 0;
    for (let now = 0; now < 600_000; now += 10) {
      while (inFlight.count < inFlight.limit) {
        inFlight.left();
        leaves.push(now);
      }
      // Twenty workers: what is more waits for one.
      const tookMs = 500 * Math.max(1, inFlight.count / 20);
      while (leaves[0] !== undefined && now - leaves[0] >= tookMs) inFlight.answered(now, leaves.shift() as number);
      if (now >= 300_000) limits = Math.max(limits, inFlight.limit);
    }
    expect(limits).toBeLessThan(80);
    expect(inFlight.limit).toBeGreaterThanOrEqual(20);
  });

  it("rise slowly around where it was too much, and as ever beyond", () => {
    const inFlight = createInFlight({ start: 40, least: 1, most: 200 });
    const answers = (count: number): void => {
      for (let nth = 0; nth < count; nth++) {
        while (inFlight.count < inFlight.limit) inFlight.left();
        inFlight.answered(1000, 500);
      }
    };
    inFlight.left();
    inFlight.overloaded(100, 50);
    answers(40);
    expect(inFlight.limit).toBeLessThan(36);
    answers(1200);
    expect(inFlight.limit).toBeGreaterThan(60);
  });

  it("do not become more while few are wanted", () => {
    const inFlight = createInFlight({ start: 20, least: 1, most: 200 });
    for (let nth = 0; nth < 1000; nth++) {
      inFlight.left();
      inFlight.answered(nth * 100, nth * 100 - 50);
    }
    expect(inFlight.limit).toBe(20);
  });
});

describe("the pace", () => {
  it("lets units leave at the rate, and what was not used at once", () => {
    const pacer = createPacer(0);
    expect(pacer.readyMs(0, 1, 10, 3)).toBe(100);
    expect(pacer.readyMs(100, 1, 10, 3)).toBe(100);
    pacer.left(1);
    expect(pacer.readyMs(100, 1, 10, 3)).toBeCloseTo(200);
    for (let nth = 0; nth < 3; nth++) {
      expect(pacer.readyMs(10_000, 1, 10, 3)).toBe(10_000);
      pacer.left(1);
    }
    expect(pacer.readyMs(10_000, 1, 10, 3)).toBeCloseTo(10_100);
  });

  it("lets leave what is more than ever may at once, and keeps the next until it was paid for", () => {
    const pacer = createPacer(0);
    expect(pacer.readyMs(0, 50, 10, 5)).toBe(500);
    expect(pacer.readyMs(500, 50, 10, 5)).toBe(500);
    pacer.left(50);
    expect(pacer.readyMs(500, 1, 10, 5)).toBeCloseTo(500 + 4600);
  });
});

describe("how fast something went lately", () => {
  it("is counted over the span that is asked for", () => {
    const recent = createRecent();
    for (let at = 0; at < 1000; at += 100) recent.add(at, 1);
    expect(recent.rate(900, 500)).toBe(10);
    expect(recent.rate(2000, 500)).toBe(0);
  });

  it("is that of a shorter span where more happened than is remembered", () => {
    const recent = createRecent();
    for (let at = 0; at < 10_000; at++) recent.add(at, 2);
    expect(recent.rate(10_000, 5000)).toBeCloseTo(2000, -1);
  });
});

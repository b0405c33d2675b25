import { describe, expect, it } from "vitest";
import { createLedger, type Ledger } from "./ledger.ts";

const OPTIMUM = { all: 10 };
const NOBODY = { asked: 0, got: 0 };
const JOB = { class: "normal", deadlineMs: 10_000 } as const;

function ledger(): Ledger {
  return createLedger({ instances: 2, endMs: 300_000, graceMs: 1000, troubledMs: { from: 60_000, to: 120_000 } });
}

describe("a ledger", () => {
  it("counts what was done in time, by the optimum", () => {
    const book = ledger();
    for (let nth = 0; nth < 5; nth++) book.ended(nth, 0, JOB, 0, "done");
    book.ended(10_900, 0, JOB, 0, "done");
    book.ended(11_100, 0, JOB, 0, "done");
    const { goodput, late } = book.figures(OPTIMUM, NOBODY);
    expect(goodput).toBe(0.6);
    expect(late).toBeCloseTo(1 / 7);
  });

  it("calls lost what was given up while there was time, and not what was turned away or late", () => {
    const book = ledger();
    book.ended(9998, 0, JOB, 0, "given-up");
    book.ended(10_001, 0, JOB, 0, "given-up");
    book.ended(0, 0, JOB, 0, "turned-away");
    book.ended(1, 0, JOB, 0, "done");
    const { lost, late, turnedAway } = book.figures(OPTIMUM, NOBODY);
    expect({ lost, late, turnedAway }).toEqual({ lost: 0.25, late: 0.25, turnedAway: 0.25 });
  });

  it("counts refusals by what was let in, and those of trouble apart", () => {
    const book = ledger();
    for (const status of [200, 200, 429, 503, 503]) book.answered(status);
    const { refusalsPerSuccess, overloadsPerSuccess } = book.figures(OPTIMUM, NOBODY);
    expect({ refusalsPerSuccess, overloadsPerSuccess }).toEqual({ refusalsPerSuccess: 0.5, overloadsPerSuccess: 1 });
  });

  it("finds the second with most second attempts", () => {
    const book = ledger();
    for (const at of [5000, 5500, 5999, 6000]) book.attempted(at, 2);
    book.attempted(5000, 1);
    const { mostRetriesPerSecond, retryWave } = book.figures(OPTIMUM, NOBODY);
    expect(mostRetriesPerSecond).toBe(3);
    expect(retryWave).toBeCloseTo((3 * 301) / 4);
  });

  it("looks at the second minute after a trouble", () => {
    const book = ledger();
    for (const at of [170_000, 180_000, 239_999, 240_000]) book.ended(at, 0, JOB, at - 1, "done");
    expect(book.figures({ all: 10, afterTrouble: 4 }, NOBODY).recovered).toBe(0.5);
  });

  it("holds calm and trouble apart for those that a person waits for, who got nothing waited until the deadline", () => {
    const book = ledger();
    const person = { class: "interactive", deadlineMs: 30_000 } as const;
    book.ended(500, 0, person, 0, "done");
    book.ended(70_000, 0, person, 61_000, "done");
    book.ended(62_000, 0, person, 62_000, "turned-away");
    expect(book.figures(OPTIMUM, NOBODY).interactive).toEqual({ calmP99Ms: 500, troubledP99Ms: 30_000 });
  });

  it("knows which heartbeats were on time, and what another party got", () => {
    const book = ledger();
    const heart = { class: "heartbeat", deadlineMs: 5000 } as const;
    book.ended(4000, 0, heart, 0, "done");
    book.ended(5500, 0, heart, 0, "done");
    const { heartbeats, foreign } = book.figures(OPTIMUM, { asked: 4, got: 3 });
    expect({ heartbeats, foreign }).toEqual({ heartbeats: 0.5, foreign: 0.75 });
  });

  it("calls it fair where all processes got the same", () => {
    const book = ledger();
    book.ended(1, 0, JOB, 0, "done");
    expect(book.figures(OPTIMUM, NOBODY).fairness).toBe(0.5);
    book.ended(1, 1, JOB, 0, "done");
    expect(book.figures(OPTIMUM, NOBODY).fairness).toBe(1);
  });
});

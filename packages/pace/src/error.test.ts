import { describe, expect, it } from "vitest";
import { PaceError } from "./error.ts";

function availableInMs(told: number | undefined): number | undefined {
  return new PaceError("deadline", "its deadline came", "Give it more time.", told === undefined ? {} : { availableInMs: told })
    .availableInMs;
}

describe("when a call could leave", () => {
  it("is never before now, also where the moment has passed while it was told", () => {
    expect([-1e-9, -250, 0, 250].map(availableInMs)).toEqual([0, 0, 0, 250]);
  });

  it("is never for what no waiting gives, and is not said where nobody knows", () => {
    expect(availableInMs(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect([availableInMs(undefined), availableInMs(Number.NaN)]).toEqual([undefined, undefined]);
  });
});

import { describe, expect, it } from "vitest";
import { createClockGuard } from "./clock-guard.ts";

const MINUTE = 60_000;
const guard = () => createClockGuard({ jumpMs: 30_000, holdMs: 60 * MINUTE }, 1_000_000, 0);

describe("the clock guard", () => {
  it("sees nothing in time that passes", () => {
    expect(guard()(1_000_000 + MINUTE, MINUTE)).toEqual({ jump: undefined, byMs: 0, holding: false });
  });

  it("holds for an hour after a jump forward, then believes the clock", () => {
    const read = guard();
    expect(read(1_000_000 + 10 * MINUTE, MINUTE)).toMatchObject({ jump: "forward", holding: true });
    expect(read(1_000_000 + 69 * MINUTE, 60 * MINUTE)).toMatchObject({ jump: undefined, holding: true });
    expect(read(1_000_000 + 70 * MINUTE, 61 * MINUTE)).toMatchObject({ holding: false });
    expect(read(1_000_000 + 71 * MINUTE, 62 * MINUTE)).toMatchObject({ jump: undefined, holding: false });
  });

  it("holds no longer when the clock came back", () => {
    const read = guard();
    read(1_000_000 + 10 * MINUTE, MINUTE);
    expect(read(1_000_000 + 2 * MINUTE, 2 * MINUTE)).toMatchObject({ jump: undefined, holding: false });
  });

  it("tells a jump back once", () => {
    const read = guard();
    expect(read(1_000_000 - 10 * MINUTE, MINUTE)).toMatchObject({ jump: "back", holding: false });
    expect(read(1_000_000 - 9 * MINUTE, 2 * MINUTE)).toMatchObject({ jump: undefined });
  });

  it("follows a clock that is disciplined in small steps", () => {
    const read = guard();
    for (let step = 1; step <= 100; step++) expect(read(1_000_000 + step * (MINUTE + 1000), step * MINUTE).jump).toBeUndefined();
  });
});

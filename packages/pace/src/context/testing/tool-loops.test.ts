import { describe, expect, it } from "vitest";
import { createToolLoops } from "./tool-loops.ts";

const LOOPS = 40;
const loops = createToolLoops();

describe("an agent that works with tools", () => {
  it("never sends more than the window holds, and does its work", { timeout: 120_000 }, async () => {
    let [done, overflows, broken] = [0, 0, 0];
    for (let seed = 1; seed <= LOOPS; seed++) {
      const result = await loops.play({ keeper: "window", seed });
      done += Number(result.isDone);
      overflows += result.overflows;
      broken += Number(result.isBroken);
    }
    expect({ overflows, broken }).toEqual({ overflows: 0, broken: 0 });
    expect(done / LOOPS).toBeGreaterThanOrEqual(0.97);
  });
});

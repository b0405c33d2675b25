import { describe, expect, it } from "vitest";
import { createAccount } from "../quota/account.ts";
import { type Gauge, gaugeOf } from "../quota/gauge.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type Crossings, createCrossings, type Drawn } from "./crossings.ts";
import { createLadder, type Ladder } from "./ladder.ts";

const AROUND = { partition: "a", waiting: 0, confidence: 1, chargesRefused: undefined };

function town(): { readonly ladder: Ladder; readonly crossings: Crossings; readonly drawn: Drawn; readonly gauge: () => Gauge } {
  const ladder = createLadder({ quotas: { "b requests hour": { warned: 0.2 } } }, createVirtualTime());
  const reading = { unit: "requests", name: "hour", limit: 10, windowMs: 3_600_000, remaining: 10, resetInMs: 3_600_000 } as const;
  const account = createAccount(0, { ...reading, shape: "window" }, "policy");
  return { ladder, crossings: createCrossings(ladder), drawn: { partition: "a", account }, gauge: () => gaugeOf(account, 0, AROUND) };
}

describe("what is spent", () => {
  it("is found at each step of which the ladder does not know, until it has looked", () => {
    const { ladder, crossings, drawn, gauge } = town();
    const found: number[] = [];
    for (let spent = 1; spent <= 10; spent++) {
      drawn.account.reserve(0, 1);
      if (crossings.find(0, [drawn]) === undefined) continue;
      found.push(spent);
      ladder.look([gauge()]);
      crossings.looked();
    }
    expect(found).toEqual([5, 8, 9]);
  });

  it("is measured by the thresholds of its own gauge", () => {
    const [one, other] = [town(), town()];
    for (const { drawn } of [one, other]) drawn.account.reserve(0, 2);
    expect(one.crossings.find(0, [one.drawn])).toBeUndefined();
    expect(other.crossings.find(0, [{ ...other.drawn, partition: "b" }])).toBeDefined();
  });

  it("is not found again where the ladder does not take it, before the next look", () => {
    const { crossings, drawn } = town();
    drawn.account.reserve(0, 9);
    expect(crossings.find(0, [drawn])).toBe(drawn);
    crossings.ignore(drawn.account);
    expect(crossings.find(0, [drawn])).toBeUndefined();
    crossings.looked();
    expect(crossings.find(0, [drawn])).toBe(drawn);
  });
});

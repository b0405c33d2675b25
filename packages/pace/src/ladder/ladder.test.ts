import { describe, expect, it } from "vitest";
import { gaugeOf } from "../testing/gauges.ts";
import { createVirtualTime, type VirtualTime } from "../testing/virtual-time.ts";
import { createLadder, type Ladder, type LadderEvent, type LadderSettings } from "./ladder.ts";

function ladderAt(settings: LadderSettings = {}): { readonly time: VirtualTime; readonly ladder: Ladder } {
  const time = createVirtualTime();
  return { time, ladder: createLadder(settings, time) };
}

function stepsOf(events: readonly LadderEvent[]): readonly string[] {
  return events.flatMap((event) => (event.kind === "step" ? [`${event.gauge.unit} ${event.from}>${event.to} ${event.overall}`] : []));
}

describe("a ladder", () => {
  it("tells of every threshold on the way of a jump, in order and once", () => {
    const { ladder } = ladderAt();
    expect(ladder.look([gaugeOf({ used: 45 })])).toEqual([]);
    expect(stepsOf(ladder.look([gaugeOf({ used: 95 })]))).toEqual([
      "requests calm>warned warned",
      "requests warned>saving saving",
      "requests saving>emergency emergency",
    ]);
    expect(ladder.look([gaugeOf({ used: 96 })])).toEqual([]);
  });

  it("counts what waits for a quota of minutes, and not what waits for a day's", () => {
    const { ladder } = ladderAt();
    const day = gaugeOf({ name: "day", windowMs: 86_400_000, used: 40, waiting: 60 });
    expect(stepsOf(ladder.look([gaugeOf({ used: 40, waiting: 10 }), day]))).toEqual(["requests calm>warned warned"]);
  });

  it("keeps each gauge's step apart, and the highest of all or of some", () => {
    const { ladder } = ladderAt();
    const context = gaugeOf({ partition: "here", unit: "context-tokens", shape: "held", windowMs: undefined, used: 80 });
    ladder.look([gaugeOf({ used: 55 }), context]);
    expect(ladder.step).toBe("saving");
    expect(ladder.highest()?.gauge.unit).toBe("context-tokens");
    expect(ladder.highest(({ unit }) => unit === "requests")?.step).toBe("warned");
    expect(ladder.highest(({ unit }) => unit === "usd")).toBeUndefined();
  });

  it("says what, when, how far, what happens now and what one can do", () => {
    const { time, ladder } = ladderAt();
    time.run(1234);
    const [event] = ladder.look([gaugeOf({ used: 80, source: "assumed", resetInMs: 30_000 })]);
    expect(event).toMatchObject({ kind: "step", use: 0.8, atMs: 1234, dateMs: time.date(), gauge: { unit: "requests", name: "minute" } });
    expect(event?.will).toBe("Nothing changes yet.");
    expect(event?.choices.join("; ")).toMatch(/fewer calls.*wait 30 s.*say what the limit is/);
  });

  it("warns of a quota that will run out, before it does, once, with when and how sure", () => {
    const { time, ladder } = ladderAt({ thresholds: { warned: 0.8, saving: 0.9, emergency: 0.95 } });
    let first: LadderEvent | undefined;
    const count = { begun: 0, over: 0 };
    for (let second = 0; second < 60; second++) {
      time.run(second * 1000);
      const used = second < 20 ? second : Math.min(100, 20 + (second - 20) * 4);
      for (const event of ladder.look([gaugeOf({ used, resetInMs: 60_000 - second * 1000 })])) {
        if (event.kind !== "warning") continue;
        first ??= event;
        count[event.isOver ? "over" : "begun"]++;
      }
    }
    expect(count.begun).toBe(1);
    expect(first?.will).toBe("Nothing changes yet.");
    expect(first?.atMs).toBeGreaterThan(20_000);
    expect(first?.atMs).toBeLessThanOrEqual(30_000);
    const { exhaustsInMs = 0, sure = 0 } = first?.forecast ?? {};
    expect((first?.atMs ?? 0) + exhaustsInMs).toBeGreaterThan(35_000);
    expect((first?.atMs ?? 0) + exhaustsInMs).toBeLessThan(60_000);
    expect(sure).toBeGreaterThan(0.8);
  });

  it("lets a gauge that is gone come down like any other, and forgets it", () => {
    const { time, ladder } = ladderAt();
    ladder.look([gaugeOf({ used: 95 })]);
    time.run(1000);
    expect(ladder.look([])).toEqual([]);
    time.run(11_000);
    expect(stepsOf(ladder.look([]))).toEqual([
      "requests emergency>saving saving",
      "requests saving>warned warned",
      "requests warned>calm calm",
    ]);
    expect(ladder.standings).toEqual([]);
  });

  it.each([
    ["has no limit at all", gaugeOf({ limit: Number.POSITIVE_INFINITY, used: 1e9 }), "calm"],
    ["has no room at all", gaugeOf({ limit: 0, used: 0 }), "emergency"],
    ["says nothing readable", gaugeOf({ used: Number.NaN }), "calm"],
    ["owes less than nothing", gaugeOf({ used: -50, waiting: 10 }), "calm"],
  ] as const)("has a step for a gauge that %s", (_name, gauge, step) => {
    const { ladder } = ladderAt();
    ladder.look([gauge]);
    expect(ladder.step).toBe(step);
  });

  it("does not come down by a gauge that says nothing readable", () => {
    const { time, ladder } = ladderAt();
    ladder.look([gaugeOf({ used: 95 })]);
    for (let at = 1000; at < 60_000; at += 1000) {
      time.run(at);
      ladder.look([gaugeOf({ used: Number.NaN })]);
    }
    expect(ladder.step).toBe("emergency");
  });

  it("holds the fuller of two gauges of one name", () => {
    const { time, ladder } = ladderAt();
    for (let at = 0; at < 60_000; at += 1000) {
      time.run(at);
      ladder.look([gaugeOf({ used: 95, source: "policy" }), gaugeOf({ used: 10 })]);
    }
    expect(stepsOf(ladder.record).length).toBe(3);
    expect(ladder.standings).toMatchObject([{ use: 0.95, step: "emergency" }]);
  });

  it("has thresholds of its own for what names them, the nearest name first", () => {
    const late = { warned: 0.6, saving: 0.8, emergency: 0.95 };
    const { ladder } = ladderAt({ quotas: { requests: { warned: 0.7 }, "requests day": late } });
    ladder.look([gaugeOf({ used: 65 }), gaugeOf({ name: "day", used: 65 }), gaugeOf({ unit: "tokens", used: 65 })]);
    expect(ladder.standings.map(({ step }) => step)).toEqual(["calm", "warned", "warned"]);
  });

  it("remembers so many events", () => {
    const { time, ladder } = ladderAt({ record: 4, calmMs: 0 });
    for (let at = 0; at < 20_000; at += 1000) {
      time.run(at);
      ladder.look([gaugeOf({ unit: "memory-bytes", shape: "held", windowMs: undefined, used: at % 4000 === 0 ? 60 : 0 })]);
    }
    expect(ladder.record.length).toBe(4);
  });

  it.each([
    [{ margins: 1 }, /no option "margins"/],
    [{ margin: Number.NaN }, /margin is NaN/],
    [{ calmMs: -1 }, /calmMs is -1/],
    [{ thresholds: { warned: 0.8 } }, /thresholds are 0.8, 0.75/],
    [{ thresholds: { warnings: 0.8 } }, /no option "warnings"/],
    [{ thresholds: { warned: 0.01 } }, /margin/],
    [{ quotas: { requests: { saving: 0.95 } } }, /"requests"/],
  ])("refuses %o", (settings, message) => {
    expect(() => ladderAt(settings as LadderSettings)).toThrow(message);
  });
});

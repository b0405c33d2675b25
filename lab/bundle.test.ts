import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { RecordedInput } from "../packages/perdure/src/host/input-ring.ts";
import { BUNDLE_FORMAT, type InputBundle } from "../packages/perdure/src/protocol/incidents/input-bundle.ts";
import type { Life } from "../packages/perdure/src/protocol/incidents/input-keeper.ts";
import { around, lookAround } from "./around.ts";
import { scenarioOf } from "./bundle.ts";
import { readScenario, writeScenario } from "./scenario.ts";
import { readReplay } from "./wishes.ts";

const BEGAN_MS = 1_700_000_000_000;

function bundle(role: "agent" | "relay", lives: readonly Life[], settings: InputBundle["settings"] = []): InputBundle {
  return { format: BUNDLE_FORMAT, role, wire: 1, madeAtMs: 0, lives, settings, external: [], contradictions: [], incidents: [] };
}

function life(beganMs: number, lastMs: number, closed: boolean, inputs: readonly RecordedInput[]): Life {
  return { beganMs: BEGAN_MS + beganMs, lastMs: BEGAN_MS + lastMs, closed, inputs };
}

const fact = (atMs: number, event: string, more: Readonly<Record<string, string | number | boolean>> = {}): RecordedInput => ({
  atMs,
  what: "fact",
  event,
  ...more,
});

describe("of an agent", () => {
  const of = (...inputs: readonly RecordedInput[]) => scenarioOf(bundle("agent", [life(0, 20_000, true, inputs)]), 1);

  test("who it wrote to and who wrote to it are people of the town, with letters of the same sizes at the same times", () => {
    const { relays, agents, traffic, minutes } = of(
      fact(1000, "agent.queued", { id: "a", to: "p1", bytes: 700 }),
      fact(3000, "agent.received", { id: "b", from: "p2", bytes: 90, parts: 1 }),
      fact(3500, "agent.received", { id: "b", from: "p2", bytes: 90, parts: 1 }),
      fact(4000, "agent.queued", { id: "c", to: "p1", bytes: 5 }),
    );
    expect({ relays, agents }).toEqual({ relays: 1, agents: 3 });
    expect(traffic).toEqual([
      { atMs: 3000, from: "anna", to: "desk", sizeBytes: 700 },
      { atMs: 5000, from: "carl", to: "anna", sizeBytes: 90 },
      { atMs: 6000, from: "anna", to: "desk", sizeBytes: 5 },
    ]);
    expect(minutes * 60).toBeCloseTo(27, 0);
  });

  test.each([
    ["a line that broke and was there again", [], "cut", "anna"],
    ["a relay that was gone", [{ atMs: 5100, what: "not-dialled", code: "relay-unreachable" }], "relay-kill", "relay-0"],
    ["a relay out of reach", [{ atMs: 8100, what: "not-dialled", code: "timed-out" }], "partition", "anna"],
  ] as const)("%s", (_, between, kind, host) => {
    const { faults } = of(
      { atMs: 100, what: "dialled", connection: 1 },
      { atMs: 5000, what: "closed", connection: 1, by: "lost" },
      ...between,
      { atMs: 9000, what: "dialled", connection: 2 },
    );
    expect(faults).toMatchObject([{ atMs: 7000, kind, host, durationMs: 4000 }]);
  });

  test("a silence it ended itself is a stalled line, any other end of its own is nothing", () => {
    const closed = { atMs: 5000, what: "closed", connection: 1, by: "here" };
    expect(of(closed).faults).toEqual([]);
    expect(of(fact(4999, "agent.apart", { code: "timed-out" }), closed).faults).toMatchObject([{ kind: "stall", other: "relay-0" }]);
  });

  test("disks, clocks and machines that hold a process up", () => {
    const { faults } = of(
      { atMs: 1000, what: "disk-failed", op: "sync", code: "disk-failed", tookMs: 1 },
      { atMs: 2000, what: "disk-failed", op: "write", code: "disk-full", tookMs: 1 },
      { atMs: 3000, what: "disk-slow", op: "sync", tookMs: 600 },
      { atMs: 4000, what: "clock-jump", byMs: -5000 },
      { atMs: 5000, what: "late", byMs: 4000 },
      { atMs: 6000, what: "late", byMs: 300 },
    );
    expect(faults?.map(({ kind, amount }) => [kind, amount])).toEqual([
      ["sync-fails", 0],
      ["disk-full", 0],
      ["slow-disk", 1],
      ["wall-jump", 0.25],
      ["pause", 0.5],
    ]);
  });

  test("a process that was killed is killed, hours without anything are half a minute, and only the last minutes are replayed", () => {
    const hour = 3_600_000;
    const lives = [
      life(0, 1000, false, [fact(500, "agent.opened")]),
      life(hour, hour + 2000, false, [fact(500, "agent.opened")]),
      life(hour + 9000, hour + 70_000, true, [fact(100, "agent.opened"), fact(60_000, "agent.closed")]),
    ];
    const { faults, minutes } = scenarioOf(bundle("agent", lives), 1);
    expect(faults).toMatchObject([{ kind: "agent-kill", host: "anna", durationMs: 5000 }]);
    expect(minutes).toBeLessThan(1.5);
  });
});

describe("of a relay", () => {
  const inputs: readonly RecordedInput[] = [
    { atMs: 0, what: "accepted", connection: 1 },
    fact(10, "relay.attached", { agent: "p1" }),
    { atMs: 100, what: "accepted", connection: 2 },
    fact(110, "relay.attached", { agent: "p2" }),
    fact(1000, "relay.mail-appended", { class: "mail", id: "m1", agent: "p2", from: "p1", author: "p1", bytes: 1700 }),
    fact(1500, "relay.mail-appended", { class: "receipt", id: "r1", agent: "p1", from: "p2", author: "p2", bytes: 900 }),
    { atMs: 2000, what: "closed", connection: 2, by: "lost" },
    { atMs: 3000, what: "accepted", connection: 3 },
    fact(3010, "relay.attached", { agent: "p2" }),
    { atMs: 5000, what: "closed", connection: 1, by: "there" },
    { atMs: 5500, what: "accepted", connection: 4 },
    fact(5510, "relay.attached", { agent: "p1" }),
  ];

  test("mail it took, agents that lost their line, and those that began anew", () => {
    const { traffic, faults, agents } = scenarioOf(bundle("relay", [life(0, 9000, true, inputs)]), 1);
    expect(agents).toBe(2);
    expect(traffic).toEqual([{ atMs: 3000, from: "anna", to: "desk", sizeBytes: 1000 }]);
    expect(faults).toMatchObject([
      { atMs: 4000, kind: "cut", host: "desk", other: "relay-0" },
      { atMs: 7000, kind: "agent-kill", host: "anna", durationMs: 510 },
    ]);
  });

  test("what other relays brought comes from elsewhere", () => {
    const lives = [
      life(0, 9000, true, [
        fact(10, "relay.attached", { agent: "p1" }),
        fact(20, "relay.peer-open", { peer: "q1" }),
        fact(1000, "relay.mail-appended", { class: "mail", id: "m1", agent: "p1", from: "q1", bytes: 900 }),
        fact(2000, "relay.mail-appended", { class: "mail", id: "m2", agent: "q1", from: "p1", author: "p1", to: "p9", bytes: 900 }),
      ]),
    ];
    const { relays, traffic } = scenarioOf(bundle("relay", lives), 1);
    expect(relays).toBe(2);
    expect(traffic?.map(({ from, to }) => [from, to])).toEqual([
      ["desk", "anna"],
      ["anna", "desk"],
    ]);
  });

  test("settings somebody had set are those of the town; it runs, and nothing breaks without a mistake", async () => {
    const settings = [
      { name: "ackTimeoutMs", value: 1500, unit: "ms", origin: "flag" },
      { name: "redialMaxMs", value: 60_000, unit: "ms", origin: "default" },
    ];
    const text = JSON.stringify(bundle("relay", [life(0, 9000, true, inputs)], settings));
    const scenario = readReplay(text);
    expect(scenario.settings).toEqual({ ackTimeoutMs: 1500 });
    expect(await lookAround(scenario, 1, { threads: 1 })).toEqual({ tried: 2, found: undefined });
  }, 60_000);
});

test("what one relay of two told of real processes is enough to find the mistake they had, and nothing without it", async () => {
  const text = readFileSync(new URL("bundles/settled-before-it-is-kept.json", import.meta.url), "utf8");
  const scenario = readReplay(text);
  const { found } = await lookAround({ ...scenario, plant: "settled-before-it-is-kept" }, 0, { threads: 1 });
  expect(found?.result.broken?.invariant).toBe("4 release");
  expect((await lookAround(scenario, 0, { threads: 1 })).found).toBe(undefined);
}, 60_000);

describe("around", () => {
  const scenario = scenarioOf(
    bundle("agent", [
      life(0, 20_000, true, [fact(1000, "agent.queued", { id: "a", to: "p1", bytes: 700 }), { atMs: 5000, what: "closed", by: "lost" }]),
    ]),
    1,
  );

  test("variant 0 is the scenario itself; every other is the same each time, another one than its neighbours, and a scenario", () => {
    expect(around(scenario, 0)).toEqual(scenario);
    const variants = Array.from({ length: 20 }, (_, index) => around(scenario, index + 1));
    expect(variants).toEqual(Array.from({ length: 20 }, (_, index) => around(scenario, index + 1)));
    expect(new Set(variants.map((each) => writeScenario(each))).size).toBe(20);
    for (const each of variants) expect(readScenario(writeScenario(each))).toEqual(each);
  });
});

import { describe, expect, test } from "vitest";
import { createDraws } from "../../host/simulated/index.ts";
import { createLifetimes, type EndedLine, type LimitKind } from "./lifetimes.ts";
import { culpritsOf, limitText } from "./limit-culprits.ts";
import { type LineWorld, liveThrough } from "./test-lines.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NIGHT_MS = 1_760_000_000_000 - (1_760_000_000_000 % DAY);

const chances = (seed: number): (() => number) => {
  const draws = createDraws(`lines ${seed}`);
  return () => draws.below(2 ** 30) / 2 ** 30;
};
const live = (seed: number, world: Omit<LineWorld, "random">): ReturnType<typeof liveThrough> =>
  liveThrough({ random: chances(seed), ...world });
const found = (said: ReturnType<typeof liveThrough>): ReturnType<typeof liveThrough> => said.filter(({ change }) => change === "found");

function ended(other: Partial<EndedLine>): EndedLine {
  const ageMs = other.ageMs ?? HOUR;
  return {
    path: "there",
    lost: true,
    endedAtMs: NIGHT_MS,
    ageMs,
    aliveMs: ageMs,
    deadMs: ageMs,
    quietMs: 7 * SECOND,
    unasked: true,
    longestQuietMs: 15 * SECOND,
    broke: true,
    endedHere: false,
    slept: false,
    ...other,
  };
}

/** Every line opens a second after the one before it ended. */
function inARow(ages: readonly number[], other: Partial<EndedLine> = {}): readonly EndedLine[] {
  let atMs = NIGHT_MS + 5 * HOUR;
  return ages.map((ageMs) => {
    atMs += ageMs + SECOND;
    return ended({ ageMs, endedAtMs: atMs, ...other });
  });
}

function judged(lines: readonly EndedLine[]): readonly string[] {
  const lifetimes = createLifetimes();
  for (const line of lines) lifetimes.ended(line);
  return lifetimes.findings.map(({ kind, state }) => `${state} ${kind}`);
}

const THREE = [47 * MINUTE, 47 * MINUTE + 20, 47 * MINUTE - 30];

describe("a limit of the way", () => {
  test.each([
    ["age", 47 * MINUTE, true, 3],
    ["age", 47 * MINUTE, false, 3.5],
    ["age", MINUTE, true, 0.2],
    ["age", 6 * HOUR, true, 40],
    ["idle", 350 * SECOND, true, 1],
  ] as const)("of kind %s and %i ms, told by a reset: %s, is found within %d h", (kind: LimitKind, valueMs, resets, hours) => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = { limit: { kind, valueMs }, resets, lines: 3, hours, lossEveryMs: 6 * HOUR, untilFound: true };
      const [first] = found(live(seed, { ...world, ...(kind === "idle" ? { pingEveryMs: 10 * MINUTE, mailEveryMs: 5 * MINUTE } : {}) }));
      expect(first?.finding.kind).toBe(kind);
      expect(Math.abs((first?.finding.valueMs ?? 0) - valueMs)).toBeLessThan(resets ? 2 * SECOND : 15 * SECOND);
    }
  });

  test("is found of three lines alike, and of no two", () => {
    expect(judged(inARow(THREE.slice(0, 2)))).toEqual([]);
    expect(judged(inARow(THREE))).toEqual(["found age"]);
  });

  test("is taken back when a line outlives it, dead or alive", () => {
    for (const live of [false, true]) {
      const lifetimes = createLifetimes();
      for (const line of inARow(THREE)) lifetimes.ended(line);
      const old = { aliveMs: HOUR, longestQuietMs: 15 * SECOND };
      const changes = live ? lifetimes.living("there", old, NIGHT_MS) : lifetimes.ended(ended({ lost: false, ageMs: HOUR }));
      expect(changes.map(({ change }) => change)).toEqual(["withdrawn"]);
      expect([lifetimes.findings, lifetimes.advise("there").renewBeforeMs]).toEqual([[], undefined]);
    }
  });

  test("of one path is none of another", () => {
    expect(judged(inARow(THREE).map((line, index) => ({ ...line, path: String(index) })))).toEqual([]);
  });

  test("of idleness is suspected of lines that were found dead after every long quiet, and something is sent more often", () => {
    const lifetimes = createLifetimes();
    const late = { unasked: false, quietMs: 10 * MINUTE, aliveMs: 0, deadMs: 10 * MINUTE, longestQuietMs: SECOND };
    for (const line of inARow(
      [645, 645, 645].map((seconds) => seconds * SECOND),
      late,
    ))
      lifetimes.ended(line);
    expect(lifetimes.findings).toMatchObject([{ kind: "idle", state: "suspected" }]);
    expect(lifetimes.advise("there").keepAliveMs).toBe(5 * MINUTE);
    expect(lifetimes.living("there", { aliveMs: 2 * HOUR, longestQuietMs: 5 * MINUTE }, NIGHT_MS + DAY)).toEqual([]);
    expect(lifetimes.living("there", { aliveMs: 20 * HOUR, longestQuietMs: 5 * MINUTE }, NIGHT_MS + DAY)).toMatchObject([
      { change: "found" },
    ]);
  });
});

describe("nothing is found", () => {
  test("of lines lost at random", () => {
    const hours = 60;
    for (const [seed, lossEveryMs] of [10 * MINUTE, 30 * MINUTE, 2 * HOUR].entries())
      for (const resets of [true, false]) expect(found(live(seed, { lines: 3, hours, lossEveryMs, resets }))).toEqual([]);
  });

  test("of ends that somebody named, of a machine that slept, of lines that end together", () => {
    expect(judged(inARow(THREE, { lost: false }))).toEqual([]);
    expect(judged(inARow(THREE, { slept: true }))).toEqual([]);
    expect(judged(THREE.map((ageMs) => ended({ ageMs })))).toEqual([]);
  });

  test("of what is started over every night at three, or every hour", () => {
    for (const [period, jitterMs] of [
      [DAY, 40],
      [HOUR, 40],
      [HOUR, 2_000],
    ] as const) {
      let openedAtMs = NIGHT_MS + 3 * HOUR;
      const lines = Array.from({ length: 12 }, (_, night) => {
        const endedAtMs = NIGHT_MS + 3 * HOUR + (night + 1) * period + ((night * 7_919) % jitterMs);
        const ageMs = endedAtMs - openedAtMs;
        openedAtMs = endedAtMs + 500 + ((night * 331) % 1_000);
        return ended({ endedAtMs, ageMs });
      });
      expect(judged(lines)).toEqual([]);
    }
  });

  test("of lines that are found dead by pings, whatever their rhythm", () => {
    const lines = Array.from({ length: 30 }, (_, index) => {
      const deadMs = (20 + ((index * index * 37) % 400)) * 15 * SECOND;
      return { deadMs, aliveMs: deadMs - 15 * SECOND, quietMs: 15 * SECOND, unasked: false, broke: false, endedHere: true };
    });
    const ages = lines.map(({ deadMs }) => deadMs + 45 * SECOND);
    expect(judged(inARow(ages).map((line, index) => ({ ...line, ...lines[index] })))).toEqual([]);
  });
});

test("names whose value fits, and says so in one line", () => {
  const finding = {
    path: "wss://relay.example",
    kind: "idle",
    valueMs: 350_040,
    errorMs: 100,
    occurrences: 3,
    confidence: 1,
    state: "found",
    foundAtMs: 0,
  } as const;
  const own = [
    { name: "proxyMaxAgeMs", valueMs: 350_000, origin: "file" },
    { name: "other", valueMs: 360_000, origin: "default" },
  ];
  const culprits = culpritsOf(finding, own);
  expect(culprits.map(({ name }) => name)).toEqual(["proxyMaxAgeMs", "awsNetworkBalancerIdleMs"]);
  expect(limitText({ ...finding, culprits: culprits.slice(0, 1) })).toBe(
    "lines to wss://relay.example end after 5.8 min of quiet; that is the value of proxyMaxAgeMs (file)",
  );
  expect(culpritsOf({ ...finding, kind: "age" }, own).map(({ name }) => name)).toEqual(["proxyMaxAgeMs"]);
});

import { describe, expect, it } from "vitest";
import { frameLines, type Style } from "./frame.ts";
import { amountText, spanText, windowText } from "./quantity.ts";
import { openScreen } from "./screen.ts";
import { NO_TOTALS, type PartitionView, type QuotaView, type Snapshot, snapshotFrom } from "./snapshot.ts";

const same = (text: string): string => text;
const PLAIN: Style = { strong: same, faint: same, good: same, warn: same, bad: same };

const QUOTA: QuotaView = {
  unit: "requests",
  name: "requests",
  limit: 600,
  windowMs: 60_000,
  shape: "bucket",
  used: 150,
  waiting: 3,
  available: 450,
  resetInMs: 15_000,
  source: "header",
  confidence: 0.95,
  chargesRefused: undefined,
  runsOutInMs: 42_000,
};
const PARTITION: PartitionView = {
  name: "https://api.example.com 01234567 large",
  waiting: 12_345,
  underWay: 987,
  mostUnderWay: 1000,
  perSecond: 123.4,
  breaker: "half-open",
  pausedMs: 61_000,
  totals: { ...NO_TOTALS, answered: 1_234_567, refused: 999 },
  quotas: [
    QUOTA,
    { ...QUOTA, unit: "output-tokens", name: "a name that is long", limit: 123_456_789, runsOutInMs: undefined, confidence: 1 },
  ],
};
const SNAPSHOT: Snapshot = {
  upMs: 200_000,
  targets: ["https://api.example.com"],
  shared: [{ name: "*", quotas: [{ ...QUOTA, source: "policy" }] }],
  partitions: [PARTITION],
};

function lettersOf(line: string): number {
  return [...line].length;
}

describe("a frame", () => {
  it("is no wider than the terminal, with the widest of numbers", () => {
    for (const columns of [80, 100, 120, 200])
      for (const line of frameLines(SNAPSHOT, "http://127.0.0.1:8790", columns, PLAIN))
        expect(lettersOf(line), line).toBeLessThanOrEqual(columns);
  });

  it("shows of a quota what is left, of how much, in which time, when it is whole and when it is gone, and who says so", () => {
    const lines = frameLines(SNAPSHOT, "here", 80, PLAIN);
    const row = lines.filter((line) => line.includes("header 95 %"))[0] ?? "";
    expect(row.replace(/\s+/g, " ").trim()).toBe("requests ███████▌·· 450 600 1 min 15 s 42 s header 95 %");
    expect(lines.join("\n")).toContain("of the policy, for everything");
    expect(lines.join("\n")).toContain("breaker half-open");
  });

  it("has a bar of one length, from nothing to all", () => {
    const barOf = (available: number): string => {
      const lines = frameLines(
        { ...SNAPSHOT, shared: [], partitions: [{ ...PARTITION, quotas: [{ ...QUOTA, available }] }] },
        "",
        80,
        PLAIN,
      );
      return /[█▏▎▍▌▋▊▉·]+/.exec(lines.at(-1) ?? "")?.[0] ?? "";
    };
    expect(barOf(0)).toMatch(/^·+$/);
    expect(barOf(600)).toMatch(/^█+$/);
    expect(barOf(1e9)).toMatch(/^█+$/);
    expect(barOf(-5)).toMatch(/^·+$/);
    expect(new Set([0, 1, 100, 299, 300, 599, 600].map((available) => barOf(available).length)).size).toBe(1);
  });

  it("says what there is to do where nothing was called", () => {
    expect(frameLines({ ...SNAPSHOT, shared: [], partitions: [] }, "here", 80, PLAIN).at(-1)).toBe("No call came yet.");
  });
});

describe("what comes from a proxy", () => {
  it("is the same when it was sent", () => {
    expect(snapshotFrom(JSON.parse(JSON.stringify(SNAPSHOT)))).toEqual(SNAPSHOT);
  });

  it("moves no cursor and rings no bell, whatever names it has", () => {
    const hostile = "\u001b[2J\u0007\u202e\r\n\u009b31m";
    const quotas = [{ ...QUOTA, unit: hostile, name: hostile, source: hostile, shape: hostile }];
    const shown = frameLines(
      snapshotFrom({ targets: [hostile], shared: [{ name: hostile, quotas }], partitions: [{ name: hostile, breaker: hostile, quotas }] }),
      "here",
      80,
      PLAIN,
    );
    expect(shown.join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it.each([undefined, null, 7, "x", [], {}, { partitions: 7 }, "<html>"])("is refused where it is %j", (value) => {
    expect(() => snapshotFrom(value)).toThrow("no proxy of pace");
  });

  it("is shown as far as it makes sense", () => {
    const odd = { partitions: [null, 7, { name: 7, waiting: "x", quotas: [null, { limit: "1", available: null }] }] };
    expect(() => frameLines(snapshotFrom(odd), "here", 80, PLAIN)).not.toThrow();
  });
});

describe("a screen", () => {
  it("leaves the terminal as it was, once", () => {
    let written = "";
    const screen = openScreen((text) => {
      written += text;
    });
    screen.draw(["one", "two", "three"], 2);
    screen[Symbol.dispose]();
    screen[Symbol.dispose]();
    screen.draw(["late"], 2);
    expect(written.endsWith("\u001b[?25h\u001b[?7h\u001b[?1049l")).toBe(true);
    expect(written.match(/\?1049l/g)?.length).toBe(1);
    expect(written).toContain("two");
    expect(written).not.toMatch(/three|late/);
  });

  it("draws a frame over the one before in one piece, without clearing first", () => {
    const written: string[] = [];
    const screen = openScreen((text) => void written.push(text));
    screen.draw(["one"], 5);
    expect(written[1]).toBe("\u001b[?2026h\u001b[Hone\u001b[K\u001b[J\u001b[?2026l");
    screen[Symbol.dispose]();
  });
});

describe("quantities", () => {
  it.each([
    [0, "0"],
    [0.25, "0.25"],
    [0.5, "0.5"],
    [0.996, "1.0"],
    [0.994, "0.99"],
    [0.0996, "0.1"],
    [0.012, "0.012"],
    [0.000_42, "0.0004"],
    [1.1e-17, "0"],
    [9.94, "9.9"],
    [20.7, "21"],
    [9999, "9999"],
    [24_500, "24.5k"],
    [200_000, "200k"],
    [99_999, "100k"],
    [999_999, "1M"],
    [1_500_000, "1.5M"],
    [Number.POSITIVE_INFINITY, "∞"],
  ])("%d is %s", (amount, text) => {
    expect(amountText(amount)).toBe(text);
  });

  it.each([
    [undefined, "–"],
    [0, "0 s"],
    [400, "0.4 s"],
    [12_000, "12 s"],
    [180_000, "3 min"],
    [18_000_000, "5 h"],
    [259_200_000, "3 days"],
  ])("%d ms are %s", (ms, text) => {
    expect(spanText(ms)).toBe(text);
  });

  it("has whole names of windows", () => {
    expect([1000, 60_000, 300_000, 3_600_000, 86_400_000, 90_000].map(windowText)).toEqual(["1 s", "1 min", "5 min", "1 h", "1 d", "90 s"]);
  });
});

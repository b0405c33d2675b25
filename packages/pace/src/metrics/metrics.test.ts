import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PaceEvent } from "../event.ts";
import { createPace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createProvider } from "../testing/provider.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { createMetrics } from "./metrics.ts";
import { textOf } from "./text-format.ts";

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the format as its specification says, and refuses what it does not allow. */
function read(text: string): { readonly kinds: ReadonlyMap<string, string>; readonly samples: readonly Sample[] } {
  expect(text === "" || text.endsWith("\n")).toBe(true);
  const kinds = new Map<string, string>();
  const samples: Sample[] = [];
  let family = "";
  for (const line of text.split("\n").slice(0, -1)) {
    const help = /^# HELP ([a-zA-Z_:][\w:]*) ([^\n]*)$/.exec(line);
    const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram)$/.exec(line);
    if (help !== null) family = help[1] ?? "";
    else if (type !== null) {
      expect(type[1]).toBe(family);
      // All of a family stand together.
      expect(kinds.has(family)).toBe(false);
      kinds.set(family, type[2] ?? "");
    } else {
      const [, name = "", pairs, value = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/s.exec(line) ?? [];
      expect(name, line).not.toBe("");
      expect(kinds.get(family) === "histogram" ? name.replace(/_(bucket|sum|count)$/, "") : name).toBe(family);
      samples.push({ name, labels: labelsOf(pairs ?? ""), value: value === "+Inf" ? Number.POSITIVE_INFINITY : Number(value) });
    }
  }
  const keys = samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
  expect(new Set(keys).size).toBe(keys.length);
  return { kinds, samples };
}

function labelsOf(pairs: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = pairs;
  while (rest !== "") {
    const [whole = "", name = "", value = ""] = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)/s.exec(rest) ?? [];
    expect(whole, `at ${rest}`).not.toBe("");
    labels[name] = value.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
    rest = rest.slice(whole.length);
  }
  return labels;
}

const NOTHING = { state: () => new Map(), gauges: () => [] };

function left(partition: string, waitedMs = 0): PaceEvent {
  return { kind: "left", partition, class: "normal", nth: 1, waitedMs };
}

describe("metrics", () => {
  it("are a text that Prometheus reads, of all that happens in a pace", async () => {
    const time = createVirtualTime();
    const metrics = createMetrics();
    const provider = createProvider(time, seededRandom(3), { tells: "levels", perSecond: () => 2, burst: 10 });
    const pace = createPace({ deadlineMs: 20_000 }, { clock: time, random: seededRandom(7), fetch: provider.fetch, watch: metrics.watch });
    for (let nth = 0; nth < 100; nth++) pace.fetch("https://api.example.com/").catch(() => undefined);
    await time.runSettled(15_000);
    const { kinds, samples } = read(metrics.text(pace));
    expect(kinds.get("pace_wait_seconds")).toBe("histogram");
    const sum = (name: string): number => samples.filter((each) => each.name === name).reduce((all, { value }) => all + value, 0);
    expect(sum("pace_attempts_total")).toBe(sum("pace_attempts_ended_total") + sum("pace_under_way_calls"));
    expect(sum("pace_attempts_total") + sum("pace_waiting_calls") + sum("pace_turned_away_total")).toBe(100);
    expect(sum("pace_quota_limit_units")).toBe(120);
    expect(samples.find(({ name, labels }) => name === "pace_breaker_state" && labels["state"] === "closed")?.value).toBe(1);
    pace.close();
  });

  it("count a wait in every bucket that it does not pass", () => {
    const metrics = createMetrics();
    for (const waitedMs of [0, 1, 100, 3000, 1_000_000]) metrics.watch(left("a", waitedMs));
    const { samples } = read(metrics.text(NOTHING));
    const bucket = (le: string): number | undefined =>
      samples.find(({ name, labels }) => name === "pace_wait_seconds_bucket" && labels["le"] === le)?.value;
    expect([bucket("0.001"), bucket("0.1"), bucket("2.5"), bucket("5"), bucket("600"), bucket("+Inf")]).toEqual([2, 3, 3, 4, 4, 5]);
    expect(samples.find(({ name }) => name === "pace_wait_seconds_sum")?.value).toBeCloseTo(1003.101);
  });

  it("have a bounded number of series, however many keys and models are called", () => {
    const metrics = createMetrics({ mostPartitions: 3 });
    for (let nth = 0; nth < 1000; nth++) metrics.watch(left(`https://api.example.com ${nth}`));
    const partitions = read(metrics.text(NOTHING)).samples.filter(({ name }) => name === "pace_attempts_total");
    expect(partitions.map(({ value }) => value)).toEqual([1, 1, 1, 997]);
    expect(partitions.at(-1)?.labels["partition"]).toBe("(others)");
  });

  it("tell any name of a partition as it is, whatever letters it has", () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(fc.constantFrom('"', "\\", "\n", "\r", ",", "}", "n"), fc.string({ unit: "binary", minLength: 1, maxLength: 1 })),
          maxLength: 30,
        }),
        (partition) => {
          const metrics = createMetrics();
          metrics.watch(left(partition));
          expect(read(metrics.text(NOTHING)).samples[0]?.labels["partition"]).toBe(partition.toWellFormed());
        },
      ),
    );
  });

  it("tell one series of quotas that a service gives another name with each answer", () => {
    const gauge = {
      partition: "a",
      unit: "requests",
      limit: 10,
      windowMs: 60_000,
      shape: "window",
      used: 0,
      waiting: 0,
      available: 1,
    } as const;
    const more = { resetInMs: 1, source: "header", confidence: 1, chargesRefused: undefined } as const;
    const gauges = () => [1, 2, 3].map((name) => ({ ...gauge, ...more, name: String(name) }));
    const text = createMetrics().text({ state: () => new Map(), gauges });
    expect(read(text).samples.filter(({ name }) => name === "pace_quota_limit_units").length).toBe(1);
  });

  it("refuse to tell of no pace", () => {
    expect(() => createMetrics().text(undefined as never)).toThrow(expect.objectContaining({ code: "bad-argument" }));
  });

  it("refuse options that they do not have", () => {
    expect(() => createMetrics({ mostPartition: 1 } as object)).toThrow(/no option "mostPartition"/);
    expect(() => createMetrics({ mostPartitions: Number.NaN })).toThrow(/mostPartitions is NaN/);
  });
});

describe("the text format", () => {
  it("leaves out families of which nothing is known, and writes what is no finite number in its words", () => {
    const family = { help: "a\nb", kind: "gauge" } as const;
    expect(textOf([{ ...family, name: "none", series: [] }])).toBe("");
    const values = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    expect(textOf([{ ...family, name: "x", series: values.map((value, at) => ({ labels: { at: String(at) }, value })) }])).toBe(
      '# HELP x a\\nb\n# TYPE x gauge\nx{at="0"} +Inf\nx{at="1"} -Inf\nx{at="2"} NaN\n',
    );
  });
});

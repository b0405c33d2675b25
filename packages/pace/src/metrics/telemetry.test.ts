import { describe, expect, it } from "vitest";
import { createPace } from "../pace.ts";
import { seededRandom } from "../testing/draws.ts";
import { createProvider } from "../testing/provider.ts";
import { createVirtualTime } from "../testing/virtual-time.ts";
import { type Attributes, createTelemetry, type MeterPort, type TracerPort } from "./telemetry.ts";

type Observer = Parameters<ReturnType<MeterPort["createObservableGauge"]>["addCallback"]>[0];

interface Recorded {
  readonly name: string;
  readonly value: number;
  readonly attributes: Attributes | undefined;
}

function recordingMeter() {
  const recorded: Recorded[] = [];
  const observers = new Map<Observer, string>();
  const units = new Map<string, string>();
  const note = (name: string) => (value: number, attributes?: Attributes) => void recorded.push({ name, value, attributes });
  const meter: MeterPort = {
    createCounter: (name, { unit }) => {
      units.set(name, unit);
      return { add: note(name) };
    },
    createHistogram: (name, { unit }) => {
      units.set(name, unit);
      return { record: note(name) };
    },
    createObservableGauge: (name, { unit }) => {
      units.set(name, unit);
      return {
        addCallback: (observer) => void observers.set(observer, name),
        removeCallback: (observer) => void observers.delete(observer),
      };
    },
  };
  const collect = (): readonly Recorded[] => {
    const seen: Recorded[] = [];
    for (const [observer, name] of observers) observer({ observe: (value, attributes) => void seen.push({ name, value, attributes }) });
    return seen;
  };
  return { meter, recorded, units, collect };
}

interface Span {
  readonly name: string;
  readonly startTime: number;
  readonly attributes: Attributes;
  endTime: number;
  isError: boolean;
}

function recordingTracer(): { readonly tracer: TracerPort; readonly spans: readonly Span[] } {
  const spans: Span[] = [];
  const tracer: TracerPort = {
    startSpan: (name, { startTime, attributes }) => {
      const span: Span = { name, startTime, attributes, endTime: Number.NaN, isError: false };
      spans.push(span);
      return {
        setStatus: ({ code }) => {
          span.isError = code === 2;
        },
        end: (endTime) => {
          span.endTime = endTime;
        },
      };
    },
  };
  return { tracer, spans };
}

async function played(tells: "levels" | "nothing") {
  const time = createVirtualTime();
  const meter = recordingMeter();
  const tracer = recordingTracer();
  const telemetry = createTelemetry({ meter: meter.meter, tracer: tracer.tracer, clock: time });
  const provider = createProvider(time, seededRandom(3), { tells, perSecond: () => 3, burst: 3 });
  const pace = createPace({}, { clock: time, random: seededRandom(7), fetch: provider.fetch, watch: telemetry.watch });
  const stop = telemetry.observe(pace);
  for (let nth = 0; nth < 60; nth++) pace.fetch("https://api.example.com/").catch(() => undefined);
  await time.runSettled(12_000);
  return { ...meter, ...tracer, time, pace, stop, provider };
}

describe("telemetry", () => {
  it("records waits and attempts in seconds, and what failed by its kind", async () => {
    const { recorded, units, provider, pace } = await played("nothing");
    expect(provider.refused).toBeGreaterThan(0);
    const attempts = recorded.filter(({ name }) => name === "pace.attempt.duration");
    expect(attempts.filter(({ attributes }) => attributes?.["error.type"] === "refused").length).toBe(provider.refused);
    expect(units.get("pace.attempt.duration")).toBe("s");
    for (const { value } of attempts) expect(value).toBeLessThanOrEqual(0.75);
    expect(attempts[0]?.attributes).toMatchObject({ "server.address": "api.example.com", "pace.class": "normal" });
    pace.close();
  });

  it("makes spans that begin and end when attempts and waits did", async () => {
    const { spans, time, pace, provider } = await played("nothing");
    const attempts = spans.filter(({ name }) => name === "pace attempt");
    expect(attempts.filter(({ isError }) => isError).length).toBe(provider.refused);
    for (const { startTime, endTime } of spans) {
      expect(endTime - startTime).toBeGreaterThan(0);
      expect(endTime).toBeLessThanOrEqual(time.date());
      expect(startTime).toBeGreaterThanOrEqual(time.date() - 12_000);
    }
    pace.close();
  });

  it("tells gauges whenever they are collected, until it is stopped", async () => {
    const { collect, pace, stop } = await played("levels");
    const value = (name: string): number | undefined => collect().find((each) => each.name === name)?.value;
    expect(value("pace.calls.waiting")).toBe([...pace.state().values()][0]?.waiting);
    expect(value("pace.quota.limit")).toBe(180);
    stop();
    expect(collect()).toEqual([]);
    pace.close();
  });

  it("works with a meter alone, and with nothing at all", () => {
    const event = { kind: "answered", partition: "a", class: "normal", tookMs: 5 } as const;
    const { meter, recorded } = recordingMeter();
    createTelemetry({ meter }).watch(event);
    expect(recorded.length).toBe(1);
    expect(() => createTelemetry({}).watch(event)).not.toThrow();
  });
});

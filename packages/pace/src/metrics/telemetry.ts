/**
 * What happens in a pace for OpenTelemetry: instruments of a `Meter` and spans of a `Tracer` that the program has. Neither is imported; both are what
 * `@opentelemetry/api` hands out. Names and units are as its semantic conventions ask: dots between names, UCUM units, `server.address`, `error.type`.
 *
 *   const telemetry = createTelemetry({ meter: metrics.getMeter("pace"), tracer: trace.getTracer("pace") });
 *   const pace = createPace(policy, { watch: telemetry.watch });
 *   telemetry.observe(pace);
 */
import { checkMethods, checkNames } from "../argument.ts";
import type { PaceEvent } from "../event.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import type { Pace } from "../pace.ts";
import { createPartitionLabels, OTHERS } from "./partition-labels.ts";

export type Attributes = Record<string, string | number | boolean>;

interface Described {
  readonly description: string;
  readonly unit: string;
}

interface ObservableResult {
  observe(value: number, attributes?: Attributes): void;
}

type Observer = (result: ObservableResult) => void;

/** What is used of a `Meter`. */
export interface MeterPort {
  createCounter(name: string, options: Described): { add(value: number, attributes?: Attributes): void };
  createHistogram(name: string, options: Described): { record(value: number, attributes?: Attributes): void };
  createObservableGauge(
    name: string,
    options: Described,
  ): { addCallback(observer: Observer): void; removeCallback(observer: Observer): void };
}

/** What is used of a `Tracer`. Times are milliseconds since 1970. */
export interface TracerPort {
  startSpan(
    name: string,
    options: { readonly kind: number; readonly startTime: number; readonly attributes: Attributes },
  ): { setStatus(status: { readonly code: number }): unknown; end(endTime: number): void };
}

export interface TelemetryPorts {
  readonly meter?: MeterPort | undefined;
  readonly tracer?: TracerPort | undefined;
  readonly clock?: Clock | undefined;
}

export interface Telemetry {
  /** For `PacePorts.watch`. */
  readonly watch: (event: PaceEvent) => void;
  /** Gauges are read of it whenever they are collected, until what is returned is called. */
  observe(pace: Pick<Pace, "state" | "gauges">): () => void;
}

/** `SpanKind.INTERNAL`, `SpanKind.CLIENT`, `SpanStatusCode.ERROR`. */
const INTERNAL = 0;
const CLIENT = 2;
const ERROR = 2;
/** As in Prometheus' text: names of partitions are chosen by callers. */
const MOST_PARTITIONS = 200;
/** A wait that nobody notices has no span. */
const LEAST_SPAN_MS = 1;

/** Throws `bad-argument`. */
export function createTelemetry(ports: TelemetryPorts): Telemetry {
  checkNames("telemetry", ports, ["meter", "tracer", "clock"]);
  const { meter, tracer, clock = systemClock } = ports;
  if (meter !== undefined) checkMethods("meter", meter, ["createCounter", "createHistogram", "createObservableGauge"]);
  if (tracer !== undefined) checkMethods("tracer", tracer, ["startSpan"]);
  checkMethods("clock", clock, ["now", "date", "wake"]);
  const names = createPartitionLabels(MOST_PARTITIONS);
  const wait = meter?.createHistogram("pace.wait.duration", { description: "How long calls waited for their turn.", unit: "s" });
  const attempt = meter?.createHistogram("pace.attempt.duration", { description: "From leaving until an answer began.", unit: "s" });
  const turnedAway = meter?.createCounter("pace.calls.turned_away", { description: "Calls that did not leave.", unit: "{call}" });
  const used = meter?.createCounter("pace.quota.usage", { description: "What answers took of quotas.", unit: "{unit}" });
  const turns = meter?.createCounter("pace.breaker.turns", { description: "Times that a breaker came into a state.", unit: "{turn}" });

  const attributesOf = (partition: string): Attributes => {
    const name = names.of(partition);
    const [origin = ""] = name.split(" ", 1);
    return { "pace.partition": name, ...(URL.canParse(origin) ? { "server.address": new URL(origin).hostname } : {}) };
  };

  const span = (name: string, kind: number, tookMs: number, attributes: Attributes): void => {
    if (tracer === undefined) return;
    const endTime = clock.date();
    const made = tracer.startSpan(name, { kind, startTime: endTime - tookMs, attributes });
    if (attributes["error.type"] !== undefined) made.setStatus({ code: ERROR });
    made.end(endTime);
  };

  const watch = (event: PaceEvent): void => {
    const of = attributesOf(event.partition);
    if (event.kind === "breaker") return turns?.add(1, { ...of, "pace.breaker.state": event.state });
    const attributes: Attributes = { ...of, "pace.class": event.class };
    switch (event.kind) {
      case "left":
        wait?.record(event.waitedMs / 1000, attributes);
        if (event.waitedMs >= LEAST_SPAN_MS) span("pace wait", INTERNAL, event.waitedMs, { ...attributes, "pace.attempt": event.nth });
        return;
      case "used":
        for (const [unit, units] of Object.entries(event.used)) used?.add(units, { ...attributes, "pace.unit": unit });
        return;
      case "turned-away":
        return turnedAway?.add(1, { ...attributes, "error.type": event.code });
      default: {
        const ended = event.kind === "answered" ? attributes : { ...attributes, "error.type": event.kind };
        attempt?.record(event.tookMs / 1000, ended);
        span("pace attempt", CLIENT, event.tookMs, ended);
      }
    }
  };

  const observe = (pace: Pick<Pace, "state" | "gauges">): (() => void) => {
    const stops: (() => void)[] = [];
    const gauge = (name: string, options: Described, observer: Observer): void => {
      const made = meter?.createObservableGauge(name, options);
      made?.addCallback(observer);
      stops.push(() => made?.removeCallback(observer));
    };
    const ofGates = (name: string, options: Described, value: "waiting" | "underWay" | "perSecond"): void =>
      gauge(name, options, (result) => {
        const sums = new Map<string, number>();
        for (const [partition, state] of pace.state()) {
          const label = names.of(partition);
          sums.set(label, (sums.get(label) ?? 0) + state[value]);
        }
        for (const [partition, sum] of sums) result.observe(sum, attributesOf(partition));
      });
    ofGates("pace.calls.waiting", { description: "Calls that wait for their turn.", unit: "{call}" }, "waiting");
    ofGates("pace.calls.under_way", { description: "Calls that left and have no answer yet.", unit: "{call}" }, "underWay");
    ofGates("pace.rate", { description: "Requests a second that may leave now.", unit: "{call}/s" }, "perSecond");
    const ofQuotas = (name: string, description: string, value: "limit" | "available"): void =>
      gauge(name, { description, unit: "{unit}" }, (result) => {
        for (const quota of pace.gauges()) {
          if (names.of(quota.partition) === OTHERS) continue;
          const { unit, source, windowMs } = quota;
          result.observe(quota[value], {
            ...attributesOf(quota.partition),
            "pace.unit": unit,
            "pace.quota.source": source,
            ...(windowMs === undefined ? {} : { "pace.quota.window": windowMs / 1000 }),
          });
        }
      });
    ofQuotas("pace.quota.limit", "Units that a window has.", "limit");
    ofQuotas("pace.quota.available", "Units that may be spent at this moment.", "available");
    return () => {
      for (const stop of stops) stop();
    };
  };

  return { watch, observe };
}

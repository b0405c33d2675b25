/**
 * What happens in a pace as counters, and how it stands as gauges, in the text that Prometheus reads.
 *
 *   const metrics = createMetrics();
 *   const pace = createPace(policy, { watch: metrics.watch });
 *   server.get("/metrics", () => metrics.text(pace));
 */
import { checkMethods, checkNames, checkWhole } from "../argument.ts";
import type { PaceEvent } from "../event.ts";
import type { Pace } from "../pace.ts";
import type { PartitionState } from "../partition-state.ts";
import type { Gauge } from "../quota/gauge.ts";
import { createHistogram, type Histogram } from "./histogram.ts";
import { createPartitionLabels, OTHERS } from "./partition-labels.ts";
import { type Family, type Labels, type Series, TEXT_FORMAT_TYPE, textOf } from "./text-format.ts";

export interface Metrics {
  /** For `PacePorts.watch`. */
  readonly watch: (event: PaceEvent) => void;
  /** All of it, at this moment. Throws `bad-argument` without a pace. */
  text(pace: Pick<Pace, "state" | "gauges">): string;
  readonly contentType: string;
}

export interface MetricsOptions {
  /** Partitions that have a name of their own in labels; 200 unless said. Others are counted together. */
  readonly mostPartitions?: number | undefined;
}

const MOST_PARTITIONS = 200;
/** Seconds. A call that does not wait, one that a person notices, a minute's window, and the usual deadline. */
const WAIT_BOUNDS = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 600];
/** Until an answer begins. */
const ANSWER_BOUNDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const BREAKER_STATES = ["closed", "half-open", "open"] as const;

/** Throws `bad-argument`. */
export function createMetrics(options: MetricsOptions = {}): Metrics {
  checkNames("metrics", options, ["mostPartitions"]);
  const { mostPartitions = MOST_PARTITIONS } = options;
  checkWhole("mostPartitions", mostPartitions, 0);
  const names = createPartitionLabels(mostPartitions);
  const left = createCounters();
  const ended = createCounters();
  const turnedAway = createCounters();
  const used = createCounters();
  const turns = createCounters();
  const waits = createHistograms(WAIT_BOUNDS);
  const answers = createHistograms(ANSWER_BOUNDS);

  const watch = (event: PaceEvent): void => {
    const partition = names.of(event.partition);
    if (event.kind === "breaker") return turns.add({ partition, state: event.state });
    const labels = { partition, class: event.class };
    switch (event.kind) {
      case "left":
        left.add({ ...labels, attempt: event.nth === 1 ? "first" : "again" });
        return waits.add(labels, event.waitedMs / 1000);
      case "used":
        for (const [unit, units] of Object.entries(event.used)) used.add({ ...labels, unit }, units);
        return;
      case "turned-away":
        return turnedAway.add({ ...labels, code: event.code });
      case "answered":
        answers.add(labels, event.tookMs / 1000);
    }
    ended.add({ ...labels, outcome: event.kind });
  };

  return {
    watch,
    contentType: TEXT_FORMAT_TYPE,
    text: (pace) => {
      checkMethods("the pace that text is given", pace, ["state", "gauges"]);
      return textOf([
        counter("pace_attempts_total", "Calls that left, first tries and tries again.", left.series()),
        counter("pace_attempts_ended_total", "Of these, how they ended.", ended.series()),
        counter("pace_turned_away_total", "Calls that did not leave, by why.", turnedAway.series()),
        counter("pace_used_units_total", "What answers took of quotas, as far as services tell it.", used.series()),
        counter("pace_breaker_turns_total", "Times that a breaker came into a state.", turns.series()),
        {
          name: "pace_wait_seconds",
          help: "How long calls waited for their turn.",
          kind: "histogram",
          bounds: WAIT_BOUNDS,
          series: waits.series(),
        },
        {
          name: "pace_answer_seconds",
          help: "From leaving until an answer began.",
          kind: "histogram",
          bounds: ANSWER_BOUNDS,
          series: answers.series(),
        },
        ...gateFamilies(pace.state(), names.of),
        ...quotaFamilies(pace.gauges(), names.of),
      ]);
    },
  };
}

function counter(name: string, help: string, series: readonly Series[]): Family {
  return { name, help, kind: "counter", series };
}

/** Of gates that have no name of their own the sums are told; the others' sums of what cannot be added are not. */
function gateFamilies(states: ReadonlyMap<string, PartitionState>, nameOf: (partition: string) => string): readonly Family[] {
  const sums = new Map<string, { waiting: number; underWay: number; perSecond: number }>();
  const own: { readonly partition: string; readonly state: PartitionState }[] = [];
  for (const [name, state] of states) {
    const partition = nameOf(name);
    const sum = sums.get(partition) ?? { waiting: 0, underWay: 0, perSecond: 0 };
    sum.waiting += state.waiting;
    sum.underWay += state.underWay;
    sum.perSecond += state.perSecond;
    if (!sums.has(partition) && partition !== OTHERS) own.push({ partition, state });
    sums.set(partition, sum);
  }
  const summed = (name: string, help: string, key: "waiting" | "underWay" | "perSecond"): Family =>
    gauge(
      name,
      help,
      [...sums].map(([partition, sum]) => ({ labels: { partition }, value: sum[key] })),
    );
  const each = (name: string, help: string, of: (state: PartitionState) => number): Family =>
    gauge(
      name,
      help,
      own.map(({ partition, state }) => ({ labels: { partition }, value: of(state) })),
    );
  return [
    summed("pace_waiting_calls", "Calls that wait for their turn.", "waiting"),
    summed("pace_under_way_calls", "Calls that left and have no answer yet.", "underWay"),
    summed("pace_rate_per_second", "Requests a second that may leave now.", "perSecond"),
    each("pace_most_under_way_calls", "Calls that may be under way at once.", ({ mostUnderWay }) => mostUnderWay),
    each("pace_paused_seconds", "Until the pause of all calls ends.", ({ pausedMs }) => pausedMs / 1000),
    gauge(
      "pace_breaker_state",
      "1 for the state that the breaker is in.",
      own.flatMap(({ partition, state: { breaker } }) =>
        BREAKER_STATES.map((state) => ({ labels: { partition, state }, value: breaker === state ? 1 : 0 })),
      ),
    ),
  ];
}

function quotaFamilies(gauges: readonly Gauge[], nameOf: (partition: string) => string): readonly Family[] {
  const seen = new Set<string>();
  const quotas = gauges.flatMap((quota) => {
    const partition = nameOf(quota.partition);
    const { unit, source } = quota;
    // By its window, not by the name that a service gives it: that may be another with each answer.
    const labels: Labels = { partition, unit, source, window_seconds: String((quota.windowMs ?? 0) / 1000) };
    const key = JSON.stringify(labels);
    if (partition === OTHERS || seen.has(key)) return [];
    seen.add(key);
    return [{ labels, quota }];
  });
  const family = (name: string, help: string, of: (quota: Gauge) => number | undefined): Family =>
    gauge(
      name,
      help,
      quotas.flatMap(({ labels, quota }) => {
        const value = of(quota);
        return value === undefined ? [] : [{ labels, value }];
      }),
    );
  return [
    family("pace_quota_limit_units", "Units that a window has.", ({ limit }) => limit),
    family("pace_quota_available_units", "Units that may be spent at this moment.", ({ available }) => available),
    family("pace_quota_waiting_units", "Units that calls in line are expected to take.", ({ waiting }) => waiting),
    family("pace_quota_reset_seconds", "Until all of it is there again.", ({ resetInMs }) =>
      resetInMs === undefined ? undefined : resetInMs / 1000,
    ),
    family("pace_quota_confidence_ratio", "How far the limit is to be believed, from 0 to 1.", ({ confidence }) => confidence),
  ];
}

function gauge(name: string, help: string, series: readonly Series[]): Family {
  return { name, help, kind: "gauge", series };
}

interface Counters {
  add(labels: Labels, by?: number): void;
  series(): readonly Series[];
}

function createCounters(): Counters {
  const counts = new Map<string, { readonly labels: Labels; value: number }>();
  return {
    add: (labels, by = 1) => {
      const key = Object.values(labels).join("\n");
      const known = counts.get(key);
      if (known === undefined) counts.set(key, { labels, value: by });
      else known.value += by;
    },
    series: () => [...counts.values()],
  };
}

interface Histograms {
  add(labels: Labels, value: number): void;
  series(): readonly Series[];
}

function createHistograms(bounds: readonly number[]): Histograms {
  const known = new Map<string, { readonly labels: Labels; readonly value: Histogram }>();
  return {
    add: (labels, value) => {
      const key = Object.values(labels).join("\n");
      const one = known.get(key) ?? { labels, value: createHistogram(bounds) };
      known.set(key, one);
      one.value.add(value);
    },
    series: () => [...known.values()],
  };
}

/** What is played: a service, how its limit moves, who shares it, and what there is to do. */
import type { ProviderSettings } from "../../packages/pace/src/testing/provider.ts";
import { TRACES, type Trace } from "../../packages/pace/src/testing/traces.ts";
import { type Backlog, beats, bursts, scattered, type Work } from "./work.ts";

export interface Scenario {
  readonly name: string;
  readonly what: string;
  readonly trace: Trace;
  readonly instances: number;
  readonly service: Partial<ProviderSettings>;
  readonly work: readonly Work[];
  /** Attempts a second of somebody else with the same key, who waits for nobody. */
  readonly foreign?: (nowMs: number) => number;
  readonly troubledMs?: { readonly from: number; readonly to: number };
  /** The same for who listens to no levels. */
  readonly unheard?: string;
  /** Also in `--quick`. */
  readonly isQuick?: true;
}

const MINUTE_MS = 60_000;

/** Far beyond what any of them waits while there is a limit at all. */
const backlog: Backlog = { kind: "backlog", class: "normal", requester: "", waiting: 40, deadlineMs: 10 * MINUTE_MS };
const MIDDLE = { from: 10 * MINUTE_MS, to: 20 * MINUTE_MS } as const;
/** Refusals come from a door that is near, answers from where the work is done: as of real services, and as most favours who listens to refusals. */
const DOOR = { doorMs: 20 } as const;
const TOLD = { ...DOOR, tells: "levels" } as const;
const OPAQUE = { ...DOOR, tells: "nothing" } as const;
const RETRY_AFTER = { ...DOOR, tells: "retry-after" } as const;

function backlogOf(
  name: string,
  what: string,
  instances: number,
  service: Partial<ProviderSettings>,
  trace: Trace,
  more: Partial<Scenario> = {},
): Scenario {
  return { name: `${name}, ${instances}`, what, trace, instances, service, work: [backlog], ...more };
}

const STEP = "600 a minute, then 240, then 900";
const COLLAPSE = "600 a minute, then 60, then 600";

/** A service of twenty workers: what is beyond waits, and makes all slower than in proportion. The best has as many under way as there are workers. */
const WORKERS = 20;
const SLOW_MS = 500;
const SLOWNESS = 1.3;
const MOST_SLOWNESS = 10;
const slow: Trace = { perSecond: () => (WORKERS * 1000) / SLOW_MS, endMs: 6 * MINUTE_MS, calmFromMs: 0 };
const slowService: Partial<ProviderSettings> = {
  perSecond: () => 1e6,
  burst: 1e6,
  latencyMs: (random, _nowMs, underWay) =>
    SLOW_MS * (0.9 + 0.2 * random()) * Math.min(MOST_SLOWNESS, Math.max(1, (underWay / WORKERS) ** SLOWNESS)),
};
/** One that says 503 instead, with half again as many under way as it has workers. */
const overloaded: Partial<ProviderSettings> = {
  ...DOOR,
  perSecond: () => 1e6,
  burst: 1e6,
  latencyMs: (random) => SLOW_MS * (0.9 + 0.2 * random()),
  mostUnderWay: WORKERS,
};

/** Takes four tenths of the limit for five minutes of twelve. */
const foreign = (nowMs: number): number => (nowMs >= 4 * MINUTE_MS && nowMs < 9 * MINUTE_MS ? 4 : 0);

/** Two a second, and every other minute six hundred at once, that can be done in 75 s and are of no use after 90. */
const waves: readonly Work[] = [
  { kind: "arrivals", class: "normal", requester: "steady", deadlineMs: 90_000, atMs: scattered(2) },
  { kind: "arrivals", class: "normal", requester: "waves", deadlineMs: 90_000, atMs: bursts(600, 2 * MINUTE_MS) },
];

/** Six a second, of which a person waits for one in twenty. */
const mix: readonly Work[] = [
  { kind: "arrivals", class: "interactive", requester: "person", deadlineMs: 30_000, atMs: scattered(0.3) },
  { kind: "arrivals", class: "normal", requester: "batch", deadlineMs: 5 * MINUTE_MS, atMs: scattered(5.7) },
];

/** One operation asks for everything; something else says every five seconds that it lives. */
const flood: readonly Work[] = [
  { ...backlog, class: "background", requester: "flood", waiting: 400 },
  { kind: "arrivals", class: "heartbeat", requester: "heart", deadlineMs: 5000, atMs: beats(5000) },
];

/** The same in a third of the time: ten minutes instead of thirty. */
function brief({ perSecond, endMs, calmFromMs }: Trace): Trace {
  const FASTER = 3;
  return { perSecond: (nowMs) => perSecond(nowMs * FASTER), endMs: endMs / FASTER, calmFromMs: calmFromMs / FASTER };
}
const briefStep = brief(TRACES.step);
const BRIEF = "as step, in ten minutes";

export const SCENARIOS: readonly Scenario[] = [
  backlogOf("step, told", STEP, 1, TOLD, TRACES.step, { unheard: "step, opaque, 1" }),
  backlogOf("step, told", STEP, 3, TOLD, TRACES.step, { unheard: "step, opaque, 3", isQuick: true }),
  backlogOf("step, told", STEP, 8, TOLD, TRACES.step, { unheard: "step, opaque, 8" }),
  backlogOf("step, opaque", STEP, 1, OPAQUE, TRACES.step),
  backlogOf("step, opaque", STEP, 3, OPAQUE, TRACES.step, { isQuick: true }),
  backlogOf("step, opaque", STEP, 8, OPAQUE, TRACES.step),
  backlogOf("brief step, retry-after", `${BRIEF}; refusals say when to come again`, 3, RETRY_AFTER, briefStep),
  backlogOf("brief step, opaque, free refusals", `${BRIEF}; refusals cost nothing`, 3, { ...OPAQUE, charge: 0 }, briefStep),
  backlogOf("brief step, opaque, dear refusals", `${BRIEF}; a refusal costs as much as a call`, 3, { ...OPAQUE, charge: 1 }, briefStep),
  backlogOf("brief step, opaque, late refusals", `${BRIEF}; refusals take as long as answers`, 3, { tells: "nothing" }, briefStep),
  backlogOf("brief step, lying levels", `${BRIEF}; levels always say "full"`, 3, { ...DOOR, tells: "lies" }, briefStep),
  backlogOf(
    "brief step, levels go missing",
    `${BRIEF}; in the second third no levels are told`,
    3,
    { ...DOOR, tells: (nowMs) => (nowMs >= briefStep.endMs / 3 && nowMs < briefStep.calmFromMs ? "nothing" : "levels") },
    briefStep,
  ),
  backlogOf("collapse, told", COLLAPSE, 3, TOLD, TRACES.collapse, { unheard: "collapse, opaque, 3", troubledMs: MIDDLE }),
  backlogOf("collapse, opaque", COLLAPSE, 1, OPAQUE, TRACES.collapse, { troubledMs: MIDDLE }),
  backlogOf("collapse, opaque", COLLAPSE, 3, OPAQUE, TRACES.collapse, { troubledMs: MIDDLE, isQuick: true }),
  backlogOf("collapse, opaque", COLLAPSE, 8, OPAQUE, TRACES.collapse, { troubledMs: MIDDLE }),
  backlogOf("collapse, retry-after", COLLAPSE, 3, RETRY_AFTER, TRACES.collapse, { troubledMs: MIDDLE }),
  backlogOf("diurnal, told", "a sine between 1,080 and 120 a minute, in ten minutes", 3, TOLD, TRACES.diurnal, {
    unheard: "diurnal, opaque, 3",
  }),
  backlogOf("diurnal, opaque", "a sine between 1,080 and 120 a minute, in ten minutes", 3, OPAQUE, TRACES.diurnal),
  backlogOf("foreign, told", "600 a minute, of which another takes 240 for five minutes and waits for nobody", 3, TOLD, TRACES.steady, {
    unheard: "foreign, opaque, 3",
    foreign,
  }),
  backlogOf("foreign, opaque", "the same, nothing told", 3, OPAQUE, TRACES.steady, { foreign }),
  {
    ...backlogOf("bursts, told", "120 a minute, and 600 at once every other minute, due in 90 s", 3, TOLD, TRACES.steady, {
      unheard: "bursts, opaque, 3",
    }),
    work: waves,
  },
  { ...backlogOf("bursts, opaque", "the same, nothing told", 3, OPAQUE, TRACES.steady), work: waves },
  backlogOf("slow", "no limit; twenty workers, more under way makes all ten times as slow", 3, slowService, slow),
  backlogOf("overloaded", "no limit; 503 beyond twenty under way", 3, overloaded, slow),
  {
    ...backlogOf("cut, told", "360 a minute in a limit of 600, which is 120 for ten minutes", 1, TOLD, TRACES.cut, {
      unheard: "cut, opaque, 1",
    }),
    work: mix,
    troubledMs: MIDDLE,
  },
  { ...backlogOf("cut, opaque", "the same, nothing told", 1, OPAQUE, TRACES.cut), work: mix, troubledMs: MIDDLE, isQuick: true },
  {
    ...backlogOf("flood, told", "400 calls that always wait, and a heartbeat every 5 s", 1, TOLD, TRACES.cut, {
      unheard: "flood, opaque, 1",
    }),
    work: flood,
    troubledMs: MIDDLE,
  },
  { ...backlogOf("flood, opaque", "the same, nothing told", 1, OPAQUE, TRACES.cut), work: flood, troubledMs: MIDDLE },
  backlogOf("short, opaque", "a minute and a half, as in the twin over HTTP", 3, OPAQUE, TRACES.short),
  backlogOf("short, told", "a minute and a half, as in the twin over HTTP", 3, TOLD, TRACES.short, { unheard: "short, opaque, 3" }),
];

export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
  return scenario;
}

/** Those that are also played over HTTP. */
export const TWINS = ["short, opaque, 3", "short, told, 3"] as const;

export function tellsLevels({ service }: Scenario): boolean {
  return service.tells !== "nothing" && service.tells !== "retry-after" && service.tells !== undefined;
}

/** Lines of a network with limits, in numbers alone: what a meter would have measured of each, in the order they end. */
import type { LimitKind } from "./lifetimes.ts";
import { createLifetimes, type EndedLine, type Lifetimes, type LimitChange } from "./lifetimes.ts";

export interface LineWorld {
  readonly lines: number;
  readonly hours: number;
  /** Draws of [0, 1). */
  readonly random: () => number;
  readonly limit?: { readonly kind: LimitKind; readonly valueMs: number } | undefined;
  /** Whether the limit is told by a reset, then and there; else nobody is told. */
  readonly resets?: boolean;
  /** Mean time between random losses of one line. */
  readonly lossEveryMs?: number | undefined;
  readonly pingEveryMs?: number;
  /** Mean time between two pieces of mail on one line. */
  readonly mailEveryMs?: number;
  /** Ends as soon as something was found. */
  readonly untilFound?: boolean;
}

const ROUND_TRIP_MS = 40;
const PING_MS = 15_000;
const SILENCE_MS = 45_000;
const START_MS = 1_760_000_000_000;

/** Everything the detector said, each with the hours it took. */
export function liveThrough(world: LineWorld): readonly (LimitChange & { readonly hours: number })[] {
  const { random, hours } = world;
  const detector: Lifetimes = createLifetimes();
  const said: (LimitChange & { readonly hours: number })[] = [];
  const next = (openedAtMs: number): EndedLine => {
    const keepAliveMs = detector.advise("there").keepAliveMs ?? Number.POSITIVE_INFINITY;
    return oneLine(
      { ...world, pingEveryMs: Math.min(world.pingEveryMs ?? PING_MS, keepAliveMs) },
      openedAtMs,
      START_MS + hours * 3_600_000,
    );
  };
  const opened = Array.from({ length: world.lines }, () => START_MS + random() * 5_000);
  const queue = opened.map(next);
  for (;;) {
    const index = queue.reduce((first, line, at) => (line.endedAtMs < (queue[first] as EndedLine).endedAtMs ? at : first), 0);
    const line = queue[index] as EndedLine;
    const atHours = (line.endedAtMs - START_MS) / 3_600_000;
    if (atHours > hours) {
      for (const line of queue.filter(({ lost }) => !lost))
        for (const change of detector.living("there", line, line.endedAtMs)) said.push({ ...change, hours });
      return said;
    }
    for (const change of detector.ended(line)) said.push({ ...change, hours: atHours });
    if (world.untilFound === true && said.some(({ change }) => change === "found")) return said;
    queue[index] = next(line.endedAtMs + 500 + random() * 1_000);
  }
}

/** One line from its opening to its end. */
function oneLine(world: LineWorld, openedAtMs: number, untilMs: number): EndedLine {
  const { random, limit, resets = true, pingEveryMs = PING_MS, mailEveryMs = 60_000 } = world;
  const jitter = (): number => random() * 20;
  const lossAtMs = world.lossEveryMs === undefined ? Number.POSITIVE_INFINITY : -Math.log(1 - random()) * world.lossEveryMs;
  const ageLimitMs = limit?.kind === "age" ? limit.valueMs : Number.POSITIVE_INFINITY;
  const idleLimitMs = limit?.kind === "idle" ? limit.valueMs : Number.POSITIVE_INFINITY;
  let lastMs = 0;
  let longestQuietMs = 0;
  let nextMailMs = -Math.log(1 - random()) * mailEveryMs;
  for (;;) {
    const nextMs = Math.min(nextMailMs, lastMs + pingEveryMs);
    // Nobody waits for the end of a line that does not end.
    if (openedAtMs + nextMs > untilMs) return living(openedAtMs, nextMs, longestQuietMs);
    const deathMs = Math.min(lossAtMs, ageLimitMs, lastMs + idleLimitMs);
    if (deathMs < nextMs) {
      const told = resets || (deathMs === lossAtMs && random() < 0.5);
      const noticedMs = told ? deathMs + jitter() : nextMs + SILENCE_MS;
      const quietMs = (told ? noticedMs : nextMs) - lastMs;
      return {
        path: "there",
        lost: true,
        endedAtMs: openedAtMs + noticedMs,
        ageMs: noticedMs,
        aliveMs: told ? noticedMs : lastMs,
        deadMs: told ? noticedMs : nextMs,
        quietMs,
        unasked: told,
        longestQuietMs,
        broke: told,
        endedHere: !told,
        slept: false,
      };
    }
    longestQuietMs = Math.max(longestQuietMs, nextMs - lastMs);
    lastMs = nextMs + ROUND_TRIP_MS + jitter();
    if (nextMs === nextMailMs) nextMailMs = nextMs + ROUND_TRIP_MS + jitter() - Math.log(1 - random()) * mailEveryMs;
  }
}

function living(openedAtMs: number, ageMs: number, longestQuietMs: number): EndedLine {
  const times = {
    ageMs,
    aliveMs: ageMs,
    deadMs: ageMs,
    quietMs: 0,
    unasked: false,
    longestQuietMs,
    broke: false,
    endedHere: true,
    slept: false,
  };
  return { ...times, path: "there", lost: false, endedAtMs: openedAtMs + ageMs };
}

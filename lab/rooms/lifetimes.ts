/**
 * Limits on the way that nobody told, beside the same question asked anew with each line: lines of places with an age limit, an idle limit, restarts
 * by the clock, random losses, or several of them, which change, and are found out by what breaks and what lives.
 */
import type { Draws } from "../../packages/perdure/src/host/simulated/index.ts";
import {
  createLifetimes,
  type EndedLine,
  type LimitChange,
  type LimitFinding,
} from "../../packages/perdure/src/protocol/link/lifetimes.ts";
import { createLimitReference } from "./lifetimes-reference.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "ended"; readonly line: EndedLine }
  | { readonly do: "living"; readonly path: string; readonly aliveMs: number; readonly quietMs: number; readonly nowMs: number }
  | { readonly do: "restart" }
  | { readonly do: "places"; readonly count: number };

const STEPS = 50;
const START_MS = 1_800_000_000_000;
const HOUR = 3_600_000;

export const lifetimes: Room<Step> = {
  name: "lifetimes",
  about: "limits found by how lines end, beside the same question asked anew with each line",
  draw: (draws) => {
    const ways = [drawWay(draws), drawWay(draws)];
    const nowMs = [START_MS, START_MS];
    const steps: Step[] = [];
    for (let nth = 0; nth < STEPS; nth++) {
      const which = draws.chance(0.85) ? 0 : 1;
      if (draws.chance(0.02)) ways[which] = drawWay(draws);
      // Whoever sends signs of life more often outlives what is idle.
      if (draws.chance(0.04)) ways[which] = { ...(ways[which] as Way), pingEveryMs: 4_000, lossEveryMs: NEVER };
      const path = which === 0 ? "here" : "there";
      const roll = draws.below(100);
      if (roll === 0) steps.push({ do: "restart" });
      else if (roll === 1 && draws.chance(0.2)) steps.push({ do: "places", count: 125 + draws.below(5) });
      else if (roll < 14) {
        const line = drawLine(draws, ways[which] as Way, path, nowMs[which] as number);
        const times = [line.aliveMs, line.longestQuietMs] as const;
        const longer = draws.chance(0.3) ? 1 + draws.below(8) : 1;
        steps.push({ do: "living", path, aliveMs: times[0] * longer, quietMs: times[1], nowMs: line.endedAtMs });
      } else {
        const line = drawLine(draws, ways[which] as Way, path, nowMs[which] as number);
        nowMs[which] = draws.chance(0.06) ? (nowMs[which] as number) : line.endedAtMs + 500 + draws.below(1500);
        steps.push({ do: "ended", line });
      }
    }
    return steps;
  },
  run: async (steps) => {
    let product = createLifetimes();
    let reference = createLimitReference();
    for (const step of steps) {
      if (step.do === "restart") {
        // What was found is known at the next start, and nothing else.
        const found = product.findings.filter(({ state }) => state === "found");
        [product, reference] = [createLifetimes(), createLimitReference()];
        product.restore(found);
        reference.restore(found);
      } else if (step.do === "places") {
        const findings = Array.from({ length: step.count }, (_, nth) => place(nth));
        product.restore(findings);
        reference.restore(findings);
      } else {
        const [found, due] =
          step.do === "ended"
            ? [product.ended(step.line), reference.ended(step.line)]
            : [
                product.living(step.path, { aliveMs: step.aliveMs, longestQuietMs: step.quietMs }, step.nowMs),
                reference.living(step.path, step.aliveMs, step.quietMs, step.nowMs),
              ];
        const said = (changes: readonly LimitChange[]): string =>
          changes.map(({ change, finding }) => `${change} ${shown(finding)}`).join("; ");
        if (said(found) !== said(due)) parted(`it says: ${said(found)}, and not: ${said(due)}`);
      }
      const [found, due] = [product.findings.map(shown).join("; "), reference.findings.map(shown).join("; ")];
      if (found !== due) parted(`what is found is: ${found}, and not: ${due}`);
      for (const path of ["here", "there", "place 7"]) {
        const [advice, again] = [product.advise(path), reference.advise(path)];
        if (rounded(advice.keepAliveMs) !== rounded(again.keepAliveMs) || rounded(advice.renewBeforeMs) !== rounded(again.renewBeforeMs))
          parted(`the advice is ${JSON.stringify(advice)}, and not ${JSON.stringify(again)}`);
      }
    }
  },
};

function place(nth: number): LimitFinding {
  const valueMs = 1000 * (nth + 1);
  return {
    path: `place ${nth}`,
    kind: nth % 2 === 0 ? "age" : "idle",
    valueMs,
    errorMs: nth % 3 === 0 ? valueMs / 2 : nth,
    occurrences: 5,
    confidence: 1,
    state: "found",
    foundAtMs: START_MS,
  };
}

function rounded(value: number | undefined): string {
  return value === undefined ? "-" : value.toFixed(3);
}

function shown({ path, kind, valueMs, errorMs, occurrences, confidence, state, foundAtMs }: LimitFinding): string {
  const odds = (1 - confidence).toExponential(3);
  return [path, kind, rounded(valueMs), rounded(errorMs), occurrences, odds, state, foundAtMs].join(" ");
}

/** What a way does to lines; all times in milliseconds. */
interface Way {
  readonly ageMs: number;
  readonly idleMs: number;
  /** Everything is started over by the clock. */
  readonly everyMs: number;
  readonly lossEveryMs: number;
  /** The other side is told of an end then and there. */
  readonly tells: number;
  readonly pingEveryMs: number;
  readonly mailEveryMs: number;
  /** How far ends of one cause lie apart. */
  readonly jitterMs: number;
  readonly sleeps: number;
  readonly named: number;
}

const NEVER = 1e12;
const PERIODS = [HOUR / 12, HOUR / 6, HOUR / 4, HOUR / 2, HOUR, 2 * HOUR, 3 * HOUR, 4 * HOUR, 6 * HOUR, 8 * HOUR, 12 * HOUR, 24 * HOUR];

function drawWay(draws: Draws): Way {
  const some = (values: readonly number[]): number => values[draws.below(values.length)] as number;
  const kind = draws.below(10);
  return {
    ageMs: kind < 4 ? some([21_000, 60_000, 300_000, 350_000, HOUR, 3 * HOUR]) + draws.below(3) * 777 : NEVER,
    idleMs: kind >= 3 && kind < 7 ? some([6_000, 21_000, 30_000, 60_000, 350_000]) + draws.below(2) * 333 : NEVER,
    everyMs: kind === 7 || kind === 8 ? some(PERIODS) : NEVER,
    lossEveryMs: some([NEVER, NEVER, NEVER, 50_000, 20 * 60_000, 3 * HOUR]),
    tells: some([0, 0, 0.5, 1, 1, 1]),
    pingEveryMs: some([4_000, 15_000, 15_000, 40_000, 400_000]),
    mailEveryMs: some([40_000, 40_000, 400_000]),
    jitterMs: some([0, 20, 90, 400, 1_400]),
    sleeps: some([0, 0, 0.05]),
    named: some([0, 0.05, 0.3]),
  };
}

function drawLine(draws: Draws, way: Way, path: string, openedAtMs: number): EndedLine {
  const jitter = (): number => (way.jitterMs === 0 ? 0 : draws.below(way.jitterMs));
  const clockMs = way.everyMs === NEVER ? NEVER : way.everyMs - (openedAtMs % way.everyMs);
  const lossMs = way.lossEveryMs === NEVER ? NEVER : Math.round(draws.wait(way.lossEveryMs));
  const ownEndMs = draws.chance(way.named) ? Math.round(draws.wait(10 * 60_000)) : NEVER;
  const latestMs = way.everyMs === NEVER ? 6 * HOUR : NEVER;
  let lastMs = 0;
  let longestQuietMs = 0;
  for (let turn = 0; ; turn++) {
    // After a while only every hundredth sign of life is drawn: all are alike.
    const nextMs = lastMs + Math.min(way.pingEveryMs, Math.round(draws.wait(way.mailEveryMs))) + (turn > 60 ? 60 * way.pingEveryMs : 0);
    const quietMs = turn > 60 ? Math.min(way.pingEveryMs, nextMs - lastMs) : nextMs - lastMs;
    const idleDeathMs = quietMs >= way.idleMs ? lastMs + way.idleMs : NEVER;
    const deathMs = Math.min(way.ageMs, clockMs, lossMs, idleDeathMs);
    const endsMs = Math.min(deathMs, ownEndMs, latestMs);
    if (endsMs > nextMs) {
      longestQuietMs = Math.max(longestQuietMs, quietMs);
      lastMs = nextMs + 40;
      continue;
    }
    const isLost = deathMs === endsMs;
    const isTold = isLost && draws.chance(way.tells);
    const toldMs = deathMs + jitter();
    const sinceMs = turn > 60 ? Math.min(way.pingEveryMs, endsMs - lastMs) : endsMs - lastMs;
    const slept = draws.chance(way.sleeps);
    const askedMs = Math.max(nextMs, endsMs);
    const ageMs = isTold ? toldMs : isLost ? askedMs + 45_000 : endsMs;
    return {
      path,
      lost: isLost,
      endedAtMs: openedAtMs + ageMs,
      ageMs,
      aliveMs: isTold ? toldMs : isLost ? Math.min(lastMs, endsMs) : endsMs,
      deadMs: isTold ? toldMs : isLost ? askedMs : endsMs,
      quietMs: isTold ? sinceMs + toldMs - deathMs : isLost ? Math.max(sinceMs, quietMs) : sinceMs,
      unasked: isTold,
      longestQuietMs,
      broke: isTold,
      endedHere: !isTold,
      slept,
    };
  }
}

/**
 * Finds the limits on the way that nobody told: connections that all end at one age, or after one stretch of quiet.
 *
 *   nothing -> suspected (idle only: a keep-alive is tried) -> found -> withdrawn
 *
 * What must hold: it stays silent on losses at random moments, on ends that somebody named (a goodbye, a relay that started anew, a
 * machine that slept), on lines that end together, and on what ends by the clock on the wall (a restart every night is no limit); a line
 * that outlives a limit takes it back. `constant-limit.ts` has the statistics.
 */
import { type ConstantLimit, findConstant, type Span, tail } from "./constant-limit.ts";
import type { LineTimes } from "./line-meter.ts";

export type LimitKind = "age" | "idle";

export interface LimitFinding {
  /** Which connections: those to one place. */
  readonly path: string;
  readonly kind: LimitKind;
  readonly valueMs: number;
  readonly errorMs: number;
  readonly occurrences: number;
  /** One minus what chance would have made of it; 0 while it is but suspected. */
  readonly confidence: number;
  readonly state: "suspected" | "found";
  /** Dates. */
  readonly foundAtMs: number;
}

export interface EndedLine extends LineTimes {
  readonly path: string;
  /** Date of its end. */
  readonly endedAtMs: number;
  /** Neither side, nor anything that is known, ended it. */
  readonly lost: boolean;
}

export interface LimitChange {
  readonly change: "suspected" | "found" | "confirmed" | "withdrawn";
  readonly finding: LimitFinding;
}

/** What to do about what is known of a path. */
export interface LineAdvice {
  /** Something should be sent at least this often. */
  readonly keepAliveMs: number | undefined;
  /** A line should begin anew before it is this old. */
  readonly renewBeforeMs: number | undefined;
}

export interface Lifetimes {
  readonly findings: readonly LimitFinding[];
  ended(line: EndedLine): readonly LimitChange[];
  /** A line that lives: what it outlived is no limit, and what it owes to a shorter keep-alive confirms one. */
  living(path: string, times: Pick<LineTimes, "aliveMs" | "longestQuietMs">, nowMs: number): readonly LimitChange[];
  advise(path: string): LineAdvice;
  /** What an earlier process found. */
  restore(findings: readonly LimitFinding[]): void;
}

/** Lines of one path that are remembered. */
const KEPT_LINES = 48;
/** Paths that are remembered; the one that was quiet longest is forgotten first. */
export const MOST_PATHS = 128;
/** What chance may have made of a finding, for one loss. */
const CHANCE = 1e-6;
/** The same for the question which of two it is, when that it is one of them is known. */
const CHANCE_OF_KIND = 1e-3;
/** The same for a suspicion that a shorter keep-alive then bore out: one question, asked before the answer was known. */
const CHANCE_BORNE_OUT = 1e-4;
/** Shorter than any limit of a middlebox: what ends sooner has another trouble. */
const LEAST_AGE_MS = 20_000;
const LEAST_QUIET_MS = 5_000;
/** Quiet stretches in a row that were each the end. */
const SUSPECT_LOSSES = 3;
const SUSPECT_QUIET_MS = 20_000;
/** A stretch this much longer is another one. */
const LONGER = 1.05;
/** Lines of one path that end within this end of one cause. */
const TOGETHER_MS = 3_000;
/** Outliving a limit by this much refutes it. */
const OUTLIVED = { share: 0.02, ms: 2_000 };
/** Of an idle limit, what passes between two signs of life. */
const KEEP_ALIVE_SHARE = 0.7;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What people start over by the clock. */
const CLOCK_PERIODS_MS: readonly number[] = [24, 12, 8, 6, 4, 3, 2, 1]
  .map((hours) => hours * HOUR)
  .concat([30, 15, 10, 5].map((minutes) => minutes * MINUTE));
const CLOCK_CHANCE = 0.01;
/** What is started over by the clock is so to within this. */
const ABOUT = { share: 0.01, ms: 10_000 };

interface Path {
  // bound: KEPT_LINES
  readonly lines: EndedLine[];
  // bound: two, one of each kind
  readonly found: Map<LimitKind, LimitFinding>;
}

export function createLifetimes(): Lifetimes {
  // bound: MOST_PATHS
  const paths = new Map<string, Path>();

  const pathOf = (name: string): Path => {
    const path = paths.get(name) ?? { lines: [], found: new Map() };
    paths.delete(name);
    paths.set(name, path);
    if (paths.size > MOST_PATHS) paths.delete(paths.keys().next().value as string);
    return path;
  };

  /** Takes back what a line outlived. */
  const outlived = ({ found }: Path, aliveMs: number, quietMs: number): readonly LimitChange[] =>
    [...found.values()].flatMap((finding): readonly LimitChange[] => {
      const lived = finding.kind === "age" ? aliveMs : quietMs;
      if (lived <= (finding.valueMs + finding.errorMs) * (1 + OUTLIVED.share) + OUTLIVED.ms) return [];
      found.delete(finding.kind);
      return [{ change: "withdrawn", finding }];
    });

  const learn = (path: Path, finding: LimitFinding): LimitChange => {
    const before = path.found.get(finding.kind);
    const same = before?.state === "found" && Math.abs(before.valueMs - finding.valueMs) <= before.errorMs + finding.errorMs;
    path.found.set(finding.kind, same ? { ...finding, foundAtMs: before.foundAtMs } : finding);
    return { change: finding.state === "suspected" ? "suspected" : same ? "confirmed" : "found", finding };
  };

  const judge = (path: Path, name: string): readonly LimitChange[] => {
    const { lines } = path;
    const newest = lines.at(-1) as EndedLine;
    const shown = (kind: LimitKind, { valueMs, errorMs, occurrences, chance }: ConstantLimit): LimitFinding => ({
      path: name,
      kind,
      valueMs,
      errorMs,
      occurrences,
      confidence: 1 - chance,
      state: "found",
      foundAtMs: newest.endedAtMs,
    });
    const age = findConstant(lines.map(ageSpan), LEAST_AGE_MS);
    const idle = findIdle(lines);
    const isAge = age !== undefined && age.chance < CHANCE && !byTheClock(age, lines) && !foundLate(age, lines);
    const both = age !== undefined && idle !== undefined && idle.limit.chance < CHANCE_OF_KIND && quietExplains(age, idle, lines);
    if (isAge && !both) {
      const withdrawn = path.found.get("idle");
      path.found.delete("idle");
      return [...(withdrawn === undefined ? [] : [{ change: "withdrawn", finding: withdrawn } as const]), learn(path, shown("age", age))];
    }
    if (idle !== undefined && (isAge || idle.limit.chance < CHANCE)) return [learn(path, shown("idle", idle.limit))];
    const suspicion = suspectIdle(lines);
    if (suspicion === undefined || path.found.has("idle")) return [];
    return [learn(path, { path: name, kind: "idle", ...suspicion, confidence: 0, state: "suspected", foundAtMs: newest.endedAtMs })];
  };

  /**
   * A suspicion is borne out when lines with a shorter keep-alive live for so long that lines lost at the pace of before would not.
   * Losses that a shorter keep-alive does not prevent speak against it.
   */
  const weighSuspicion = (path: Path, livingMs: number, nowMs: number): readonly LimitChange[] => {
    const finding = path.found.get("idle");
    if (finding?.state !== "suspected") return [];
    const begun = path.lines.findIndex(({ endedAtMs }) => endedAtMs > finding.foundAtMs);
    const [before, since] = begun < 0 ? [path.lines, []] : [path.lines.slice(0, begun), path.lines.slice(begun)];
    const lived = (lines: readonly EndedLine[]): number => lines.reduce((sum, { ageMs }) => sum + ageMs, 0);
    const [losses, others] = [before, since].map((lines) => lines.filter(({ lost }) => lost).length) as [number, number];
    const [beforeMs, sinceMs] = [lived(before), lived(since) + livingMs];
    if (others >= SUSPECT_LOSSES && others / sinceMs > losses / beforeMs / 2) {
      path.found.delete("idle");
      return [{ change: "withdrawn", finding }];
    }
    // Were they lost as often as before, this is how often so many of all losses would lie before.
    const chance = tail(losses + others, losses, beforeMs / (beforeMs + sinceMs));
    if (chance > CHANCE_BORNE_OUT) return [];
    return [learn(path, { ...finding, confidence: 1 - chance, state: "found", foundAtMs: nowMs })];
  };

  return {
    get findings() {
      return [...paths.values()].flatMap(({ found }) => [...found.values()]);
    },
    ended(given) {
      const path = pathOf(given.path);
      const together = path.lines.some(({ lost, endedAtMs }) => lost && Math.abs(given.endedAtMs - endedAtMs) < TOGETHER_MS);
      const line = { ...given, lost: given.lost && !given.slept && !together };
      path.lines.push(line);
      if (path.lines.length > KEPT_LINES) path.lines.shift();
      const changes = outlived(path, line.aliveMs, line.longestQuietMs);
      const weighed = weighSuspicion(path, 0, given.endedAtMs);
      return [...changes, ...weighed, ...(line.lost && weighed.length === 0 ? judge(path, given.path) : [])];
    },
    living(name, { aliveMs, longestQuietMs }, nowMs) {
      const path = paths.get(name);
      if (path === undefined) return [];
      return [...outlived(path, aliveMs, longestQuietMs), ...weighSuspicion(path, aliveMs, nowMs)];
    },
    advise(name) {
      const found = paths.get(name)?.found;
      const [age, idle] = [found?.get("age"), found?.get("idle")];
      return {
        keepAliveMs: idle === undefined ? undefined : shorterThan(idle),
        // Renewals follow each other without a pause: whatever was found, or stands in a file, they are no storm.
        renewBeforeMs: age === undefined ? undefined : Math.max(LEAST_AGE_MS, age.valueMs - age.errorMs),
      };
    },
    restore(findings) {
      for (const finding of findings) pathOf(finding.path).found.set(finding.kind, finding);
    },
  };
}

/** Safely below a limit that is known well; half of what was too long where it is not, and half of that if it has to be. */
function shorterThan({ valueMs, errorMs }: LimitFinding): number {
  const [low, high] = [valueMs - errorMs, valueMs + errorMs];
  return low >= high / 2 ? low * KEEP_ALIVE_SHARE : high / 2;
}

/** What is not lost proves no more than that it lived when it was heard last. */
function ageSpan({ lost, aliveMs, deadMs, ageMs }: EndedLine): Span {
  const toMs = Math.max(aliveMs, deadMs);
  return { lost, fromMs: aliveMs, toMs, provenMs: aliveMs, reachedMs: lost ? toMs : aliveMs, livedMs: ageMs };
}

interface IdleLimit {
  readonly limit: ConstantLimit;
  readonly lines: readonly EndedLine[];
}

/**
 * Ends that came by themselves after one stretch of quiet, longer than any that the lines since the first of them lived through; which
 * is the first is tried out. An end found late says nothing here: what the other side sent meanwhile may have been lost as well.
 */
function findIdle(lines: readonly EndedLine[]): IdleLimit | undefined {
  let best: IdleLimit | undefined;
  const firsts = lines.flatMap(({ lost, unasked }, index) => (lost && unasked ? [index] : []));
  const newest = lines.at(-1);
  if (newest?.unasked !== true) return undefined;
  for (const first of firsts.slice(0, -2)) {
    const some = lines.slice(first);
    const survivedMs = Math.max(...some.map(({ longestQuietMs }) => longestQuietMs));
    if (newest.quietMs <= survivedMs) continue;
    const spans = some.map(
      ({ lost, quietMs, unasked, longestQuietMs, ageMs }): Span => ({
        lost: lost && unasked,
        fromMs: quietMs,
        toMs: quietMs,
        provenMs: longestQuietMs,
        reachedMs: Math.max(longestQuietMs, quietMs),
        livedMs: ageMs,
      }),
    );
    const limit = findConstant(spans, Math.max(LEAST_QUIET_MS, survivedMs));
    const chance = limit === undefined ? 1 : limit.chance * firsts.length;
    if (limit !== undefined && chance < (best?.limit.chance ?? 1)) best = { limit: { ...limit, chance }, lines: some };
  }
  return best;
}

/**
 * Both fit. Where lines are quiet at the same moments of their lives, either could be it: a stretch that lines often all but lived
 * through is no limit, else what varies less is the cause, and where that does not tell, quiet, as it can be tried out for nothing.
 */
function quietExplains(age: ConstantLimit, idle: IdleLimit, lines: readonly EndedLine[]): boolean {
  const ofAge = age.members.map((index) => lines[index] as EndedLine);
  const ofIdle = idle.limit.members.map((index) => idle.lines[index] as EndedLine);
  if (ofIdle.length < ofAge.length) return false;
  if (ofIdle.filter(({ longestQuietMs, quietMs }) => longestQuietMs > quietMs * 0.9).length * 2 > ofIdle.length) return false;
  const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
  return spread(ofIdle.map(({ quietMs }) => quietMs)) <= spread(ofAge.map(({ deadMs }) => deadMs)) + 100;
}

/** Most were dead for a stretch longer than any that was lived through: what they died of may have been the quiet. */
function foundLate({ members }: ConstantLimit, lines: readonly EndedLine[]): boolean {
  const survivedMs = Math.max(...lines.slice(members[0]).map(({ longestQuietMs }) => longestQuietMs));
  const late = members.filter((index) => {
    const { unasked, quietMs } = lines[index] as EndedLine;
    return !unasked && quietMs > survivedMs * LONGER + 100;
  });
  return late.length * 2 > members.length;
}

/** The ends lie no further apart by the clock on the wall than by age: those that are alike, or all that are about as old. */
function byTheClock({ members, valueMs }: ConstantLimit, lines: readonly EndedLine[]): boolean {
  const alike = members.map((index) => lines[index] as EndedLine);
  const aboutMs = Math.max(ABOUT.ms, valueMs * ABOUT.share);
  const about = lines.filter(({ lost, deadMs }) => lost && Math.abs(deadMs - valueMs) <= aboutMs);
  return CLOCK_PERIODS_MS.some((period) => keepsTime(alike, period) || keepsTime(about, period));
}

function keepsTime(lines: readonly EndedLine[], period: number): boolean {
  const ages = lines.map(({ deadMs }) => deadMs);
  const ageSpread = Math.max(20, Math.max(...ages) - Math.min(...ages));
  const phases = lines.map(({ endedAtMs }) => endedAtMs % period).sort((one, other) => one - other);
  const next = (index: number): number => phases[index + 1] ?? (phases[0] as number) + period;
  const spread = period - Math.max(...phases.map((phase, index) => next(index) - phase));
  return spread <= 2 * ageSpread && lines.length * (spread / period) ** (lines.length - 1) < CLOCK_CHANCE;
}

/** The last lines were each lost in a stretch of quiet longer than any that was lived through. */
function suspectIdle(lines: readonly EndedLine[]): Pick<LimitFinding, "valueMs" | "errorMs" | "occurrences"> | undefined {
  const losses = lines.filter(({ lost }) => lost).slice(-SUSPECT_LOSSES);
  const [first] = losses;
  if (first === undefined || losses.length < SUSPECT_LOSSES) return undefined;
  const floorMs = Math.max(...lines.slice(lines.indexOf(first)).map(({ longestQuietMs }) => longestQuietMs));
  const high = Math.min(...losses.map(({ quietMs }) => quietMs));
  if (high < SUSPECT_QUIET_MS || high < 1.5 * floorMs) return undefined;
  return { valueMs: (floorMs + high) / 2, errorMs: (high - floorMs) / 2, occurrences: losses.length };
}

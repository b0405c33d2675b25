/**
 * What the lives of lines say of limits on their way, counted again by the words of `lifetimes.ts` and `constant-limit.ts`: everything that is
 * known of a path is looked at anew with each line, nothing is carried along but what was found.
 */
import type { EndedLine, LimitChange, LimitFinding, LimitKind, LineAdvice } from "../../packages/perdure/src/protocol/link/lifetimes.ts";

interface Path {
  lines: EndedLine[];
  readonly found: Map<LimitKind, LimitFinding>;
}

/** A stretch of an axis: age, or quiet. A loss lies between `from` and `to`. */
interface Stretch {
  readonly lost: boolean;
  readonly from: number;
  readonly to: number;
  readonly proven: number;
  readonly reached: number;
  readonly lived: number;
}

interface Common {
  readonly valueMs: number;
  readonly errorMs: number;
  readonly chance: number;
  readonly members: readonly EndedLine[];
  readonly first: number;
}

const SECOND = 1000;
const HOUR = 3_600_000;
const PERIODS = [24 * HOUR, 12 * HOUR, 8 * HOUR, 6 * HOUR, 4 * HOUR, 3 * HOUR, 2 * HOUR, HOUR, HOUR / 2, HOUR / 4, HOUR / 6, HOUR / 12];

export interface LimitReference {
  ended(line: EndedLine): readonly LimitChange[];
  living(name: string, aliveMs: number, longestQuietMs: number, nowMs: number): readonly LimitChange[];
  advise(name: string): LineAdvice;
  restore(findings: readonly LimitFinding[]): void;
  readonly findings: readonly LimitFinding[];
}

export function createLimitReference(): LimitReference {
  /** Those touched last stand last. */
  let paths: (readonly [string, Path])[] = [];

  const touch = (name: string): Path => {
    const path = paths.find(([each]) => each === name)?.[1] ?? { lines: [], found: new Map() };
    paths = [...paths.filter(([each]) => each !== name), [name, path] as const].slice(-128);
    return path;
  };

  const withdraw = (path: Path, kind: LimitKind): readonly LimitChange[] => {
    const finding = path.found.get(kind);
    path.found.delete(kind);
    return finding === undefined ? [] : [{ change: "withdrawn", finding }];
  };
  const outlived = (path: Path, aliveMs: number, quietMs: number): readonly LimitChange[] =>
    [...path.found.values()]
      .filter(({ kind, valueMs, errorMs }) => (kind === "age" ? aliveMs : quietMs) > (valueMs + errorMs) * 1.02 + 2 * SECOND)
      .flatMap(({ kind }) => withdraw(path, kind));
  const put = (path: Path, finding: LimitFinding): LimitChange => {
    const before = path.found.get(finding.kind);
    const isSame = before?.state === "found" && Math.abs(before.valueMs - finding.valueMs) <= before.errorMs + finding.errorMs;
    path.found.set(finding.kind, isSame ? { ...finding, foundAtMs: before.foundAtMs } : finding);
    return { change: finding.state === "suspected" ? "suspected" : isSame ? "confirmed" : "found", finding };
  };

  /** Losses at the pace of before, and none or few since the keep-alive became shorter. */
  const weigh = (path: Path, livingMs: number, nowMs: number): readonly LimitChange[] => {
    const finding = path.found.get("idle");
    if (finding?.state !== "suspected") return [];
    const isBefore = (each: EndedLine): boolean => path.lines.indexOf(each) < begun;
    const firstAfter = path.lines.findIndex(({ endedAtMs }) => endedAtMs > finding.foundAtMs);
    const begun = firstAfter < 0 ? path.lines.length : firstAfter;
    const count = (of: readonly EndedLine[]) => ({
      lost: of.filter(({ lost }) => lost).length,
      ms: of.reduce((sum, { ageMs }) => sum + ageMs, 0),
    });
    const before = count(path.lines.filter(isBefore));
    const later = count(path.lines.filter((each) => !isBefore(each)));
    const since = { lost: later.lost, ms: later.ms + livingMs };
    if (since.lost >= 3 && since.lost / since.ms > before.lost / before.ms / 2) return withdraw(path, "idle");
    const chance = atLeast(before.lost + since.lost, before.lost, before.ms / (before.ms + since.ms));
    return chance > 1e-4 ? [] : [put(path, { ...finding, confidence: 1 - chance, state: "found", foundAtMs: nowMs })];
  };

  const judge = (path: Path, name: string, nowMs: number): readonly LimitChange[] => {
    const { lines } = path;
    const finding = (kind: LimitKind, { valueMs, errorMs, members, chance }: Common): LimitFinding => ({
      path: name,
      kind,
      valueMs,
      errorMs,
      occurrences: members.length,
      confidence: 1 - chance,
      state: "found",
      foundAtMs: nowMs,
    });
    const age = common(lines, lines.map(ageOf), 20 * SECOND);
    const idle = commonQuiet(lines);
    const isAge = age !== undefined && age.chance < 1e-6 && !onTheClock(age, lines) && !diedOfQuiet(age, lines);
    const isBoth = age !== undefined && idle !== undefined && idle.chance < 1e-3 && isRatherQuiet(age, idle);
    if (isAge && !isBoth) return [...withdraw(path, "idle"), put(path, finding("age", age))];
    if (idle !== undefined && (isAge || idle.chance < 1e-6)) return [put(path, finding("idle", idle))];
    const losses = lines.filter(({ lost }) => lost).slice(-3);
    if (losses.length < 3 || path.found.has("idle")) return [];
    const floorMs = most(lines.slice(lines.indexOf(losses[0] as EndedLine)).map(({ longestQuietMs }) => longestQuietMs));
    const high = Math.min(...losses.map(({ quietMs }) => quietMs));
    if (high < 20 * SECOND || high < floorMs * 1.5) return [];
    return [
      put(path, {
        path: name,
        kind: "idle",
        valueMs: (floorMs + high) / 2,
        errorMs: (high - floorMs) / 2,
        occurrences: 3,
        confidence: 0,
        state: "suspected",
        foundAtMs: nowMs,
      }),
    ];
  };

  return {
    ended: (given) => {
      const path = touch(given.path);
      const together = path.lines.some(({ lost, endedAtMs }) => lost && Math.abs(given.endedAtMs - endedAtMs) < 3 * SECOND);
      const line = { ...given, lost: given.lost && !given.slept && !together };
      path.lines = [...path.lines, line].slice(-48);
      const gone = outlived(path, line.aliveMs, line.longestQuietMs);
      const weighed = weigh(path, 0, given.endedAtMs);
      return [...gone, ...weighed, ...(line.lost && weighed.length === 0 ? judge(path, given.path, given.endedAtMs) : [])];
    },
    living: (name, aliveMs, longestQuietMs, nowMs) => {
      const path = paths.find(([each]) => each === name)?.[1];
      return path === undefined ? [] : [...outlived(path, aliveMs, longestQuietMs), ...weigh(path, aliveMs, nowMs)];
    },
    advise: (name) => {
      const found = paths.find(([each]) => each === name)?.[1].found;
      const [age, idle] = [found?.get("age"), found?.get("idle")];
      const keepAliveMs = ({ valueMs, errorMs }: LimitFinding): number => {
        const isWellKnown = valueMs - errorMs >= (valueMs + errorMs) / 2;
        return isWellKnown ? (valueMs - errorMs) * 0.7 : (valueMs + errorMs) / 2;
      };
      return {
        keepAliveMs: idle && keepAliveMs(idle),
        renewBeforeMs: age && Math.max(20 * SECOND, age.valueMs - age.errorMs),
      };
    },
    restore: (findings) => {
      for (const each of findings) touch(each.path).found.set(each.kind, each);
    },
    get findings() {
      return paths.flatMap(([, { found }]) => [...found.values()]);
    },
  };
}

function most(values: readonly number[]): number {
  return Math.max(...values);
}

function ageOf({ lost, aliveMs, deadMs, ageMs }: EndedLine): Stretch {
  const to = Math.max(aliveMs, deadMs);
  return { lost, from: aliveMs, to, proven: aliveMs, reached: lost ? to : aliveMs, lived: ageMs };
}

/** The least likely moment that the newest loss and two others have in common. */
function common(lines: readonly EndedLine[], axis: readonly Stretch[], leastMs: number): Common | undefined {
  const losses = axis.filter(({ lost }) => lost);
  const newest = losses.at(-1);
  if (newest === undefined) return undefined;
  const places = [...new Set(losses.flatMap(({ from, to }) => [from, to]))];
  const looks = 2 * Math.min(2 * losses.length, 8);
  const found: Common[] = [];
  for (const width of [100, 1500]) {
    const meets = ({ lost, from, to }: Stretch, at: number): boolean => lost && at >= from - width && at <= to + width;
    const looked = places
      .filter((at) => at >= leastMs + width && meets(newest, at))
      .map((at) => ({ at, those: axis.flatMap((each, nth) => (meets(each, at) ? [nth] : [])) }))
      .filter(({ those }) => those.length >= 3)
      .sort((one, other) => other.those.length - one.those.length)
      .slice(0, 8);
    for (const { at, those } of looked) {
      const first = those[0] as number;
      const since = axis.slice(first);
      if (since.some(({ proven }) => proven > at + Math.max(width, at / 100))) continue;
      const lost = since.filter((each) => each.lost);
      const lived = since.reduce((sum, each) => sum + each.lived, 0);
      // Time spent around that moment, in a window as wide as each loss is known badly.
      const spent = lost.reduce((all, { from, to }) => {
        const begin = Math.max(0, at - width - Math.ceil((to - from) / 500) * 500);
        return all + since.reduce((sum, { reached }) => sum + Math.max(0, Math.min(reached, at + width) - begin), 0);
      }, 0);
      const share = Math.min(1, spent / lost.length / Math.max(1, lived));
      const chance = Math.min(1, looks * atLeast(lost.length - 1, those.length - 1, share));
      const [low, high] = [most(those.map((nth) => axis[nth]?.from ?? 0)), Math.min(...those.map((nth) => axis[nth]?.to ?? 0))];
      const valueMs = (low + high) / 2;
      const errorMs = Math.max(width, Math.abs(high - low) / 2);
      found.push({ valueMs, errorMs, chance, members: those.map((nth) => lines[nth] as EndedLine), first });
    }
  }
  const least = Math.min(1, ...found.map(({ chance }) => chance));
  return least < 1 ? found.find(({ chance }) => chance === least) : undefined;
}

/** Binomial, from the other end: one minus the chance of fewer, where that is exact enough. */
function atLeast(tries: number, hits: number, p: number): number {
  if (hits <= 0 || p >= 1) return 1;
  if (p <= 0) return 0;
  let sum = 0;
  for (let k = hits; k <= tries; k++) {
    let term = 0;
    for (let n = 1; n <= k; n++) term += Math.log((tries - k + n) / n);
    sum += Math.exp(term + k * Math.log(p) + (tries - k) * Math.log1p(-p));
  }
  return Math.min(1, sum);
}

/** Ends that came by themselves after one stretch of quiet, longer than any lived through since the first of them. */
function commonQuiet(lines: readonly EndedLine[]): Common | undefined {
  const newest = lines.at(-1) as EndedLine;
  if (!newest.unasked) return undefined;
  const told = lines.flatMap(({ lost, unasked }, nth) => (lost && unasked ? [nth] : []));
  let best: Common | undefined;
  for (const first of told.slice(0, Math.max(0, told.length - 2))) {
    const since = lines.slice(first);
    const survivedMs = most(since.map(({ longestQuietMs }) => longestQuietMs));
    if (newest.quietMs <= survivedMs) continue;
    const axis = since.map(
      ({ lost, unasked, quietMs, longestQuietMs, ageMs }): Stretch => ({
        lost: lost && unasked,
        from: quietMs,
        to: quietMs,
        proven: longestQuietMs,
        reached: Math.max(longestQuietMs, quietMs),
        lived: ageMs,
      }),
    );
    const found = common(since, axis, Math.max(5 * SECOND, survivedMs));
    if (found !== undefined && found.chance * told.length < (best?.chance ?? 1)) best = { ...found, chance: found.chance * told.length };
  }
  return best;
}

function isRatherQuiet(age: Common, idle: Common): boolean {
  if (idle.members.length < age.members.length) return false;
  const allButLived = idle.members.filter(({ longestQuietMs, quietMs }) => longestQuietMs > quietMs * 0.9);
  if (allButLived.length > idle.members.length / 2) return false;
  const spread = (values: readonly number[]): number => most(values) - Math.min(...values);
  return spread(idle.members.map(({ quietMs }) => quietMs)) <= spread(age.members.map(({ deadMs }) => deadMs)) + 100;
}

function diedOfQuiet({ members, first }: Common, lines: readonly EndedLine[]): boolean {
  const survivedMs = most(lines.slice(first).map(({ longestQuietMs }) => longestQuietMs));
  return members.filter(({ unasked, quietMs }) => !unasked && quietMs > survivedMs * 1.05 + 100).length > members.length / 2;
}

function onTheClock({ members, valueMs }: Common, lines: readonly EndedLine[]): boolean {
  const near = Math.max(10 * SECOND, valueMs / 100);
  const about = lines.filter(({ lost, deadMs }) => lost && Math.abs(deadMs - valueMs) <= near);
  const keepsTime = (those: readonly EndedLine[], period: number): boolean => {
    const ages = those.map(({ deadMs }) => deadMs);
    const spread = Math.max(20, most(ages) - Math.min(...ages));
    const phases = those.map(({ endedAtMs }) => endedAtMs % period).sort((one, other) => one - other);
    const gaps = phases.map((phase, nth) => (phases[nth + 1] ?? (phases[0] as number) + period) - phase);
    const arc = period - most(gaps);
    return arc <= 2 * spread && those.length * (arc / period) ** (those.length - 1) < 0.01;
  };
  return PERIODS.some((period) => keepsTime(members, period) || keepsTime(about, period));
}

/**
 * Whether lost lines have one moment in common that no chance would give them: all as old, or all quiet for as long.
 *
 * The null hypothesis is a constant hazard: a line is as likely to be lost in any second it lives. Then the chance that a loss falls
 * into a window of the axis is the time all lines spent in that window, divided by all the time they lived; how many of the losses lie
 * together follows a binomial, and its tail, times the number of windows that were looked at, is what chance would do. Only windows
 * with the newest loss in them are looked at, so each loss is one test. A line that lived on beyond the window refutes it.
 */

/** One line on one axis, age or quiet time, in milliseconds. */
export interface Span {
  /** Where on the axis it was lost: between the two. */
  readonly fromMs: number;
  readonly toMs: number;
  /** How far along the axis it is known to have lived. */
  readonly provenMs: number;
  /** How far along the axis it was, at its last stretch: what counts as time spent there. */
  readonly reachedMs: number;
  /** Its whole life. */
  readonly livedMs: number;
  /** False: it ended for a reason that is known, or lives. */
  readonly lost: boolean;
}

export interface ConstantLimit {
  readonly valueMs: number;
  readonly errorMs: number;
  readonly occurrences: number;
  /** What chance would have made of it, at most. */
  readonly chance: number;
  /** The lines that are alike, as indices. */
  readonly members: readonly number[];
}

/** How far apart ends may lie that a network delivers of one limit. */
const TOLERANCES_MS: readonly number[] = [100, 1_500];
const LEAST_OCCURRENCES = 3;
/** Moments that are looked at more closely: those that most losses have in common. */
const MOST_LOOKS = 8;
/** How exactly it is known how exactly a loss is known. */
const STRETCH_STEP_MS = 500;
/** What lived this much longer than a limit was not under it. */
const SLACK = 0.01;

/** The least likely common moment, at `leastMs` or beyond, of the newest loss (the last of `spans` that is lost) and others before it. */
export function findConstant(spans: readonly Span[], leastMs: number): ConstantLimit | undefined {
  const last = spans.findLast(({ lost }) => lost);
  if (last === undefined) return undefined;
  const ends = spans.flatMap(({ lost, fromMs, toMs }) => (lost ? [fromMs, toMs] : []));
  let best: ConstantLimit | undefined;
  for (const toleranceMs of TOLERANCES_MS) {
    const near = (span: Span, atMs: number): boolean => span.lost && span.fromMs - toleranceMs <= atMs && atMs <= span.toMs + toleranceMs;
    const moments = [...new Set(ends)]
      .filter((atMs) => atMs - toleranceMs >= leastMs && near(last, atMs))
      .map((atMs) => ({ atMs, members: spans.flatMap((span, index) => (near(span, atMs) ? [index] : [])) }))
      .filter(({ members }) => members.length >= LEAST_OCCURRENCES)
      .sort((one, other) => other.members.length - one.members.length)
      .slice(0, MOST_LOOKS);
    for (const { atMs, members } of moments) {
      const found = judge(spans, members, { atMs, toleranceMs, looks: TOLERANCES_MS.length * Math.min(ends.length, MOST_LOOKS) });
      if (found !== undefined && found.chance < (best?.chance ?? 1)) best = found;
    }
  }
  return best;
}

interface Look {
  readonly atMs: number;
  readonly toleranceMs: number;
  readonly looks: number;
}

function judge(all: readonly Span[], members: readonly number[], look: Look): ConstantLimit | undefined {
  const { atMs, toleranceMs, looks } = look;
  const first = members[0] as number;
  const spans = all.slice(first);
  const beyondMs = atMs + Math.max(toleranceMs, atMs * SLACK);
  if (spans.some(({ provenMs }) => provenMs > beyondMs)) return undefined;
  const livedMs = spans.reduce((sum, span) => sum + span.livedMs, 0);
  const losses = spans.filter(({ lost }) => lost);
  const within = (fromMs: number, toMs: number): number =>
    spans.reduce((spent, { reachedMs }) => spent + Math.max(0, Math.min(reachedMs, toMs) - Math.max(0, fromMs)), 0);
  const known = new Map<number, number>();
  // A loss that is known less exactly is met by a wider window.
  const share = losses.reduce((sum, { fromMs, toMs }) => {
    const stretchMs = Math.ceil((toMs - fromMs) / STRETCH_STEP_MS) * STRETCH_STEP_MS;
    const spent = known.get(stretchMs) ?? within(atMs - toleranceMs - stretchMs, atMs + toleranceMs);
    known.set(stretchMs, spent);
    return sum + spent;
  }, 0);
  const chancePerLoss = Math.min(1, share / losses.length / Math.max(1, livedMs));
  const chance = Math.min(1, looks * tail(losses.length - 1, members.length - 1, chancePerLoss));
  const of = members.map((index) => all[index] as Span);
  const [low, high] = [Math.max(...of.map(({ fromMs }) => fromMs)), Math.min(...of.map(({ toMs }) => toMs))];
  return {
    valueMs: (low + high) / 2,
    errorMs: Math.max(toleranceMs, Math.abs(high - low) / 2),
    occurrences: members.length,
    chance,
    members,
  };
}

/** The chance of at least `least` of `tries`, each with chance `p`. */
export function tail(tries: number, least: number, p: number): number {
  if (least <= 0 || p >= 1) return 1;
  if (p <= 0) return 0;
  let sum = 0;
  let term = (1 - p) ** tries;
  for (let hits = 0; hits <= tries; hits++) {
    if (hits >= least) sum += term;
    term *= ((tries - hits) / (hits + 1)) * (p / (1 - p));
  }
  return Math.min(1, sum);
}

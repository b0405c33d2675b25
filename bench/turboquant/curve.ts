/** Time at equal recall: systems are asked with several settings, and what lies between two of them is drawn straight, in the logarithm of time. */
export interface CurvePoint {
  readonly recall: number;
  readonly ms: number;
}

export interface TimeAtRecall {
  readonly ms: number;
  /** `false`: the least that was asked for already reached more, so it may be less. */
  readonly reachedBetween: boolean;
}

/** `undefined` where no setting reaches it. */
export function timeAtRecall(points: readonly CurvePoint[], recall: number): TimeAtRecall | undefined {
  const front = worthwhile(points);
  const above = front.findIndex((point) => point.recall >= recall);
  const [before, after] = [front[above - 1], front[above]];
  if (after === undefined) return undefined;
  if (before === undefined) return { ms: after.ms, reachedBetween: after.recall === recall };
  const share = (recall - before.recall) / (after.recall - before.recall);
  return { ms: before.ms * (after.ms / before.ms) ** share, reachedBetween: true };
}

/** By rising recall, without points that another one beats in both. */
export function worthwhile(points: readonly CurvePoint[]): readonly CurvePoint[] {
  const falling = [...points].sort((a, b) => b.recall - a.recall || a.ms - b.ms);
  const kept: CurvePoint[] = [];
  for (const point of falling) if (kept.every(({ ms }) => point.ms < ms)) kept.push(point);
  return kept.reverse();
}

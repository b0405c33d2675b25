/**
 * How long refused mail rests before it is offered again: doubled each time up to `steadyMs`, and from there on longer by a quarter each
 * time: more and more nearly a quarter of the time it has waited. So what is refused for days is offered once an hour and not every
 * minute, and what is taken again is late by a part of the time it waited anyway.
 */
export interface RefusalPauses {
  readonly firstMs: number;
  readonly steadyMs: number;
  readonly longestMs: number;
}

/** `refusals`: how often it was refused, this time included. */
export function refusalPauseMs(refusals: number, { firstMs, steadyMs, longestMs }: RefusalPauses): number {
  const doublings = Math.max(0, Math.ceil(Math.log2(steadyMs / firstMs)));
  if (refusals <= doublings) return Math.min(steadyMs, longestMs, firstMs * 2 ** (refusals - 1));
  return Math.min(longestMs, steadyMs * 1.25 ** Math.min(refusals - 1 - doublings, 100));
}

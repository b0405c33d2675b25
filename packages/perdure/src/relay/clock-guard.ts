/**
 * Whether the wall clock may be trusted to end mail. A jump forward against monotonic time holds reclaim for `holdMs`, or until
 * the wall clock is back where it was expected; a jump back is told once.
 */
export interface ClockReading {
  readonly jump: "forward" | "back" | undefined;
  readonly byMs: number;
  /** Nothing may be ended for its age now. */
  readonly holding: boolean;
}

export function createClockGuard(
  options: { readonly jumpMs: number; readonly holdMs: number },
  wallMs: number,
  monotonicMs: number,
): (wallMs: number, monotonicMs: number) => ClockReading {
  let expectedOffset = wallMs - monotonicMs;
  let heldUntil: number | undefined;
  return (wall, monotonic) => {
    const offset = wall - monotonic;
    const byMs = offset - expectedOffset;
    if (heldUntil !== undefined) {
      const back = Math.abs(byMs) < options.jumpMs;
      if (!back && monotonic < heldUntil) return { jump: undefined, byMs, holding: true };
      heldUntil = undefined;
      if (!back) expectedOffset = offset;
      return { jump: undefined, byMs, holding: false };
    }
    if (byMs >= options.jumpMs) {
      heldUntil = monotonic + options.holdMs;
      return { jump: "forward", byMs, holding: true };
    }
    // Small differences are the machine's clock being disciplined: they are followed, so that they never add up to a jump.
    expectedOffset = offset;
    return { jump: byMs <= -options.jumpMs ? "back" : undefined, byMs, holding: false };
  };
}

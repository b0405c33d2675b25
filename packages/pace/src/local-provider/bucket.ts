/** A limit by the minute, or by another window, as services keep it: it fills all the time, up to the limit, or is full again at the end of each window. */
export interface Bucket {
  readonly limit: number;
  /** Units that are there; below zero where refused calls were charged. */
  level(nowMs: number): number;
  /** From when on so many units are there. */
  readyMs(nowMs: number, units: number): number;
  take(nowMs: number, units: number): void;
  /** When it is full, or the window ends. */
  resetMs(nowMs: number): number;
}

export interface BucketSettings {
  readonly limit: number;
  readonly windowMs: number;
  readonly shape: "bucket" | "window";
  /** Units at the beginning. */
  readonly level: number;
}

export function createBucket(nowMs: number, { limit, windowMs, shape, level: first }: BucketSettings): Bucket {
  let level = Math.min(first, limit);
  let countedMs = nowMs;
  let endsMs = nowMs + windowMs;
  const count = (now: number): void => {
    if (shape === "bucket") level = Math.min(limit, level + (Math.max(0, now - countedMs) * limit) / windowMs);
    else if (now >= endsMs) {
      level = limit;
      endsMs += windowMs * (1 + Math.floor((now - endsMs) / windowMs));
    }
    countedMs = Math.max(countedMs, now);
  };
  return {
    limit,
    level: (now) => {
      count(now);
      return level;
    },
    readyMs: (now, units) => {
      count(now);
      if (level >= units) return now;
      return shape === "bucket" ? now + ((units - level) * windowMs) / limit : endsMs;
    },
    take: (now, units) => {
      count(now);
      level -= units;
    },
    resetMs: (now) => {
      count(now);
      return shape === "bucket" ? now + ((limit - level) * windowMs) / limit : endsMs;
    },
  };
}

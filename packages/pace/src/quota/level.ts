import type { Level } from "../control/headed-rate.ts";
import type { Reading } from "./reading.ts";

/** A window that is spent as fast as it passes counts as a bucket that is so full. */
const ON_TIME = 0.6;

/** What the pace is held to. Of a window: whether what remains is more than the time that remains. */
export function levelOf({ limit, windowMs, remaining, resetInMs, shape }: Reading): Level {
  const perSecond = (limit * 1000) / windowMs;
  if (shape === "bucket") return { perSecond, remaining };
  const left = Math.max(1e-3, Math.min(1, resetInMs / windowMs));
  return { perSecond, remaining: Math.min(1, (ON_TIME * remaining) / limit / left) * limit, most: limit };
}

import type { Level } from "../control/headed-rate.ts";
import type { WindowLevel } from "../control/window-rate.ts";
import type { Reading } from "./reading.ts";

/** What the pace is held to. */
export function levelOf({ limit, windowMs, remaining, resetInMs, shape }: Reading): Level | WindowLevel {
  const perSecond = (limit * 1000) / windowMs;
  if (shape === "bucket") return { perSecond, remaining };
  return { perSecond, remaining, most: limit, windowMs, leftMs: Math.min(windowMs, resetInMs) };
}

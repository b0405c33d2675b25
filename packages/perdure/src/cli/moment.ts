/** Moments of the past as people write them: a date, or how long ago. */
import { PerdureError } from "../wire/error.ts";
import { parseDuration } from "./quantity.ts";

/** Reads "2h" (ago), "2026-11-21", "2026-11-21 14:00" (of this machine's time zone) or a date with a zone; `bad-argument` otherwise, and for the future. */
export function parseMoment(text: string, nowMs: number): number {
  const written = text.trim();
  const atMs = /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(written) ? nowMs - parseDuration(written) : dateMs(written);
  const refuse = (why: string): never => {
    throw new PerdureError("bad-argument", `"${text}" ${why}`, {
      hint: 'Write how long ago (2h, 3d) or a date of the past: 2026-11-21, "2026-11-21 14:00", 2026-11-21T14:00Z.',
    });
  };
  if (!Number.isFinite(atMs) || atMs < 0) refuse("is no moment");
  if (atMs > nowMs) refuse("lies in the future");
  return Math.floor(atMs);
}

/** A date alone is the beginning of that day where the reader is. */
function dateMs(written: string): number {
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?)?$/.test(written)) return Number.NaN;
  return Date.parse(written.includes(":") ? written.replace(" ", "T") : `${written}T00:00`);
}

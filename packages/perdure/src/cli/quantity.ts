/** Sizes, durations and times as people write and read them. */
import { PerdureError } from "../wire/error.ts";

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads "500ms", "30s", "5m", "2h", "7d"; `bad-argument` otherwise. Milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text.trim());
  const unit = UNITS_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw new PerdureError("bad-argument", `"${text}" is not a duration`, { hint: "Write a number and a unit: 500ms, 30s, 5m, 2h or 7d." });
  }
  return Math.round(Number(match[1]) * unit);
}

/** "340 ms", "2.1 s", "4 min", "3 h", "6 d". */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trim(ms / 1000)} s`;
  if (ms < 3_600_000) return `${trim(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${trim(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** "12 bytes", "4.2 KB", "8 MB" (1,024 bytes to a KB). */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${trim(bytes / 1024)} KB`;
  if (bytes < 1024 * 1024 * 1024) return `${trim(bytes / (1024 * 1024))} MB`;
  return `${trim(bytes / (1024 * 1024 * 1024))} GB`;
}

/** "2,411,724". */
export function numberText(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** "250 ms"; "no" for 0 of what is yes or no. */
export function valueText(value: number, unit: string): string {
  if (unit === "yes or no") return value === 0 ? "no" : "yes";
  return `${numberText(value)} ${unit}`;
}

export function countText(count: number, one: string, many: string = `${one}s`): string {
  return `${numberText(count)} ${count === 1 ? one : many}`;
}

/** "14:03:02.118" of this machine's time zone. */
export function clockText(wallMs: number): string {
  const at = new Date(wallMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** "2026-11-21 14:03:02.118" of this machine's time zone. */
export function dateText(wallMs: number): string {
  const at = new Date(wallMs);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clockText(wallMs)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function trim(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

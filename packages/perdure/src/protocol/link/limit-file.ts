/** What a folder remembers of limits on the way: a limit that took hours to find is known at the next start. */
import type { Files } from "../../host/files.ts";
import { readWhole, replaceFile } from "../../identity/whole-file.ts";
import { fromUtf8, utf8 } from "../../wire/bytes.ts";
import type { LimitFinding } from "./lifetimes.ts";

const FILE = "limits.json";
const FORMAT = "perdure-limits/1";
const MAX_BYTES = 64 * 1024;
const MAX_LIMITS = 64;

/** Those that were found; none where the file is absent or cannot be understood: it is learned anew. */
export async function readLimits(files: Files, folder: string): Promise<readonly LimitFinding[]> {
  try {
    const bytes = await readWhole(files, `${folder}/${FILE}`, MAX_BYTES);
    if (bytes === undefined) return [];
    const read: unknown = JSON.parse(fromUtf8(bytes));
    if (!isRecord(read) || read["format"] !== FORMAT || !Array.isArray(read["limits"])) return [];
    return read["limits"].filter(isFinding).slice(0, MAX_LIMITS);
  } catch {
    return [];
  }
}

export async function writeLimits(files: Files, folder: string, limits: readonly LimitFinding[]): Promise<void> {
  const kept = limits
    .filter(({ state }) => state === "found")
    .slice(-MAX_LIMITS)
    .map(({ path, kind, valueMs, errorMs, occurrences, confidence, state, foundAtMs }) => ({
      path,
      kind,
      valueMs,
      errorMs,
      occurrences,
      confidence,
      state,
      foundAtMs,
    }));
  await replaceFile(files, `${folder}/${FILE}`, utf8(`${JSON.stringify({ format: FORMAT, limits: kept }, null, 2)}\n`));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function isFinding(value: unknown): value is LimitFinding {
  if (!isRecord(value)) return false;
  const numbers = ["valueMs", "errorMs", "occurrences", "confidence", "foundAtMs"].every(
    (name) => Number.isFinite(value[name]) && Number(value[name]) >= 0,
  );
  return (
    numbers && typeof value["path"] === "string" && (value["kind"] === "age" || value["kind"] === "idle") && value["state"] === "found"
  );
}

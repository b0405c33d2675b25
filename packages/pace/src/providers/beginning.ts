import type { Clock } from "../host/clock.ts";

/** Refusals are short. */
const MOST_BYTES = 20_000;
/** One that does not come to its end is judged by what came. */
const LONGEST_MS = 5000;

/** The first of a body as text, which stays there for others to read. */
export async function beginningOf(answer: Response, clock: Clock): Promise<string> {
  // Who sends for us may have read it.
  if (answer.body === null || answer.body.locked || answer.bodyUsed) return "";
  const reader = answer.clone().body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let come = 0;
  const forget = clock.wake(clock.now() + LONGEST_MS, () => void reader.cancel().catch(() => undefined));
  try {
    for (let next = await reader.read(); !next.done && come < MOST_BYTES; next = await reader.read()) {
      come += next.value.length;
      text += decoder.decode(next.value, { stream: true });
    }
  } catch {
    // The connection broke: what came is what there is.
  } finally {
    forget();
    void reader.cancel().catch(() => undefined);
  }
  return text;
}

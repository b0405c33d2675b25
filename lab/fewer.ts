/**
 * Delta debugging: the fewest items of a list with which something still happens. Deterministic: which of several candidates is taken
 * depends on their order alone, never on which was tried faster.
 */

/** Index of the first candidate that still does it; `undefined` when none does. */
export type Try<Candidate> = (candidates: readonly Candidate[]) => Promise<number | undefined>;

/** No item of what comes back can be left out alone, unless `attempt` gave up. The order stays. */
export async function fewest<Item>(items: readonly Item[], attempt: Try<readonly Item[]>): Promise<readonly Item[]> {
  if (items.length === 0) return items;
  if ((await attempt([[]])) !== undefined) return [];
  let left = items;
  for (let parts = 2; left.length > 1; ) {
    const size = Math.ceil(left.length / parts);
    const starts = Array.from({ length: Math.ceil(left.length / size) }, (_, part) => part * size);
    const alone = parts === 2 ? starts.map((start) => left.slice(start, start + size)) : [];
    const without = parts === 2 ? [] : starts.map((start) => [...left.slice(0, start), ...left.slice(start + size)]);
    const candidates = [...alone, ...without];
    const found = await attempt(candidates);
    if (found !== undefined) {
      left = candidates[found] as readonly Item[];
      parts = Math.max(2, Math.min(parts - 1, left.length));
    } else if (parts >= left.length) break;
    else parts = Math.min(left.length, 2 * parts);
  }
  return left;
}

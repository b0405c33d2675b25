/** Of those that wait, who cannot leave in time any more: a rate fell, a budget is gone. */
import type { Waiting } from "./line.ts";

/** Of more requesters each is taken to have as many before one. */
const COUNTED = 256;

/**
 * `leavesMs`: when one leaves that has so many before it, at the earliest. The classes leave in their order, the requesters of one in turns, each with the nearest deadline
 * first; who is hopeless is before nobody.
 */
export function hopelessOf<Item extends Waiting>(
  waiting: readonly Item[],
  leavesMs: (item: Item, ahead: number) => number,
): readonly Item[] {
  const inOrder = [...waiting].sort((one, other) => one.rank - other.rank || one.deadlineMs - other.deadlineMs);
  const hopeless: Item[] = [];
  const keptOf = new Map<string, number>();
  let [rank, ofEarlier, kept] = [-1, 0, 0];
  for (const item of inOrder) {
    if (item.rank !== rank) {
      [rank, ofEarlier] = [item.rank, kept];
      keptOf.clear();
    }
    const ahead = ofEarlier + Math.min(kept - ofEarlier, inTurns(keptOf, item.requester));
    if (leavesMs(item, ahead) > item.deadlineMs) hopeless.push(item);
    else {
      kept++;
      keptOf.set(item.requester, (keptOf.get(item.requester) ?? 0) + 1);
    }
  }
  return hopeless;
}

/** Of those that stay, so many leave before the next one of this requester. */
function inTurns(keptOf: ReadonlyMap<string, number>, requester: string): number {
  const own = keptOf.get(requester) ?? 0;
  if (keptOf.size > COUNTED) return own + keptOf.size * (own + 1);
  let sum = own;
  for (const [name, count] of keptOf) if (name !== requester) sum += Math.min(count, own + 1);
  return sum;
}

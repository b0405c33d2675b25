/** The places of the `count` largest of `values`, the largest first; of equals the earlier one first. */
export function placesOfLargest(values: ArrayLike<number>, count: number): readonly number[] {
  const heap: number[] = [];
  const isWorse = (left: number, right: number): boolean => {
    const [one, other] = [values[left] as number, values[right] as number];
    return one < other || (one === other && left > right);
  };
  // With none to be found everything would be better than the worst of them.
  let least = count > 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  for (let place = 0; place < values.length; place++)
    if (heap.length < count) {
      rise(heap, heap.push(place) - 1, isWorse);
      least = values[heap[0] as number] as number;
    } else if ((values[place] as number) > least) {
      // Of equals those in the heap came earlier.
      heap[0] = place;
      sink(heap, isWorse);
      least = values[heap[0] as number] as number;
    }
  return heap.sort((left, right) => (isWorse(left, right) ? 1 : -1));
}

type Order = (left: number, right: number) => boolean;

/** The worst stands on top. */
function rise(heap: number[], from: number, isWorse: Order): void {
  for (let at = from; at > 0; ) {
    const above = (at - 1) >>> 1;
    if (!isWorse(heap[at] as number, heap[above] as number)) return;
    [heap[at], heap[above]] = [heap[above] as number, heap[at] as number];
    at = above;
  }
}

function sink(heap: number[], isWorse: Order): void {
  for (let at = 0; ; ) {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    let worst = at;
    if (left < heap.length && isWorse(heap[left] as number, heap[worst] as number)) worst = left;
    if (right < heap.length && isWorse(heap[right] as number, heap[worst] as number)) worst = right;
    if (worst === at) return;
    [heap[at], heap[worst]] = [heap[worst] as number, heap[at] as number];
    at = worst;
  }
}

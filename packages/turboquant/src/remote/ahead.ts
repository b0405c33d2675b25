/** So many are waited for at once: of a server far away each takes its time. */
const AT_ONCE = 4;

/** What becomes of each, in their order. */
export async function* ahead<One, Result>(
  all: readonly One[],
  begin: (one: One) => Promise<Result>,
): AsyncGenerator<readonly [One, Result]> {
  const begun: (readonly [One, Promise<Result>])[] = [];
  for (const [nth, one] of all.entries()) {
    for (const next of all.slice(nth + begun.length, nth + AT_ONCE)) {
      const result = begin(next);
      // Whoever waits for it is told; and where nobody does, because one before it failed, nobody has to be.
      result.catch(() => undefined);
      begun.push([next, result]);
    }
    yield [one, await (begun.shift() as readonly [One, Promise<Result>])[1]];
  }
}

/** Runs what it is given in the order in which it came, so many at once and never before the call is over; one that fails lets the next begin. */
export function createTurns(atOnce = 1): <Result>(act: () => Promise<Result>) => Promise<Result> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (act) => {
    // Who is woken takes the place of the one that ended: nobody comes between.
    const isFull = running >= atOnce;
    if (!isFull) running++;
    await (isFull ? new Promise<void>((resolve) => waiting.push(resolve)) : undefined);
    try {
      return await act();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}

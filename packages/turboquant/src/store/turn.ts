/** One thing after the other. */
export interface Turn {
  /** Does what it was created for, once more: after this call began, and for all calls that wait together only once. */
  again(): Promise<void>;
  /** Does something else in its turn. */
  inTurn(act: () => Promise<void>): Promise<void>;
}

export function createTurn(recurring: () => Promise<void>): Turn {
  let last: Promise<unknown> = Promise.resolve();
  let waiting: Promise<void> | undefined;
  const then = (act: () => Promise<void>): Promise<void> => {
    const turn = last.then(act);
    last = turn.catch(() => undefined);
    return turn;
  };
  return {
    inTurn: then,
    again: () => {
      waiting ??= then(() => {
        waiting = undefined;
        return recurring();
      });
      return waiting;
    },
  };
}

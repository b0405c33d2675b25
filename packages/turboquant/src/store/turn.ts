import { createTurns } from "../file/turns.ts";

/** One thing after the other. */
export interface Turn {
  /** Does what it was created for, once more: after this call began, and for all calls that wait together only once. */
  again(): Promise<void>;
  /** Does something else in its turn. */
  inTurn(act: () => Promise<void>): Promise<void>;
}

export function createTurn(recurring: () => Promise<void>): Turn {
  const inTurn = createTurns();
  let waiting: Promise<void> | undefined;
  return {
    inTurn,
    again: () => {
      waiting ??= inTurn(() => {
        waiting = undefined;
        return recurring();
      });
      return waiting;
    },
  };
}

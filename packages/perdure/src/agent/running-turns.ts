/**
 * Which mail a piece of code was called for: so that what a handler sends past its turn, by `agent.send`, counts as automatic too.
 * Agents of one process see each other's turns: a program that hands mail from one to the other is still one chain. A turn that
 * is over causes nothing any more.
 */
import type { Scope } from "../host/scope.ts";
import type { MailView, SendCause } from "./core.ts";

interface RunningTurn extends SendCause {
  readonly of: object;
  running: boolean;
}

export interface RunningTurns {
  /** Runs a handler for a message of the agent that `of` stands for. */
  during<Result>(of: object, mail: MailView, handle: () => Promise<Result>): Promise<Result>;
  /** What code of `of` that runs now sends for. The thread is another agent's when the turn is: it does not carry over. */
  cause(of: object): SendCause | undefined;
}

export function createRunningTurns(scope: Scope | undefined): RunningTurns {
  return {
    async during(of, { from, thread, depth }, handle) {
      if (scope === undefined) return await handle();
      const turn: RunningTurn = { of, from, thread, depth, running: true };
      try {
        return await scope.run(turn, handle);
      } finally {
        turn.running = false;
      }
    },
    cause(of) {
      const turn = scope?.current;
      if (!isTurn(turn) || !turn.running) return undefined;
      return { from: turn.from, thread: turn.of === of ? turn.thread : "", depth: turn.depth };
    },
  };
}

function isTurn(value: object | undefined): value is RunningTurn {
  return value !== undefined && "running" in value && "depth" in value;
}

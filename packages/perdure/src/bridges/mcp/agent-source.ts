/**
 * The agent that all calls of one server work with, opened once.
 *
 * Opening may fail while a relay is away or before there is an agent: the call that needed it fails with the reason, and the
 * next call opens again. A client so keeps its server, and hears from it what is wrong.
 */
import type { Agent } from "../../agent/api.ts";
import { PerdureError } from "../../wire/error.ts";

export interface AgentSource extends AsyncDisposable {
  /** Rejects with what opening said, or `aborted` when the signal fires first. */
  agent(signal: AbortSignal): Promise<Agent>;
}

/** `open` is given a signal that fires when the source is disposed. */
export function createAgentSource(open: (signal: AbortSignal) => Promise<Agent>): AgentSource {
  const closing = new AbortController();
  let opening: Promise<Agent> | undefined;

  const opened = (): Promise<Agent> => {
    if (opening !== undefined) return opening;
    const attempt = open(closing.signal);
    opening = attempt;
    attempt.catch(() => {
      if (opening === attempt) opening = undefined;
    });
    return attempt;
  };

  return {
    agent: (signal) => {
      if (closing.signal.aborted) return Promise.reject(new PerdureError("aborted", "this server is closing"));
      return new Promise((resolve, reject) => {
        const stop = (): void => reject(new PerdureError("aborted", "the call was called off"));
        if (signal.aborted) return stop();
        signal.addEventListener("abort", stop, { once: true });
        opened()
          .then(resolve, reject)
          .finally(() => signal.removeEventListener("abort", stop))
          .catch(() => {});
      });
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      const agent = await opening?.catch(() => undefined);
      await agent?.close();
    },
  };
}

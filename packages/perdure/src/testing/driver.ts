/**
 * Who lets virtual time pass: a world runs while somebody waits for it, and stands still otherwise.
 *
 * What must hold: there is one run of the world at a time, however many waits there are. When a wait ends, the code behind it
 * goes on before the next event, so that a test which does one thing after the other has one history. While something real
 * is waited for with `hold`, no event runs.
 */
import type { World } from "../host/simulated/index.ts";
import { PerdureError } from "../wire/error.ts";

export interface Driver {
  /** Runs the world until `work` settles, and gives its outcome; `aborted` when `life` fires, or when the driver stops. */
  drive<Value>(work: Promise<Value>, life?: AbortSignal): Promise<Value>;
  /** As `work`; no event runs until it settles. */
  hold<Value>(work: Promise<Value>): Promise<Value>;
  /** Ends every wait with `aborted`; nobody needs to be there to hear it. */
  stop(): void;
}

interface Wait {
  readonly outcome: Promise<unknown>;
  readonly end: (error: unknown) => void;
}

export function createDriver(world: Pick<World, "run">): Driver {
  const waits = new Set<Wait>();
  let holds = 0;
  let running = false;
  let stopped = false;

  const standsStill = (): boolean => stopped || holds > 0 || waits.size === 0;

  const go = (): void => {
    if (running || standsStill()) return;
    running = true;
    const endAll = (error: unknown): void => {
      for (const wait of [...waits]) wait.end(error);
    };
    world
      .run({ until: standsStill })
      .then(({ why }) => {
        if (why === "idle") endAll(new PerdureError("timed-out", "nothing is left that could happen, and something is still waited for"));
      }, endAll)
      .finally(() => {
        running = false;
        go();
      });
  };

  const drive = <Value>(work: Promise<Value>, life?: AbortSignal): Promise<Value> => {
    const { promise, resolve, reject } = Promise.withResolvers<Value>();
    const end = (settle: () => void): void => {
      if (!waits.delete(wait)) return;
      life?.removeEventListener("abort", onEnd);
      settle();
    };
    const wait: Wait = { outcome: promise, end: (error) => end(() => reject(error)) };
    const onEnd = (): void => wait.end(life?.reason);
    waits.add(wait);
    life?.addEventListener("abort", onEnd, { once: true });
    work.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
    if (stopped) wait.end(overError());
    else if (life?.aborted) onEnd();
    else go();
    return promise;
  };

  return {
    drive,
    hold: async (work) => {
      holds++;
      try {
        return await work;
      } finally {
        holds--;
        go();
      }
    },
    stop: () => {
      stopped = true;
      for (const wait of [...waits]) {
        wait.outcome.catch(() => undefined);
        wait.end(overError());
      }
    },
  };
}

function overError(): PerdureError {
  return new PerdureError("aborted", "the testnet is closed");
}

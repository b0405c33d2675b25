/**
 * How a world goes from one event to the next: everything that follows from an event in the same instant has happened before the next
 * one begins. What follows are promise jobs; they run once the real loop turns, or when a drain runs them.
 */

/** Gives `undefined` when there is nothing more to run; a promise when the event itself waits for something real. */
export type Begin = () => true | Promise<void> | undefined;

/** Runs events until `begin` gives `undefined` or `after`, called once what follows from an event has happened, gives false. */
export type Pace = (begin: Begin, after: () => boolean) => Promise<void>;

/** One turn of the real loop for each event: right on every host, and a thousand times a millisecond at best. */
export function turnPerEvent(): Pace {
  return async (begin, after) => {
    await turn();
    while (after()) {
      const begun = begin();
      if (begun === undefined) return;
      if (begun !== true) await begun;
      await turn();
    }
  };
}

/** Events between two turns of the real loop: those who watch it (signals, messages to a worker) wait no longer than this. */
const EVENTS_PER_TURN = 256;

/**
 * Many events in one turn of the real loop. `drain` runs every promise job that waits and all that these make, and returns when none is
 * left; it is called at the top of a turn only, where no job runs.
 */
export function manyPerTurn(drain: () => void): Pace {
  return (begin, after) =>
    new Promise((resolve, reject) => {
      const go = (): void => {
        try {
          for (let left = EVENTS_PER_TURN; left > 0; left--) {
            if (!after()) return resolve();
            const begun = begin();
            if (begun === undefined) return resolve();
            if (begun === true) {
              drain();
              continue;
            }
            let ended = false;
            let failed = false;
            const end = (isFailure: boolean): void => {
              ended = true;
              failed = isFailure;
            };
            begun.then(
              () => end(false),
              () => end(true),
            );
            drain();
            if (ended && !failed) continue;
            begun.then(() => setImmediate(go), reject);
            return;
          }
          setImmediate(go);
        } catch (error) {
          reject(error);
        }
      };
      setImmediate(go);
    });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Virtual time in the place of the machine's: `setTimeout` and its likes, `Date`, `performance.now` and `Math.random` of this process. Libraries that know no clock
 * but these play half an hour in seconds, and the same for the same seed.
 *
 * Timers are as Node's are: whole milliseconds, at least one, and before a timer everything that was awaited goes on. A process does nothing else meanwhile.
 */
import process from "node:process";
import { seededRandom } from "../../packages/pace/src/testing/draws.ts";
import { createVirtualTime, type VirtualTime } from "../../packages/pace/src/testing/virtual-time.ts";

export interface VirtualGlobals {
  /** A time of its own, from which on timers are set; what waited for the one before never comes. */
  begin(seed: number): VirtualTime;
  /** What is due until then happens. */
  run(untilMs: number): Promise<void>;
  restore(): void;
}

/** As of Node's timers. */
const MOST_TIMER_MS = 2 ** 31 - 1;
const DATE_MS = Date.UTC(2026, 0, 1);

/** What Node does between two timers: promises and `nextTick` go on as far as they can. A hundred times as fast as a turn of its loop. */
const goOn = (process as unknown as { readonly _tickCallback: () => void })._tickCallback;

type Callback = (...args: readonly unknown[]) => void;

interface Timer {
  forget(): void;
  ref(): Timer;
  unref(): Timer;
  hasRef(): boolean;
  refresh(): Timer;
}

export function installVirtualGlobals(): VirtualGlobals {
  const { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, Date: MachineDate } = globalThis;
  const machineNow = performance.now;
  const machineRandom = Math.random;
  let time = createVirtualTime({ afterEach: goOn });

  const timer = (delayMs: unknown, isRepeated: boolean, call: () => void): Timer => {
    const own = time;
    const asked = Number(delayMs);
    const afterMs = asked >= 1 && asked <= MOST_TIMER_MS ? Math.trunc(asked) : 1;
    let forget: () => void;
    const set = (): void => {
      forget = own.wake(own.now() + afterMs, () => {
        if (isRepeated) set();
        call();
      });
    };
    set();
    const self: Timer = {
      forget: () => forget(),
      ref: () => self,
      unref: () => self,
      hasRef: () => true,
      refresh: () => {
        forget();
        set();
        return self;
      },
    };
    return self;
  };
  const clear = (one: unknown): void => {
    if (typeof one === "object" && one !== null && "forget" in one) (one as Timer).forget();
  };

  class VirtualDate extends MachineDate {
    constructor(...given: readonly unknown[]) {
      if (given.length === 0) super(VirtualDate.now());
      else super(...(given as [number]));
    }
    static override now(): number {
      return Math.floor(time.date());
    }
  }

  Object.assign(globalThis, {
    setTimeout: (call: Callback, delayMs?: unknown, ...args: readonly unknown[]) => timer(delayMs, false, () => call(...args)),
    setInterval: (call: Callback, delayMs?: unknown, ...args: readonly unknown[]) => timer(delayMs, true, () => call(...args)),
    setImmediate: (call: Callback, ...args: readonly unknown[]) => {
      const forget = time.wake(time.now(), () => call(...args));
      return { forget };
    },
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
    Date: VirtualDate,
  });
  performance.now = () => time.now();

  return {
    begin: (seed) => {
      Math.random = seededRandom(seed);
      time = createVirtualTime({ dateMs: DATE_MS, afterEach: goOn });
      return time;
    },
    run: (untilMs) =>
      new Promise((resolve, reject) => {
        // Within a promise nothing goes on between callbacks.
        setImmediate(() => {
          try {
            goOn();
            time.run(untilMs);
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      }),
    restore: () => {
      Object.assign(globalThis, { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, clearImmediate, Date: MachineDate });
      performance.now = machineNow;
      Math.random = machineRandom;
    },
  };
}

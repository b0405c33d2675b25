import { describe, expect } from "vitest";
import type { Clock } from "../clock.ts";
import { sleep } from "../deadline.ts";
import type { Subject } from "./subject.ts";
import { portTest } from "./subject.ts";

export interface ClockSubject extends Subject {
  readonly clock: Clock;
}

/** Declares the tests every Clock passes. */
export function clockConformance(host: string, make: () => Promise<ClockSubject> | ClockSubject): void {
  describe(`clock of ${host}`, () => {
    portTest("wall time is whole milliseconds after 2020", make, async ({ clock }) => {
      expect(Number.isSafeInteger(clock.wallMs())).toBe(true);
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2020, 0));
    });

    portTest("a callback never runs before its delay, and not within the call", make, async ({ clock }) => {
      for (const delayMs of [0, 1, 25]) {
        const begunMs = clock.monotonicMs();
        let returned = false;
        const elapsedMs = await new Promise<number>((resolve) => {
          clock.after(delayMs, () => {
            expect(returned).toBe(true);
            resolve(clock.monotonicMs() - begunMs);
          });
          returned = true;
        });
        expect(elapsedMs).toBeGreaterThanOrEqual(delayMs);
      }
    });

    portTest("shorter delays run first", make, async ({ clock }) => {
      const order: number[] = [];
      await new Promise<void>((resolve) => {
        clock.after(60, () => {
          order.push(60);
          resolve();
        });
        clock.after(10, () => order.push(10));
      });
      expect(order).toEqual([10, 60]);
    });

    portTest("a callback taken back never runs", make, async ({ clock }) => {
      let ran = false;
      const cancel = clock.after(5, () => {
        ran = true;
      });
      cancel();
      cancel();
      await sleep(clock, 30);
      expect(ran).toBe(false);
    });

    portTest("monotonic time never goes back", make, async ({ clock }) => {
      let lastMs = clock.monotonicMs();
      for (let round = 0; round < 20; round++) {
        await sleep(clock, 1);
        const currentMs = clock.monotonicMs();
        expect(currentMs).toBeGreaterThanOrEqual(lastMs);
        lastMs = currentMs;
      }
    });

    portTest("a delay of 60 days is kept, not shortened", make, async ({ clock }) => {
      let ran = false;
      const cancel = clock.after(60 * 24 * 60 * 60 * 1000, () => {
        ran = true;
      });
      await sleep(clock, 30);
      cancel();
      expect(ran).toBe(false);
    });
  });
}

/** What every place that keeps ledgers does, whatever it is made of. */
import { describe, expect, it } from "vitest";
import type { Grant, Report } from "./report.ts";
import type { RightsStore } from "./rights-store.ts";

/** Two ends of one place that answers at once. */
export interface TwoEnds {
  readonly one: RightsStore;
  readonly other: RightsStore;
  close(): void;
}

/** Of somebody who could use more of everything. */
export const HUNGRY: Omit<Report, "holder" | "nth"> = {
  applied: 0,
  weight: 1,
  demands: new Map([["requests", 1]]),
  units: new Map(),
  accepted: 0,
  isAwaiting: true,
  draw: 0.5,
  spendable: new Map(),
};

function asked(store: RightsStore, report: Pick<Report, "holder" | "nth"> & Partial<Report>, partition = "service"): Grant | undefined {
  let grant: Grant | undefined;
  store.exchange(partition, { ...HUNGRY, ...report }, (answer) => {
    grant = answer;
  });
  return grant;
}

export function rightsStoreConformance(name: string, create: () => TwoEnds): void {
  const both = (test: (ends: TwoEnds) => void) => (): void => {
    const ends = create();
    try {
      test(ends);
    } finally {
      ends.close();
    }
  };

  describe(`${name} keeps a ledger that`, () => {
    it(
      "gives the whole to who is alone, and what he gives back to who comes",
      both(({ one, other }) => {
        expect(asked(one, { holder: "a", nth: 1 })?.parts.get("requests")?.part).toBe(1);
        expect(asked(other, { holder: "b", nth: 1 })?.parts.get("requests")).toEqual({ part: 0, due: 0.5 });
        expect(asked(one, { holder: "a", nth: 2, applied: 1 })?.parts.get("requests")?.part).toBe(0.5);
        expect(asked(other, { holder: "b", nth: 2, applied: 1 })?.parts.get("requests")?.part).toBe(0.5);
      }),
    );
    it(
      "does not hear a report that is older than one before it",
      both(({ one }) => {
        asked(one, { holder: "a", nth: 2 });
        expect(asked(one, { holder: "a", nth: 1 })).toBeUndefined();
        expect(asked(one, { holder: "a", nth: 2 })).toBeUndefined();
      }),
    );
    it(
      "has what somebody leaves at once for others",
      both(({ one, other }) => {
        asked(one, { holder: "a", nth: 1 });
        asked(one, { holder: "a", nth: 2, applied: 1, leaves: true });
        expect(asked(other, { holder: "b", nth: 1 })?.parts.get("requests")?.part).toBe(1);
      }),
    );
    it(
      "gives no more units than there are",
      both(({ one, other }) => {
        const units = {
          limit: 10,
          windowMs: 86_400_000,
          shape: "window",
          resetInMs: 86_400_000,
          window: 0,
          used: 0,
          underWay: 0,
          wants: 100,
          least: 1,
        } as const;
        const first = asked(one, { holder: "a", nth: 1, units: new Map([["usd", units]]) })?.units.get("usd");
        const second = asked(other, { holder: "b", nth: 1, units: new Map([["usd", units]]) })?.units.get("usd");
        expect((first?.ceiling ?? 0) + (second?.ceiling ?? 0)).toBe(10);
      }),
    );
    it(
      "begins no window anew that never ends",
      both(({ one, other }) => {
        const units = {
          limit: 10,
          windowMs: Number.POSITIVE_INFINITY,
          shape: "window",
          resetInMs: Number.POSITIVE_INFINITY,
          window: 0,
          used: 0,
          underWay: 0,
          wants: 100,
          least: 1,
        } as const;
        const first = asked(one, { holder: "a", nth: 1, units: new Map([["usd", units]]) })?.units.get("usd");
        const spent = { ...units, window: first?.window ?? 0, used: 10 };
        const second = asked(one, { holder: "a", nth: 2, applied: 1, units: new Map([["usd", spent]]) })?.units.get("usd");
        expect(second).toMatchObject({ window: first?.window, ceiling: 10, free: 0, others: 0 });
        expect(second?.endsMs).toBeUndefined();
        expect(asked(other, { holder: "b", nth: 1, units: new Map([["usd", units]]) })?.units.get("usd")?.ceiling).toBe(0);
      }),
    );
    it(
      "keeps the last fifty of the quotas that it was told to be spendable, whatever names they have",
      both(({ one }) => {
        for (let nth = 1; nth <= 100; nth++)
          asked(one, {
            holder: "a",
            nth,
            spendable: new Map([
              ["kept", 0.5],
              [`name ${nth}`, 1],
            ]),
          });
        const spendable = asked(one, { holder: "a", nth: 101, spendable: new Map() })?.known.spendable;
        expect(spendable?.size).toBe(50);
        expect(spendable?.get("kept")).toBe(0.5);
        expect(spendable?.has("name 100")).toBe(true);
      }),
    );
    it(
      "tells all of a refusal that one had, by another turn and the same pause",
      both(({ one, other }) => {
        const law = asked(one, { holder: "a", nth: 1 });
        asked(other, { holder: "b", nth: 1 });
        const before = other.turn("service");
        const grant = asked(one, { holder: "a", nth: 2, applied: 1, refusedSentMs: law?.madeMs ?? 0 });
        expect(grant?.known.law.pauseBeganMs).toBeDefined();
        expect(other.turn("service")).not.toBe(before);
        expect(asked(other, { holder: "b", nth: 2, applied: 1 })?.known.law.sinceMs).toBe(grant?.known.law.sinceMs);
      }),
    );
    it(
      "is one for each partition",
      both(({ one, other }) => {
        asked(one, { holder: "a", nth: 1 }, "here");
        expect(asked(other, { holder: "b", nth: 1 }, "there")?.parts.get("requests")?.part).toBe(1);
      }),
    );
    it(
      "answers nothing once it is closed",
      both(({ one }) => {
        one.close();
        expect(asked(one, { holder: "a", nth: 1 })).toBeUndefined();
      }),
    );
  });
}

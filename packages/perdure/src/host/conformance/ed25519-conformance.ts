import { describe, expect, test } from "vitest";
import type { VerdictCase } from "./ed25519-disagreement.ts";
import { type Verify, wrongVerdicts } from "./ed25519-verdicts.ts";

/** Declares that a host's verification follows the one rule on every case of these lists, and that each list has both verdicts. */
export function ed25519Conformance(host: string, make: () => Verify, lists: Readonly<Record<string, readonly VerdictCase[]>>): void {
  describe(`Ed25519 of ${host}`, () => {
    test.each(Object.entries(lists))("follows the rule on the vectors of %s", async (_, cases) => {
      expect(new Set(cases.map(({ valid }) => valid))).toEqual(new Set([true, false]));
      expect(await wrongVerdicts(make(), cases)).toEqual([]);
    });
  });
}

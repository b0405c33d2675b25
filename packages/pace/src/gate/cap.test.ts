import { expect, it } from "vitest";
import { createPacer } from "../control/pacer.ts";
import { createAccount } from "../quota/account.ts";
import { createCap, type Whole } from "./cap.ts";

it("remembers few of the quotas that a service names anew with each answer, and all that are told still", () => {
  const cap = createCap(0.5);
  const whole = (...names: readonly string[]): Whole => ({
    mostUnderWay: 10,
    perSecond: 1000,
    lanes: names.map((name) => ({
      key: name,
      account: createAccount(
        0,
        { unit: "requests", name, limit: 100, windowMs: 86_400_000, remaining: 100, resetInMs: 0, shape: "bucket" },
        "header",
      ),
      law: undefined,
      pacer: createPacer(0),
      urgentPacer: createPacer(0),
      untold: 0,
      seenMs: 0,
    })),
  });
  for (let nth = 0; nth < 50; nth++) cap.take(nth * 100, { requests: 1 }, whole("day"))(nth * 100, true);
  for (let nth = 0; nth < 10_000; nth++) cap.readyMs(nth, { requests: 1 }, whole("day", `window ${nth}`));
  expect(cap.remembered).toBeLessThan(100);
  // Half of a day's hundred is taken.
  expect(cap.readyMs(10_000, { requests: 1 }, whole("day"))).toBeGreaterThan(60_000);
});

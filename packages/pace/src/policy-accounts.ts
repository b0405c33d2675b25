/** The quotas of the owner's policy: one account for each, whichever gates take of it. */
import type { Clock } from "./host/clock.ts";
import { createDates } from "./host/dates.ts";
import { type PolicyQuota, readingOf } from "./policy.ts";
import { type Account, createAccount } from "./quota/account.ts";
import { createAccountDoors } from "./quota/account-door.ts";
import { createDatedWindows } from "./quota/dated-windows.ts";
import type { Reading } from "./quota/reading.ts";

export interface PolicyAccount {
  /** As the policy names what it is of: "*", an origin, an origin and a model, or the name that `run` is given. */
  readonly scope: string;
  readonly account: Account;
  /** The same, for one of the gates that take of it. */
  readonly door: () => Account;
}

export interface PolicyAccounts {
  readonly all: readonly PolicyAccount[];
  /** Those that calls to it take of. */
  of(origin: string, model: string | undefined): readonly PolicyAccount[];
}

export const EVERYTHING = "*";
/** Windows of so long, and longer, end by the date: shorter ones are over soon, whatever clock they follow. */
const DAY_MS = 86_400_000;

export function createPolicyAccounts(
  quotas: Readonly<Record<string, readonly PolicyQuota[]>>,
  clock: Clock,
  shared?: (scope: string, reading: Reading) => Account,
): PolicyAccounts {
  const moment = createDates(clock);
  const own = (_scope: string, reading: Reading): Account => {
    const { shape, windowMs } = reading;
    const dated = shape === "window" && windowMs >= DAY_MS ? createDatedWindows(windowMs, moment) : undefined;
    return createAccount(clock.now(), reading, "policy", dated);
  };
  const open = shared ?? own;
  const all = Object.entries(quotas).flatMap(([scope, list]) =>
    list.map((quota) => {
      const account = open(scope, readingOf(quota, clock.date()));
      return { scope, account, door: createAccountDoors(account) };
    }),
  );
  return {
    all,
    of: (origin, model) =>
      all.filter(({ scope }) => scope === EVERYTHING || scope === origin || (model !== undefined && scope === `${origin} ${model}`)),
  };
}

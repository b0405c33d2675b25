/** The quotas of the owner's policy: one account for each, whichever gates take of it. */
import { bad } from "./argument.ts";
import { type PolicyQuota, readingOf } from "./policy.ts";
import { type Account, createAccount } from "./quota/account.ts";
import { createAccountDoors } from "./quota/account-door.ts";
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
  /** Those that calls to it take of. Throws `bad-argument` where quotas are filed under its host alone, which would hold for no call there. */
  of(origin: string, model: string | undefined): readonly PolicyAccount[];
}

export const EVERYTHING = "*";

export function createPolicyAccounts(
  quotas: Readonly<Record<string, readonly PolicyQuota[]>>,
  nowMs: number,
  dateMs: number,
  open = (_scope: string, reading: Reading): Account => createAccount(nowMs, reading, "policy"),
): PolicyAccounts {
  const all = Object.entries(quotas).flatMap(([scope, list]) =>
    list.map((quota) => {
      const account = open(scope, readingOf(quota, dateMs));
      return { scope, account, door: createAccountDoors(account) };
    }),
  );
  return {
    all,
    of: (origin, model) => {
      checkHost(Object.keys(quotas), origin);
      return all.filter(({ scope }) => scope === EVERYTHING || scope === origin || (model !== undefined && scope === `${origin} ${model}`));
    },
  };
}

/** Whether a name without a scheme is that of a host is known when the host is called: `run` may be given any name. */
function checkHost(scopes: readonly string[], origin: string): void {
  if (!URL.canParse(origin)) return;
  const { host } = new URL(origin);
  const bare = scopes.find((scope) => scope === host || scope.startsWith(`${host} `));
  if (bare !== undefined)
    throw bad(`quotas["${bare}"] is the name of a host, and no call's`, `Is "${origin}${bare.slice(host.length)}" meant?`);
}

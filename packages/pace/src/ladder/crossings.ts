/**
 * Whether what is spent has come to a step of which nobody knows yet: asked after each call, so that a burst does not spend all of a quota between two looks.
 *
 * Input: the accounts of which a call takes, and that all gauges were looked at. For each account the next step's beginning is remembered from one look to the next,
 * so that asking costs a comparison. What waits is left out, as nothing of it is spent; so whatever is found here is found by the look that follows, and gone with it.
 */
import type { Account } from "../quota/account.ts";
import type { Ladder } from "./ladder.ts";
import { isReached } from "./step.ts";
import { shareOf } from "./use.ts";

/** An account, and whose it is, as its gauge says. */
export interface Drawn {
  readonly partition: string;
  readonly account: Account;
}

export interface Crossings {
  /** The first that is at a higher step than the ladder knows. */
  find(nowMs: number, drawn: readonly Drawn[]): Drawn | undefined;
  /** The ladder has looked: steps are others. */
  looked(): void;
  /** The ladder looked and did not take it, as it takes nothing that is not believed: it is not found again before the next look. */
  ignore(account: Account): void;
}

export function createCrossings(ladder: Pick<Ladder, "nextOf">): Crossings {
  // bound: by the accounts that were drawn on since the last look.
  const nexts = new Map<Account, number>();

  const nextOf = ({ account, partition }: Drawn): number => {
    const known = nexts.get(account);
    if (known !== undefined) return known;
    const next = ladder.nextOf({ partition, unit: account.unit, name: account.name });
    nexts.set(account, next);
    return next;
  };

  return {
    find: (now, drawn) =>
      drawn.find((one) => {
        const next = nextOf(one);
        return next !== Number.POSITIVE_INFINITY && isReached(shareOf(one.account.used(now), one.account.limit), next);
      }),
    looked: () => nexts.clear(),
    ignore: (account) => void nexts.set(account, Number.POSITIVE_INFINITY),
  };
}

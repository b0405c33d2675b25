/** A gate as it is at one moment, in numbers: nothing in it moves on, and nobody who looks at it can move what it tells of. */
import type { GateState } from "./gate/gate.ts";
import type { Account } from "./quota/account.ts";

/** One quota of the gate. */
export interface AccountState
  extends Pick<Account, "unit" | "name" | "source" | "limit" | "windowMs" | "shape" | "outstanding" | "settled"> {
  /** Units spent in the window, or that lack of a bucket: as of a gauge. */
  readonly used: number;
  /** Units that may be spent now. */
  readonly available: number;
  /** Until a window ends, or a bucket is full. */
  readonly resetInMs: number;
}

export interface PartitionState extends Omit<GateState, "accounts"> {
  readonly accounts: readonly AccountState[];
}

export function partitionStateOf(state: GateState, nowMs: number): PartitionState {
  return { ...state, accounts: state.accounts.map((account) => accountStateOf(account, nowMs)) };
}

function accountStateOf(account: Account, nowMs: number): AccountState {
  const { unit, name, source, limit, windowMs, shape, outstanding, settled } = account;
  const available = Math.max(0, account.available(nowMs));
  // A full bucket of an endless window would take zero times forever.
  const resetInMs = shape === "bucket" && available >= limit ? 0 : Math.max(0, account.resetInMs(nowMs));
  return { unit, name, source, limit, windowMs, shape, outstanding, settled, used: account.used(nowMs), available, resetInMs };
}

/** Where the ledgers of partitions are kept that several gates share: a file of one host, memory, later a network. */
import type { Clock } from "../host/clock.ts";
import { EMPTY_LEDGER, exchange, type Ledger, type LedgerSettings } from "./ledger.ts";
import type { Grant, Report } from "./report.ts";

export interface RightsStore {
  /** Whether an answer is there before `exchange` returns. */
  readonly isAtomic: boolean;
  /**
   * One report to the ledger of a partition, and its answer, all at once or not at all. `answered` may be called before this returns, later, several times or never; the
   * ledger is as `exchange` in `ledger.ts` says. Throws nothing: what cannot be reached does not answer.
   */
  exchange(partition: string, report: Report, answered: (grant: Grant) => void): void;
  /** Another number when something happened that nobody should wait to hear of, as far as it is known here at once. */
  turn(partition: string): number;
  close(): void;
}

/**
 * The lease of a part. Three seconds: who died is missed for so long, and a process that is busy with itself for less keeps what it has.
 */
export const LEASE_MS = 3000;
/** As `OPAQUE_RATE_SETTINGS`. */
export const START_PER_SECOND = 1;

export interface MemoryRightsSettings {
  readonly leaseMs?: number;
  readonly startPerSecond?: number;
  /**
   * Carries a message of a holder to the ledger, or an answer to him, as a network would: late, twice, never. At once, where there is none.
   */
  readonly carry?: (holder: string, deliver: () => void) => void;
}

export interface MemoryRights extends RightsStore {
  ledger(partition: string): Ledger;
}

/** The ledgers of gates in one process; for simulations with a network between. */
export function createMemoryRights(
  clock: Clock,
  { leaseMs = LEASE_MS, startPerSecond = START_PER_SECOND, carry }: MemoryRightsSettings = {},
): MemoryRights {
  const ledgers = new Map<string, Ledger>();
  const settings: LedgerSettings = { leaseMs, startPerSecond, isAtomic: carry === undefined };
  let isClosed = false;
  return {
    isAtomic: carry === undefined,
    exchange: (partition, report, answered) => {
      const send = carry ?? ((_holder: string, deliver: () => void): void => deliver());
      send(report.holder, () => {
        if (isClosed) return;
        const { ledger, grant } = exchange(ledgers.get(partition) ?? EMPTY_LEDGER, report, clock.now(), settings);
        ledgers.set(partition, ledger);
        if (grant !== undefined) send(report.holder, () => answered(grant));
      });
    },
    turn: (partition) => (carry === undefined ? (ledgers.get(partition)?.turn ?? 0) : 0),
    close: () => {
      isClosed = true;
    },
    ledger: (partition) => ledgers.get(partition) ?? EMPTY_LEDGER,
  };
}

/**
 * Who does what when a ladder tells of something, in which order.
 *
 * *Keepers* keep what must not be lost; *watchers* do everything else. On events of which one reaches *emergency* all keepers begin first, in the order in which they
 * came, each running up to its first wait before anything else runs at all; when all have ended, or their time is over, the watchers are told, event by event.
 * Invariants: no watcher hears of an emergency before the keepers of it are done (R3.10), or of anything before what was told earlier; a keeper is begun again
 * only after it ended; one that fails or hangs is told of and stops nobody.
 */

import { checkNames, checkNumber } from "../argument.ts";
import type { Clock } from "../host/clock.ts";
import type { LadderEvent } from "./ladder.ts";
import { waitFor } from "./patience.ts";

/** Keeps what must not be lost: writes it where it outlives the process, and ends when it is there. */
export type Keeper = (events: readonly LadderEvent[], signal: AbortSignal) => void | Promise<void>;

export type Watcher = (event: LadderEvent) => void | Promise<void>;

/** What became of those who were told. */
export type ReactionFault =
  | { readonly kind: "failed"; readonly who: string; readonly error: unknown }
  /** A keeper that did not end in time. */
  | { readonly kind: "late"; readonly who: string; readonly afterMs: number };

export interface ReactionSettings {
  /** All keepers together have so long: 5000 unless said, in which a disk writes what a process has in mind. */
  readonly keepMs?: number;
}

export interface Reactions {
  /** Returns what takes it out again. */
  keep(name: string, keeper: Keeper): () => void;
  watch(name: string, watcher: Watcher): () => void;
  /** Ends when everybody has been told. What one look brought belongs into one call. */
  tell(events: readonly LadderEvent[]): Promise<void>;
}

const KEEP_MS = 5000;

interface Registered {
  readonly who: string;
  readonly keep: Keeper;
  running: Promise<void> | undefined;
  isHanging: boolean;
}

interface Ports {
  readonly clock: Clock;
  /** A keeper that failed is what nobody may overlook. */
  readonly fault: (fault: ReactionFault) => void;
}

/** Throws `bad-argument`. */
export function createReactions(settings: ReactionSettings, { clock, fault }: Ports): Reactions {
  checkNames("reactions", settings, ["keepMs"]);
  const { keepMs = KEEP_MS } = settings;
  checkNumber("keepMs", keepMs, 0);
  // bound: by who registers.
  const keepers = new Set<Registered>();
  const watchers = new Set<readonly [string, Watcher]>();
  let before: Promise<void> | undefined;

  const quietly = (told: ReactionFault): void => {
    try {
      fault(told);
    } catch {
      // Nobody is left to tell.
    }
  };

  const kept = async (keeper: Registered, events: readonly LadderEvent[]): Promise<void> => {
    const { who, keep } = keeper;
    // It would hang again, and again.
    if (keeper.isHanging) return quietly({ kind: "late", who, afterMs: 0 });
    const waited = await waitFor(clock, keepMs, async (signal) => {
      if (keeper.running !== undefined) await keeper.running;
      if (signal.aborted) return;
      const running = Promise.resolve(keep(events, signal)).finally(() => {
        keeper.running = undefined;
        keeper.isHanging = false;
      });
      keeper.running = running.catch(() => undefined);
      await running;
    });
    if (waited.kind === "failed") quietly({ kind: "failed", who, error: waited.error });
    if (waited.kind !== "late") return;
    keeper.isHanging = keeper.running !== undefined;
    quietly({ kind: "late", who, afterMs: keepMs });
  };

  const watched = (events: readonly LadderEvent[]): void => {
    for (const event of events)
      for (const [who, watcher] of watchers) {
        const failed = (error: unknown): void => quietly({ kind: "failed", who, error });
        try {
          Promise.resolve(watcher(event)).catch(failed);
        } catch (error) {
          failed(error);
        }
      }
  };

  const tell = async (events: readonly LadderEvent[]): Promise<void> => {
    if (events.length === 0) return;
    const isEmergency = events.some((event) => event.kind === "step" && event.to === "emergency");
    const keeping = isEmergency ? Promise.all([...keepers].map((keeper) => kept(keeper, events))) : undefined;
    if (keeping === undefined && before === undefined) return watched(events);
    const turn = Promise.all([before, keeping]).then(() => watched(events));
    before = turn;
    await turn;
    if (before === turn) before = undefined;
  };

  const added = <Item>(all: Set<Item>, item: Item): (() => void) => {
    all.add(item);
    return () => void all.delete(item);
  };

  return {
    keep: (who, keep) => added(keepers, { who, keep, running: undefined, isHanging: false }),
    watch: (name, watcher) => added(watchers, [name, watcher] as const),
    tell,
  };
}

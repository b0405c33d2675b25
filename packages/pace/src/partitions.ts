/**
 * The gates of one program by the names of their quotas, of which there are never too many: whoever calls chooses keys and models, and so names.
 *
 * A gate is *busy* while calls wait in it or are under way; otherwise *held* while nothing may leave, as a service asked for a pause, its breaker is open or it told that
 * nothing is left; otherwise *calm*. Beyond `MOST` the calm one makes room that was not used for longest. A held one knows what nobody may forget, or the next call
 * knocks where it was told not to: it goes only beyond `MOST_HELD`, the one that is held the shortest. Where all are busy no other is let in.
 */
import { PaceError } from "./error.ts";
import type { Gate } from "./gate/gate.ts";

export interface Partitions<Item extends { readonly gate: Gate }> {
  /** The one of that name, or the one that is made. Throws `queue-full`. */
  of(name: string, make: () => Item): Item;
  /** All, the one that was used last at the end. */
  entries(): readonly (readonly [string, Item])[];
  values(): readonly Item[];
}

export const MOST = 1000;
export const MOST_HELD = 2000;
/** To look at thousands takes milliseconds: where all were busy they are not looked at for every name that comes. */
const LOOK_AGAIN_MS = 100;

interface Known<Item> {
  readonly item: Item;
  /** It was not used since, and is held until then. */
  heldUntilMs: number | undefined;
}

export function createPartitions<Item extends { readonly gate: Gate }>(now: () => number): Partitions<Item> {
  const all = new Map<string, Known<Item>>();
  let newest: { readonly name: string; readonly item: Item } | undefined;
  let fullMs = Number.NEGATIVE_INFINITY;

  const forget = (name: string): void => {
    all.get(name)?.item.gate.close();
    all.delete(name);
  };

  const makeRoom = (): void => {
    if (all.size < MOST) return;
    const nowMs = now();
    let soonest: { readonly name: string; readonly untilMs: number } | undefined;
    if (nowMs >= fullMs + LOOK_AGAIN_MS)
      for (const [name, known] of all) {
        const untilMs = known.heldUntilMs ?? heldUntilMs(known.item.gate, nowMs);
        if (untilMs <= nowMs) {
          forget(name);
          if (all.size < MOST) return;
        } else if (untilMs !== Number.POSITIVE_INFINITY) {
          known.heldUntilMs = untilMs;
          if (untilMs < (soonest?.untilMs ?? Number.POSITIVE_INFINITY)) soonest = { name, untilMs };
        }
      }
    if (all.size < MOST_HELD) return;
    if (soonest !== undefined) return forget(soonest.name);
    if (nowMs >= fullMs + LOOK_AGAIN_MS) fullMs = nowMs;
    throw new PaceError(
      "queue-full",
      `calls for ${all.size} quotas wait or are under way`,
      "Ask for fewer at once, or name them alike by partitionOf.",
    );
  };

  return {
    of: (name, make) => {
      if (newest?.name === name) return newest.item;
      const known = all.get(name);
      if (known === undefined) {
        // It may be the one that makes room, also where no other is made then.
        newest = undefined;
        makeRoom();
      }
      const item = known?.item ?? make();
      // The last in a map is the one that was used last.
      all.delete(name);
      all.set(name, { item, heldUntilMs: undefined });
      newest = { name, item };
      return item;
    },
    entries: () => [...all].map(([name, { item }]) => [name, item] as const),
    values: () => [...all.values()].map(({ item }) => item),
  };
}

/** Infinity for a busy one. */
function heldUntilMs(gate: Gate, nowMs: number): number {
  const { waiting, underWay, pausedMs, breaker, accounts } = gate.state();
  if (waiting + underWay > 0) return Number.POSITIVE_INFINITY;
  // When it is half open is not told; it is soon.
  const breakerMs = breaker === "open" ? 1 : 0;
  const emptyMs = accounts.map((account) =>
    account.source === "header" && account.unit === "requests" ? account.readyMs(nowMs, Math.min(1, account.limit)) : nowMs,
  );
  return Math.max(nowMs + pausedMs, nowMs + breakerMs, ...emptyMs);
}

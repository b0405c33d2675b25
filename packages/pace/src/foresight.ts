/**
 * What becomes short, seen while there is time: the ladder over all gauges, who keeps what must not be lost, who is told, and what is done with less meanwhile.
 *
 * Gauges are looked at when something happened, and not more often than a few times a second, unless what is spent of an account came to its next step: then at once,
 * so that what must not be lost is kept before more is spent. While anything is short, and where something is measured that changes by itself, they are looked at every
 * second as well. Nothing is looked at while nobody wants to know.
 */
import { bad, shown } from "./argument.ts";
import { createDegrader, type DegradeEvent, type Degrader } from "./degrade/degrader.ts";
import type { Shortage, Strategy } from "./degrade/strategy.ts";
import { PaceError } from "./error.ts";
import { createAlarm } from "./host/alarm.ts";
import type { Clock } from "./host/clock.ts";
import { createCrossings, type Drawn } from "./ladder/crossings.ts";
import { createLadder, type Ladder, type LadderSettings, type Standing } from "./ladder/ladder.ts";
import { createReactions, type Keeper, type ReactionFault, type ReactionSettings, type Watcher } from "./ladder/reactions.ts";
import { createRules, type Rule, type Tagged } from "./ladder/rules.ts";
import { isAtLeast } from "./ladder/step.ts";
import type { Gauge } from "./quota/gauge.ts";

export interface ForesightSettings {
  readonly ladder?: LadderSettings | undefined;
  readonly reactions?: ReactionSettings | undefined;
  /** Ways of doing with less, in the order in which they are asked. */
  readonly lesser?: readonly Strategy[] | undefined;
  readonly rules?: readonly Rule[] | undefined;
}

export interface ForesightPorts {
  readonly clock: Clock;
  /** Whose waking keeps no process alive. */
  readonly quietClock: Clock;
  readonly gauges: () => readonly Gauge[];
  /** Whether gauges change without a call. */
  readonly isMeasured: boolean;
  readonly critical: readonly string[];
  readonly fault?: ((fault: ReactionFault) => void) | undefined;
  readonly lessened?: ((event: DegradeEvent) => void) | undefined;
}

/** For whose gauges it is asked. */
export type IsMeant = (gauge: Gauge) => boolean;

export interface Foresight {
  /** Something happened that gauges may tell; `drawn`: of what more may be spent by it. */
  noticed(drawn?: () => readonly Drawn[]): void;
  /** Whether anybody wants to know. */
  readonly isWanted: boolean;
  keep(name: string, keeper: Keeper): () => void;
  watch(name: string, watcher: Watcher): () => void;
  /** Gauges of somebody else, as of a model's window. */
  include(gauges: () => readonly Gauge[]): () => void;
  readonly standings: readonly Standing[];
  /** Whether calls may be done with less. */
  readonly isLessening: boolean;
  /** Throws `PaceError` with the code `shed` where a rule says so. */
  admit(operation: Tagged): void;
  /** As `admit`, for what may be done with less. */
  degraderFor(operation: Tagged, isMeant: IsMeant): Degrader;
  close(): void;
}

interface Included {
  readonly of: () => readonly Gauge[];
  isFailing: boolean;
}

/** Calls come by the thousand: forecasts, what waits and what is measured are seen in time a quarter of a second later. What is spent and came to its next step is not left so long. */
const LOOK_MS = 250;
const LOOK_AGAIN_MS = 1000;
/** A limit that was assumed, or that refusals spoke against, is nothing to act on. */
const BELIEVED = 0.3;

export function createForesight(
  { ladder: ladderSettings = {}, reactions: reactionSettings = {}, lesser = [], rules = [] }: ForesightSettings,
  { clock, quietClock, gauges, isMeasured, critical, fault, lessened }: ForesightPorts,
): Foresight {
  const ladder: Ladder = createLadder(ladderSettings, clock);
  const crossings = createCrossings(ladder);
  const reactions = createReactions(reactionSettings, { clock, fault: (one) => fault?.(one) });
  const held = createRules(rules, { clock, ladder });
  const degraderWith = (shortageOf: () => Shortage | undefined): Degrader =>
    createDegrader({ strategies: lesser, critical }, { clock, shortageOf, ...(lessened === undefined ? {} : { watch: lessened }) });
  // What is wrong with the strategies is told at once.
  degraderWith(() => undefined);
  const included = new Set<Included>();
  const isLessening = lesser.length > 0 || rules.length > 0;
  let isWanted = isLessening;
  let lookedMs = Number.NEGATIVE_INFINITY;
  const alarm = createAlarm(quietClock, () => look());
  let isClosed = false;

  /** Somebody else's code, in the midst of a call or of nothing: what it throws is told, once until it is well again. */
  const gaugesOf = (one: Included): readonly Gauge[] => {
    try {
      const told = [...one.of()];
      // What is no gauge would throw where nobody catches it, in the midst of every call.
      for (const gauge of told) if (!isGauge(gauge)) throw bad(`a gauge is ${shown(gauge)}`, "As pace.gauges() gives them.");
      one.isFailing = false;
      return told;
    } catch (error) {
      if (!one.isFailing) quietly({ kind: "failed", who: "included gauges", error });
      one.isFailing = true;
      return [];
    }
  };

  const quietly = (told: ReactionFault): void => {
    try {
      fault?.(told);
    } catch {
      // Nobody is left to tell.
    }
  };

  const look = (): void => {
    if (isClosed) return;
    alarm.forget();
    lookedMs = clock.now();
    const all = [...gauges(), ...[...included].flatMap(gaugesOf)].filter(({ confidence }) => confidence >= BELIEVED);
    const events = ladder.look(all);
    crossings.looked();
    // Keepers begin before this returns; faults of theirs are told, none is thrown.
    void reactions.tell(events);
    const isMoving = isMeasured || included.size > 0 || ladder.standings.some(({ step, use }) => step !== "calm" || use > 0);
    // Who was told may have closed it.
    if (isMoving && !isClosed) alarm.by(lookedMs + LOOK_AGAIN_MS);
  };

  const lookAtCrossings = (now: number, drawn: readonly Drawn[]): void => {
    const found = crossings.find(now, drawn);
    if (found === undefined) return;
    look();
    if (crossings.find(now, [found]) !== undefined) crossings.ignore(found.account);
  };

  const want = (): void => {
    isWanted = true;
    alarm.by(clock.now());
  };

  const heard = (name: string): void => {
    if (fault === undefined)
      throw new PaceError("bad-argument", `nobody hears of it when "${name}" fails`, "createPace(policy, { fault: (fault) => … }) does.");
  };

  return {
    noticed: (drawn) => {
      if (!isWanted || isClosed) return;
      const now = clock.now();
      if (now - lookedMs >= LOOK_MS) {
        look();
        return;
      }
      // Who wakes in time already is not asked to for every call.
      alarm.by(lookedMs + LOOK_MS);
      if (drawn !== undefined) lookAtCrossings(now, drawn());
    },
    keep: (name, keeper) => {
      heard(name);
      want();
      return reactions.keep(name, keeper);
    },
    watch: (name, watcher) => {
      heard(name);
      want();
      return reactions.watch(name, watcher);
    },
    include: (of) => {
      const one: Included = { of, isFailing: false };
      included.add(one);
      want();
      return () => void included.delete(one);
    },
    get standings() {
      if (!isWanted) want();
      if (clock.now() - lookedMs >= LOOK_MS) look();
      return ladder.standings;
    },
    isLessening,
    get isWanted() {
      return isWanted;
    },
    admit: (operation) => void held.admit(operation),
    degraderFor: (operation, isMeant) => {
      const ruled = held.admit(operation);
      const highest = ladder.highest(isMeant);
      const measured = highest && { step: highest.step, gauge: `${highest.gauge.partition} ${highest.gauge.unit} ${highest.gauge.name}` };
      const higher = ruled !== undefined && (measured === undefined || isAtLeast(ruled.step, measured.step)) ? ruled : measured;
      return degraderWith(() => higher);
    },
    close: () => {
      isClosed = true;
      alarm.forget();
    },
  };
}

function isGauge(given: unknown): boolean {
  if (typeof given !== "object" || given === null) return false;
  const { partition, unit, name, limit, used, confidence } = given as Readonly<Record<string, unknown>>;
  const isNumber = (value: unknown): boolean => typeof value === "number" && !Number.isNaN(value);
  return [partition, unit, name].every((text) => typeof text === "string") && [limit, used, confidence].every(isNumber);
}

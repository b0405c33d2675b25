/** Processes that share quotas across a network that loses, delays and doubles, with clocks of their own, that sleep, die and begin anew: in virtual time. */
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";
import type { Reservation } from "../quota/account.ts";
import { createHolding, type Holding } from "../rights/holding.ts";
import type { Purse } from "../rights/purse.ts";
import { createMemoryRights, type MemoryRights } from "../rights/rights-store.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";

export interface Weather {
  /** Of messages, each way. */
  readonly lost: number;
  readonly doubled: number;
  readonly mostDelayMs: number;
  /** How often an hour one is cut off, sleeps or dies. */
  readonly cutsPerHour: number;
  readonly sleepsPerHour: number;
  readonly deathsPerHour: number;
  readonly mostTroubleMs: number;
}

export interface HoldersSettings {
  readonly count: number;
  readonly weather: Weather | undefined;
  readonly pool: { readonly limit: number; readonly windowMs: number; readonly shape: "bucket" | "window" };
  /** Of a call, of the pool. */
  readonly units: (random: Random) => number;
  readonly leaseMs?: number;
}

export interface Holder {
  readonly name: string;
  /** Whether it has more to do than it may. */
  isHungry: boolean;
  readonly holding: Holding;
  readonly purse: Purse;
  readonly clock: Clock;
  isCut: boolean;
  isDead: boolean;
}

export interface Holders {
  readonly time: VirtualTime;
  readonly store: MemoryRights;
  readonly all: readonly Holder[];
  /** Units that all have spent of the pool, or may have: by when. */
  readonly spent: readonly { readonly atMs: number; readonly units: number }[];
  /** Of what they hold of the rate by their own clocks, together. */
  parts(): number;
}

const HOUR_MS = 3_600_000;
/** Clocks of machines go differently fast. */
const DRIFT = 0.002;
const PARTITION = "service";

export function createHolders(
  { count, weather, pool, units, leaseMs = 3000 }: HoldersSettings,
  random: Random,
  demand: (random: Random) => boolean,
): Holders {
  const time = createVirtualTime();
  const asleepUntil = new Map<string, number>();
  const cut = new Set<string>();
  const spent: { atMs: number; units: number }[] = [];
  const all: Holder[] = [];
  let names = 0;

  const carry = (holder: string, deliver: () => void): void => {
    if (weather === undefined) return deliver();
    if (cut.has(holder) || random() < weather.lost) return;
    const once = (): void => {
      time.wake(time.now() + random() * weather.mostDelayMs, () => {
        const until = asleepUntil.get(holder) ?? 0;
        if (until > time.now()) time.wake(until, deliver);
        else deliver();
      });
    };
    once();
    if (random() < weather.doubled) once();
  };
  const store = createMemoryRights(time, { leaseMs, ...(weather === undefined ? {} : { carry }) });

  /** Its own, with a beginning and a speed of its own; what is due while it sleeps happens when it wakes. */
  const clockOf = (name: string): Clock => {
    const speed = weather === undefined ? 1 : 1 + (2 * random() - 1) * DRIFT;
    const beganMs = random() * 1e6;
    const now = (): number => beganMs + time.now() * speed;
    return {
      now,
      date: time.date,
      wake: (atMs, call) => {
        let forget = (): void => undefined;
        const when = (): void => {
          const until = asleepUntil.get(name) ?? 0;
          if (until > time.now()) forget = time.wake(until, when);
          else call();
        };
        forget = time.wake((atMs - beganMs) / speed, when);
        return () => forget();
      },
    };
  };

  const start = (): Holder => {
    const name = `holder-${names++}`;
    const clock = clockOf(name);
    const holder: { -readonly [Key in keyof Holder]: Holder[Key] } = {
      name,
      isHungry: demand(random),
      clock,
      isCut: false,
      isDead: false,
    } as Holder;
    holder.holding = createHolding(
      { partition: PARTITION, holder: name, weight: 1 },
      {
        isBusy: () => holder.isHungry && !holder.isDead,
        hungry: () => (holder.isHungry ? ["requests"] : []),
        whole: () => 10,
        spendable: () => new Map(),
        breakerUntilMs: () => undefined,
        changed: () => undefined,
      },
      { clock, random, store },
    );
    holder.purse = holder.holding.purse({ unit: "usd", name: "pool", resetInMs: pool.windowMs, ...pool });
    work(holder);
    return holder;
  };

  /** Spends whatever it may, and asks for more. */
  const work = (holder: Holder): void => {
    holder.clock.wake(holder.clock.now() + 50 + random() * 400, () => {
      if (holder.isDead) return;
      const now = holder.clock.now();
      if (random() < 0.05) holder.isHungry = demand(random);
      if (holder.isHungry) {
        holder.holding.waits(now, false);
        const wanted = units(random);
        if (holder.purse.readyMs(now, wanted) <= now) {
          const reservation: Reservation = holder.purse.reserve(now, wanted);
          const entry = { atMs: time.now(), units: wanted };
          spent.push(entry);
          holder.clock.wake(now + random() * 2000, () => {
            if (holder.isDead) return;
            // Some were never let in.
            const real = random() < 0.1 ? 0 : wanted;
            entry.units = real;
            reservation.settle(holder.clock.now(), real);
          });
        }
      }
      work(holder);
    });
  };

  const trouble = (perHour: number, one: (nth: number) => void): void => {
    if (perHour === 0) return;
    time.wake(time.now() + (-Math.log(1 - random()) * HOUR_MS) / perHour, () => {
      one(Math.floor(random() * count));
      trouble(perHour, one);
    });
  };

  for (let nth = 0; nth < count; nth++) all.push(start());
  if (weather !== undefined) {
    const long = (): number => random() * weather.mostTroubleMs;
    trouble(weather.cutsPerHour, (nth) => {
      const { name } = all[nth] as Holder;
      cut.add(name);
      time.wake(time.now() + long(), () => cut.delete(name));
    });
    trouble(weather.sleepsPerHour, (nth) => asleepUntil.set((all[nth] as Holder).name, time.now() + long()));
    trouble(weather.deathsPerHour, (nth) => {
      (all[nth] as Holder).isDead = true;
      all[nth] = start();
    });
  }
  return {
    time,
    store,
    all,
    spent,
    parts: () => all.reduce((sum, { holding, clock, isDead }) => sum + (isDead ? 0 : holding.part(clock.now(), "requests")), 0),
  };
}

/**
 * How fast somebody may go: the generic cell rate algorithm (ITU-T I.371), one number of state for each key.
 *
 * The number is when the key's bucket is full again, of a monotonic clock. Taking `cost` moves it on by `cost` intervals; what would move
 * it further than a whole burst ahead of now is not taken. What costs more than a burst is taken from a full bucket only, and paid off after.
 *
 * Invariants:
 * - Over any time a key takes at most a burst, one oversized cost, and what the rate gives in that time.
 * - A bucket is forgotten only when it is full again, so forgetting gives nobody anything. Keys that find no place share one bucket:
 *   somebody with many keys shares it with himself and with who comes new meanwhile, and never takes from a key that has a place.
 * - A clock that goes back stands still until it is where it was.
 */
export interface Rate {
  readonly perSecond: number;
  /** What may come at once after a pause. */
  readonly burst: number;
}

export interface Verdict {
  readonly taken: boolean;
  /** What can be taken at once from here on, rounded down. */
  readonly remaining: number;
  /** Milliseconds until there is room for the same; 0 when it was taken. */
  readonly resetMs: number;
  /** Milliseconds until the bucket is full. */
  readonly fullMs: number;
}

export interface Gcra {
  /** Takes `cost` when there is room for it. */
  judge(key: string, cost: number, nowMs: number): Verdict;
  /** What `judge` would say; takes nothing. */
  look(key: string, cost: number, nowMs: number): Verdict;
  /** Whether `judge` would take it; takes nothing. */
  fits(key: string, cost: number, nowMs: number): boolean;
  /** The same as `judge` for whoever need not know more than whether it was taken. */
  take(key: string, cost: number, nowMs: number): boolean;
  /** Keys with a bucket of their own. */
  readonly keys: number;
}

export interface GcraOptions extends Rate {
  /** Keys that have a bucket of their own at most; all others share one more. */
  readonly keys: number;
}

interface Bucket {
  fullAtMs: number;
}

/** Buckets looked at for one new key: what is full among them makes room. */
const LOOKS = 8;
const SHARED = Symbol("shared");
/** A part of an interval that nobody waits for. */
const LAST_BITS = 1e-6;

export function createGcra({ perSecond, burst, keys }: GcraOptions): Gcra {
  const intervalMs = 1000 / perSecond;
  const burstMs = burst * intervalMs;
  /** In the order in which they are looked at for room, each changed in place. bound: `keys` and one */
  const buckets = new Map<string | typeof SHARED, Bucket>();
  let latestMs = Number.NEGATIVE_INFINITY;
  const owners = (): number => buckets.size - (buckets.has(SHARED) ? 1 : 0);

  /** Below 0 after what cost more than a burst: that is paid off first. */
  const roomMs = (fullAtMs: number, nowMs: number): number => burstMs - Math.max(0, fullAtMs - nowMs);
  const lackMs = (fullAtMs: number, nowMs: number, cost: number): number =>
    cost === 0 ? 0 : Math.min(cost * intervalMs, burstMs) - roomMs(fullAtMs, nowMs);
  // What was summed from fractions, one for each that was taken, must not fail by the last bits of them.
  const hasRoom = (fullAtMs: number, nowMs: number, cost: number): boolean =>
    lackMs(fullAtMs, nowMs, cost) <= intervalMs * LAST_BITS + nowMs * Number.EPSILON * burst;

  const verdict = (fullAtMs: number, nowMs: number, cost: number): Verdict => {
    const taken = hasRoom(fullAtMs, nowMs, cost);
    return {
      taken,
      remaining: Math.max(0, Math.floor(roomMs(fullAtMs, nowMs) / intervalMs + 1e-9)),
      resetMs: taken ? 0 : Math.ceil(lackMs(fullAtMs, nowMs, cost)),
      fullMs: Math.ceil(Math.max(0, fullAtMs - nowMs)),
    };
  };

  /** The clock-hand moves on: full ones go, the others are looked at again after all the rest. */
  const makeRoom = (nowMs: number): void => {
    let looks = 0;
    for (const [key, bucket] of buckets) {
      if (looks++ >= LOOKS) return;
      if (key === SHARED) continue;
      buckets.delete(key);
      if (bucket.fullAtMs > nowMs) buckets.set(key, bucket);
    }
  };

  /** The bucket it has, or takes from here on. */
  const bucketOf = (key: string, nowMs: number): Bucket => {
    const known = buckets.get(key);
    if (known !== undefined) return known;
    if (owners() >= keys) makeRoom(nowMs);
    const slot = owners() < keys ? key : SHARED;
    const bucket = buckets.get(slot) ?? { fullAtMs: nowMs };
    buckets.set(slot, bucket);
    return bucket;
  };

  const advance = (nowMs: number): number => {
    latestMs = Math.max(latestMs, nowMs);
    return latestMs;
  };
  const fullAtOf = (key: string, nowMs: number): number =>
    (buckets.get(key) ?? (owners() < keys ? undefined : buckets.get(SHARED)))?.fullAtMs ?? nowMs;

  return {
    judge: (key, cost, givenMs) => {
      const nowMs = advance(givenMs);
      const bucket = bucketOf(key, nowMs);
      const said = verdict(bucket.fullAtMs, nowMs, cost);
      if (!said.taken) return said;
      bucket.fullAtMs = Math.max(bucket.fullAtMs, nowMs) + cost * intervalMs;
      const { remaining, fullMs } = verdict(bucket.fullAtMs, nowMs, 0);
      return { taken: true, remaining, resetMs: 0, fullMs };
    },
    look: (key, cost, givenMs) => {
      const nowMs = Math.max(latestMs, givenMs);
      return verdict(fullAtOf(key, nowMs), nowMs, cost);
    },
    fits: (key, cost, givenMs) => {
      const nowMs = Math.max(latestMs, givenMs);
      return hasRoom(fullAtOf(key, nowMs), nowMs, cost);
    },
    take: (key, cost, givenMs) => {
      const nowMs = advance(givenMs);
      const bucket = bucketOf(key, nowMs);
      if (!hasRoom(bucket.fullAtMs, nowMs, cost)) return false;
      bucket.fullAtMs = Math.max(bucket.fullAtMs, nowMs) + cost * intervalMs;
      return true;
    },
    get keys() {
      return owners();
    },
  };
}

/**
 * A service with a limit, as services are: a bucket that fills at a rate which may change, and refuses when it is empty. For tests and for `npm run bench -- pace`.
 *
 * An answer comes after a while, a refusal too; a refused call may be charged, down to a debt; fields tell what is left, or nothing, or a lie. A service may
 * also be slow when much is under way, and say that it has too much of everybody: that takes nothing of the bucket.
 */
import type { Clock } from "../host/clock.ts";
import type { Random } from "../host/random.ts";

export interface ProviderSettings {
  /** Units a second at a moment; it may jump. */
  readonly perSecond: (nowMs: number) => number;
  /** Units that a full bucket holds. */
  readonly burst: number;
  /** Of a refused call. */
  readonly charge: number;
  /** Below zero: what refused calls may owe. */
  readonly mostDebt: number;
  /** `underWay`: calls that it works on, this one included. */
  readonly latencyMs: (random: Random, nowMs: number, underWay: number) => number;
  /** One way to the door, where a call is let in or refused. Without it that is halfway, and a refusal takes as long as an answer. */
  readonly doorMs?: number;
  /** Beyond so many under way it says 503. */
  readonly mostUnderWay: number;
  readonly tells: Tells | ((nowMs: number) => Tells);
}

/** What its answers say of the limit. */
export type Tells = "nothing" | "levels" | "lies" | "retry-after";

export interface ProviderAnswer {
  readonly status: 200 | 429 | 503;
  readonly fields: Readonly<Record<string, string>>;
}

export interface Provider {
  readonly accepted: number;
  readonly refused: number;
  readonly overloaded: number;
  ask(units: number, answered: (answer: ProviderAnswer) => void): void;
  /** The same, for code that awaits. */
  readonly fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>;
}

/** Six hundred a minute, a burst of twenty, a quarter to three quarters of a second, and half a unit for a refusal. */
export const PROVIDER_SETTINGS: ProviderSettings = {
  perSecond: () => 10,
  burst: 20,
  charge: 0.5,
  mostDebt: 20,
  latencyMs: (random) => 250 + 500 * random(),
  mostUnderWay: Number.POSITIVE_INFINITY,
  tells: "nothing",
};

export function createProvider(clock: Clock, random: Random, settings: Partial<ProviderSettings> = {}): Provider {
  const { perSecond, burst, charge, mostDebt, latencyMs, doorMs, mostUnderWay, tells } = { ...PROVIDER_SETTINGS, ...settings };
  let level = burst;
  let filledMs = clock.now();
  let [accepted, refused, overloaded, underWay] = [0, 0, 0, 0];

  const judge = (units: number): ProviderAnswer => {
    const now = clock.now();
    if (underWay > mostUnderWay) {
      overloaded++;
      return { status: 503, fields: {} };
    }
    const rate = perSecond(now);
    level = Math.min(burst, level + (rate * (now - filledMs)) / 1000);
    filledMs = now;
    const isIn = level >= units;
    level = isIn ? level - units : Math.max(-mostDebt, level - charge);
    if (isIn) accepted++;
    else refused++;
    return { status: isIn ? 200 : 429, fields: fieldsOf(isIn, rate, typeof tells === "string" ? tells : tells(now)) };
  };

  const fieldsOf = (isIn: boolean, rate: number, now: Tells): Readonly<Record<string, string>> => {
    const limit = rate * 60;
    const told = {
      "x-ratelimit-limit-requests": String(limit),
      "x-ratelimit-remaining-requests": String(Math.max(0, Math.floor(level))),
      "x-ratelimit-reset-requests": `${Math.round(((limit - level) / rate) * 1000)}ms`,
    };
    if (now === "levels") return told;
    if (now === "lies") return { ...told, "x-ratelimit-remaining-requests": String(limit) };
    return now === "retry-after" && !isIn ? { "retry-after": String(Math.max(1, Math.ceil((1 - level) / rate))) } : {};
  };

  const ask = (units: number, answered: (answer: ProviderAnswer) => void): void => {
    const latency = latencyMs(random, clock.now(), ++underWay);
    const thereMs = doorMs ?? latency / 2;
    clock.wake(clock.now() + thereMs, () => {
      const answer = judge(units);
      const backMs = doorMs === undefined || answer.status === 200 ? latency - thereMs : doorMs;
      clock.wake(clock.now() + backMs, () => {
        underWay--;
        answered(answer);
      });
    });
  };

  return {
    get accepted() {
      return accepted;
    },
    get refused() {
      return refused;
    },
    get overloaded() {
      return overloaded;
    },
    ask,
    fetch: () =>
      new Promise((resolve) => {
        ask(1, ({ status, fields }) => resolve(new Response(status === 200 ? "{}" : '{"error":"too many"}', { status, headers: fields })));
      }),
  };
}

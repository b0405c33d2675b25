/** A rate of the settings register, applied to whoever it is about: what it says when somebody is too fast. */
import type { Settings } from "../../settings/register.ts";
import { type LimitHit, PerdureError } from "../../wire/error.ts";
import { createGcra, type Verdict } from "./gcra.ts";

const METERS = {
  agentMessages: ["agentMessagesPerSecond", "agentMessagesBurst", 1, "messages of one agent"],
  agentBytes: ["agentBytesPerSecond", "agentBytesBurst", 1, "bytes of messages of one agent"],
  agentRequests: ["agentRequestsPerSecond", "agentRequestsBurst", 1, "requests of one agent"],
  peerMessages: ["peerMessagesPerSecond", "peerMessagesBurst", 1, "messages of one other relay"],
  peerBytes: ["peerBytesPerSecond", "peerBytesBurst", 1, "bytes of messages of one other relay"],
  peerRequests: ["peerRequestsPerSecond", "peerRequestsBurst", 1, "requests of one other relay"],
  strangerMessages: ["strangerMessagesPerHour", "strangerMessagesBurst", 3600, "messages from strangers into one mailbox"],
  registrations: ["registrationsPerHour", "registrationsBurst", 3600, "new agents"],
  sourceHandshakes: ["sourceHandshakesPerSecond", "sourceHandshakesBurst", 1, "handshakes with one address"],
  sourceRequests: ["sourceRequestsPerSecond", "sourceRequestsBurst", 1, "HTTP requests from one address"],
  relayRequests: ["relayRequestsPerSecond", "relayRequestsBurst", 1, "HTTP requests from everybody together"],
} as const satisfies Record<string, readonly [rate: keyof Settings, burst: keyof Settings, seconds: number, of: string]>;

export type MeterName = keyof typeof METERS;
/** The settings meters are made from. */
export type RateLimits = Pick<Settings, (typeof METERS)[MeterName][0 | 1]>;

/** Somebody was too fast: which limit, and when there is room again. */
export interface RateHit {
  readonly limit: LimitHit;
  readonly afterMs: number;
  readonly why: string;
  readonly hint: string;
}

export interface Meter {
  /** Takes `cost`, or says why not. */
  judge(key: string, cost: number, nowMs: number): RateHit | undefined;
  /** The same for whoever need not know more than whether it was taken. */
  take(key: string, cost: number, nowMs: number): boolean;
  /** What `judge` would say; takes nothing. */
  look(key: string, cost: number, nowMs: number): RateHit | undefined;
  /** Whether `judge` would take it; takes nothing. */
  fits(key: string, cost: number, nowMs: number): boolean;
  /** The same as numbers. */
  measure(key: string, cost: number, nowMs: number): Verdict;
  readonly burst: number;
  /** Milliseconds in which an empty bucket is full. */
  readonly windowMs: number;
  /** Keys with a bucket of their own. */
  readonly keys: number;
}

/** Buckets of one meter: more agents or relays are not registered; of addresses, those beyond share one. */
export const METER_KEYS = 16_384;
/** Nobody is asked back sooner: what came meanwhile goes in one go, and is not refused one by one. */
export const SHORTEST_PAUSE_MS = 1000;

export function createMeter(limits: RateLimits, name: MeterName, keys: number = METER_KEYS): Meter {
  const [rate, burstName, seconds, of] = METERS[name];
  const [value, burst] = [limits[rate], limits[burstName]];
  const gcra = createGcra({ perSecond: value / seconds, burst, keys });
  const per = seconds === 1 ? "a second" : "an hour";

  const hitOf = ({ taken, remaining, resetMs }: Verdict): RateHit | undefined =>
    taken
      ? undefined
      : {
          limit: { name: rate, value: Math.round(value), remaining: Math.max(0, Math.floor(remaining)) },
          afterMs: Math.max(SHORTEST_PAUSE_MS, resetMs),
          why: `more than ${value} ${of} ${per}`,
          hint: `Slow down. The relay's owner can raise it: perdure relay --set ${rate}=…`,
        };

  return {
    judge: (key, cost, nowMs) => (gcra.take(key, cost, nowMs) ? undefined : hitOf(gcra.look(key, cost, nowMs))),
    fits: gcra.fits,
    take: gcra.take,
    look: (key, cost, nowMs) => hitOf(gcra.look(key, cost, nowMs)),
    measure: gcra.judge,
    burst,
    windowMs: Math.ceil((burst * seconds * 1000) / value),
    get keys() {
      return gcra.keys;
    },
  };
}

/** What ends a session of somebody too fast. */
export function rateError({ limit, afterMs, why, hint }: RateHit): PerdureError {
  return new PerdureError("rate-limited", why, { retry: "after", afterMs, limit, hint });
}

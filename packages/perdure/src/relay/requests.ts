/** What sessions ask of a relay besides mail: sessions themselves, look-ups, records, contact lists, routes. Each costs more than a message. */
import type { Clock } from "../host/clock.ts";
import { createMeter, type RateHit, type RateLimits } from "../protocol/limits/meter.ts";
import type { Role } from "../wire/control.ts";

export interface Requests {
  /** Counts one request of that agent or relay; says why not when it is one too many. */
  charge(id: string, role: Role): RateHit | undefined;
}

export function createRequests(clock: Clock, limits: RateLimits, enabled = true): Requests {
  const meters = { agent: createMeter(limits, "agentRequests"), relay: createMeter(limits, "peerRequests") };
  return { charge: (id, role) => (enabled ? meters[role].judge(id, 1, clock.monotonicMs()) : undefined) };
}

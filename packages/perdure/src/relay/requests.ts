/** What sessions ask of a relay besides mail: sessions themselves, look-ups, records, contact lists, routes. Each costs more than a message. */
import type { Clock } from "../host/clock.ts";
import { createMeter, type RateHit, type RateLimits, rateError } from "../protocol/limits/meter.ts";
import type { Role } from "../wire/control.ts";

export interface Requests {
  /** Counts a session that begins; throws `rate-limited` when it is one too many. */
  begin(id: string, role: Role): void;
  /** Counts one request; says why not when it is one too many. */
  charge(id: string, role: Role): RateHit | undefined;
  /** Counts the requests of one session. */
  of(id: string, role: Role): SessionRequests;
}

export interface SessionRequests {
  /** For what has no answer of its own: throws `rate-limited`. */
  charge(): void;
  /** For what is answered: why not, `undefined` when it may. Throws `rate-limited` when nobody heeds the answers. */
  ask(): RateHit | undefined;
}

/** Questions in a row that are answered `rate-limited`: who still goes on is not listening. */
const UNHEEDED = 1000;

export function createRequests(clock: Clock, limits: RateLimits, enabled = true): Requests {
  const meters = { agent: createMeter(limits, "agentRequests"), relay: createMeter(limits, "peerRequests") };
  const judge = (id: string, role: Role): RateHit | undefined => (enabled ? meters[role].judge(id, 1, clock.monotonicMs()) : undefined);
  const charge = (id: string, role: Role): void => {
    const hit = judge(id, role);
    if (hit !== undefined) throw rateError(hit);
  };

  return {
    begin: charge,
    charge: judge,
    of: (id, role) => new RequestsOfSession(judge, id, role),
  };
}

/** A class because a relay has thousands of them that do nothing. */
class RequestsOfSession implements SessionRequests {
  readonly #judge: Requests["charge"];
  readonly #id: string;
  readonly #role: Role;
  #unheeded = 0;

  constructor(judge: Requests["charge"], id: string, role: Role) {
    this.#judge = judge;
    this.#id = id;
    this.#role = role;
  }

  charge(): void {
    const hit = this.#judge(this.#id, this.#role);
    if (hit !== undefined) throw rateError(hit);
  }

  ask(): RateHit | undefined {
    const hit = this.#judge(this.#id, this.#role);
    this.#unheeded = hit === undefined ? 0 : this.#unheeded + 1;
    if (hit !== undefined && this.#unheeded > UNHEEDED) throw rateError(hit);
    return hit;
  }
}

/** What every kind of connection of this machine needs. */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";
import type { LiveLimits } from "./live-limits.ts";

export interface NetParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Told of what is made, so that the limits on it can be looked at. */
  readonly live?: LiveLimits;
}

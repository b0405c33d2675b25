/** What every kind of connection of this machine needs. */
import type { Clock } from "../clock.ts";
import type { Log } from "../log.ts";

export interface NetParts {
  readonly clock: Clock;
  readonly log: Log;
}

/** What broke lately: the newest incidents, for the status page. */

import type { Clock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";

export type IncidentKind = "disk" | "damage" | "clock" | "fenced" | "peer" | "internal";

export interface Incident {
  readonly atMs: number;
  readonly kind: IncidentKind;
  readonly what: string;
}

export interface Incidents {
  readonly recent: readonly Incident[];
  add(kind: IncidentKind, what: string): void;
}

const KEPT = 50;
const WORDS = 300;

export function createIncidents(clock: Clock, log: Log): Incidents {
  const recent: Incident[] = [];
  return {
    recent,
    add: (kind, what) => {
      recent.push({ atMs: clock.wallMs(), kind, what: what.slice(0, WORDS) });
      if (recent.length > KEPT) recent.shift();
      log.write(kind === "internal" || kind === "damage" ? "error" : "warn", "relay.incident", { kind, what: what.slice(0, WORDS) });
    },
  };
}

/** What broke lately: the newest incidents, for the status page. */

import type { Clock } from "../host/clock.ts";
import type { Log } from "../host/log.ts";
import { mostOfAKind } from "../protocol/incidents/incident-book.ts";

export type IncidentKind = "disk" | "damage" | "clock" | "fenced" | "peer" | "link" | "tls" | "identity" | "internal";

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
/** Places for what anybody who connects can bring about, so that it never pushes out what the owner must see; of it the kind there is most of gives way. */
const KEPT_OF_PEERS = 20;
/** ... nor fills the owner's disk with lines of log. */
const PEER_LINES_EVERY_MS = 1000;
const WORDS = 300;

/** `keep` is told each of them, for the ledger; `ofPeers`: whoever connects can bring it about. */
export function createIncidents(clock: Clock, log: Log, keep?: (kind: IncidentKind, what: string, ofPeers: boolean) => void): Incidents {
  // bound: KEPT
  const recent: Incident[] = [];
  let quietUntilMs = Number.NEGATIVE_INFINITY;
  let unsaid = 0;

  const byPeer = ({ kind }: Pick<Incident, "kind">): boolean =>
    kind === "peer" || kind === "link" || kind === "fenced" || kind === "identity";

  const makeRoom = (kind: IncidentKind): void => {
    const crowded = byPeer({ kind }) && recent.filter(byPeer).length >= KEPT_OF_PEERS;
    if (crowded) recent.splice(recent.indexOf(mostOfAKind(recent.filter(byPeer))?.[0] as Incident), 1);
    else if (recent.length >= KEPT) recent.shift();
  };

  /** Whether a line of log is due; says how many were left out before it. */
  const lineDue = (kind: IncidentKind): boolean => {
    const now = clock.monotonicMs();
    if (!byPeer({ kind })) return true;
    if (now < quietUntilMs) {
      unsaid++;
      return false;
    }
    quietUntilMs = now + PEER_LINES_EVERY_MS;
    return true;
  };

  return {
    recent,
    add: (kind, what) => {
      makeRoom(kind);
      keep?.(kind, what, byPeer({ kind }));
      recent.push({ atMs: clock.wallMs(), kind, what: what.slice(0, WORDS) });
      if (!lineDue(kind)) return;
      const more = byPeer({ kind }) && unsaid > 0 ? { unsaid } : {};
      if (byPeer({ kind })) unsaid = 0;
      log.write(kind === "internal" || kind === "damage" ? "error" : "warn", "relay.incident", {
        kind,
        what: what.slice(0, WORDS),
        ...more,
      });
    },
  };
}

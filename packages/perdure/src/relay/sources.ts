/**
 * Callers by where they come from: how many connections one address has open, and how often it may begin a handshake. Whoever is on
 * this machine is not counted, and neither is who comes through a proxy on it: there the proxy's own limits hold.
 */
import type { Clock } from "../host/clock.ts";
import type { Connection } from "../host/net.ts";
import { sourceOf } from "../host/public-address.ts";
import { createGcra } from "../protocol/limits/gcra.ts";
import { createMeter, rateError } from "../protocol/limits/meter.ts";
import type { Settings } from "../settings/register.ts";
import { PerdureError } from "../wire/error.ts";

export interface Sources {
  /** Counts a connection that begins; throws `rate-limited` or `too-busy`. What it gives is called when the connection is over. */
  enter(connection: Pick<Connection, "remote" | "local">): () => void;
  /** Whether somebody turned away is still told why: beyond a rate of that the connection is cut without a word. */
  mayBeTold(): boolean;
  /** Addresses with open connections. */
  readonly open: number;
}

/** Goodbyes to callers that are turned away at the door; each keeps a socket until it has left. */
const TOLD = { perSecond: 100, burst: 200, keys: 1 };
const NOT_COUNTED = (): void => {};

export function createSources(clock: Clock, settings: Settings): Sources {
  const handshakes = createMeter(settings, "sourceHandshakes");
  const told = createGcra(TOLD);
  // bound: relayConnections, an address with none is forgotten
  const open = new Map<string, number>();

  return {
    enter: ({ remote, local }) => {
      const source = local ? undefined : sourceOf(remote);
      if (source === undefined) return NOT_COUNTED;
      const count = open.get(source) ?? 0;
      if (count >= settings.sourceConnections) {
        throw new PerdureError("too-busy", `${count} connections from ${source} are open`, {
          retry: "after",
          afterMs: settings.redialMaxMs,
          limit: { name: "sourceConnections", value: settings.sourceConnections, remaining: 0 },
          hint: "Close some. The relay's owner can raise it: perdure relay --set sourceConnections=…",
        });
      }
      const hit = handshakes.judge(source, 1, clock.monotonicMs());
      if (hit !== undefined) throw rateError(hit);
      open.set(source, count + 1);
      let over = false;
      return () => {
        if (over) return;
        over = true;
        const left = (open.get(source) ?? 1) - 1;
        if (left > 0) open.set(source, left);
        else open.delete(source);
      };
    },
    mayBeTold: () => told.judge("", 1, clock.monotonicMs()).taken,
    get open() {
      return open.size;
    },
  };
}

/**
 * What one connection lived through: how old it became, when bytes passed, and the longest it was quiet and went on. A hidden limit on
 * the way shows in these times and nowhere else.
 */
import type { Clock } from "../../host/clock.ts";
import type { Connection } from "../../host/net.ts";

/** Times in milliseconds, counted from the moment the connection was open. */
export interface LineTimes {
  readonly ageMs: number;
  /** It was alive from here to there at least, and dead at the other: the moment it died lies between. */
  readonly aliveMs: number;
  readonly deadMs: number;
  /** How long nothing had passed when it died. */
  readonly quietMs: number;
  /** Whether the end came by itself; otherwise it was found only as something was sent, and the line may have been dead since long before. */
  readonly unasked: boolean;
  /** The longest nothing passed and it lived on. */
  readonly longestQuietMs: number;
  /** The connection ended without the doing of this side. */
  readonly broke: boolean;
  /** This side closed it. */
  readonly endedHere: boolean;
  /** This machine stood still meanwhile, or its date was changed: what it measured says nothing about the way. */
  readonly slept: boolean;
}

export interface LineMeter {
  /** The connection to be used in place of the one that was given. */
  readonly connection: Connection;
  times(): LineTimes;
  /** The connection will be given up soon: no other session is to begin on it. Only of one that several share. */
  giveUp?(): void;
}

/** Wall and monotonic time may differ by this much over the life of a connection and nobody slept. */
const CLOCKS_DIFFER_MS = 5_000;
/** An end this long after the last thing sent is no answer to it. */
const ANSWER_MS = 5_000;

/** `sendsEveryMs`: this side sends something at least this often, unless its machine stands still. */
export function measureLine(connection: Connection, clock: Clock, sendsEveryMs: () => number): LineMeter {
  const [openedMs, openedWallMs] = [clock.monotonicMs(), clock.wallMs()];
  let heardMs = openedMs;
  let sentMs = openedMs;
  /** When something was sent first that nothing was heard after. */
  let askedMs: number | undefined;
  /** The longest pause since something was heard, up to what was sent last. */
  let pauseMs = 0;
  let longestQuietMs = 0;
  let longestUnsentMs = 0;
  let brokeMs: number | undefined;
  let closedMs: number | undefined;

  const sending = (): void => {
    const now = clock.monotonicMs();
    longestUnsentMs = Math.max(longestUnsentMs, now - sentMs);
    pauseMs = Math.max(pauseMs, now - Math.max(heardMs, sentMs));
    askedMs ??= now;
    sentMs = now;
  };

  const hearing = (): void => {
    const now = clock.monotonicMs();
    // Something sent just before is answered by what is heard; the pause was before it.
    longestQuietMs = Math.max(longestQuietMs, pauseMs, askedMs === undefined ? now - Math.max(heardMs, sentMs) : 0);
    askedMs = undefined;
    pauseMs = 0;
    heardMs = now;
  };

  return {
    connection: {
      remote: connection.remote,
      local: connection.local,
      get queuedBytes() {
        return connection.queuedBytes;
      },
      send(message) {
        sending();
        connection.send(message);
      },
      close(now) {
        closedMs ??= clock.monotonicMs();
        connection.close(now);
      },
      start: (receiver) =>
        connection.start({
          message(message) {
            hearing();
            receiver.message(message);
          },
          drained: () => receiver.drained(),
          closed(why) {
            if (closedMs === undefined) brokeMs = clock.monotonicMs();
            receiver.closed(why);
          },
        }),
    },
    times() {
      const endMs = brokeMs ?? closedMs ?? clock.monotonicMs();
      const lastMs = Math.max(heardMs, sentMs);
      const unasked = brokeMs !== undefined && (askedMs === undefined || endMs - sentMs > ANSWER_MS);
      const wallMs = clock.wallMs() - openedWallMs;
      return {
        ageMs: endMs - openedMs,
        aliveMs: unasked ? endMs - openedMs : heardMs - openedMs,
        deadMs: (brokeMs ?? askedMs ?? endMs) - openedMs,
        quietMs: unasked || askedMs === undefined ? endMs - lastMs : pauseMs,
        unasked,
        longestQuietMs,
        broke: brokeMs !== undefined,
        endedHere: closedMs !== undefined,
        slept:
          Math.abs(wallMs - (clock.monotonicMs() - openedMs)) > CLOCKS_DIFFER_MS ||
          Math.max(longestUnsentMs, endMs - sentMs) > 2 * sendsEveryMs() + CLOCKS_DIFFER_MS,
      };
    },
  };
}

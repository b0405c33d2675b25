/** Ends mail whose time is over: looks for it in intervals, unless the clock is not to be trusted, and writes the notices. */
import { sleep } from "../host/deadline.ts";
import type { Host } from "../host/host.ts";
import { rarely } from "../host/points.ts";
import { signNotice } from "../identity/notice.ts";
import type { OwnIdentity } from "../identity/own-identity.ts";
import type { Mailboxes } from "../protocol/delivery/mailboxes.ts";
import type { Overdue } from "../protocol/delivery/overdue.ts";
import type { Settings } from "../settings/register.ts";
import { ENDINGS, type Ending } from "../wire/kept-relay.ts";
import { WIRE_VERSION } from "../wire/limits.ts";
import { createClockGuard } from "./clock-guard.ts";
import type { Incidents } from "./incidents.ts";
import type { RelayLoop } from "./relay-loop.ts";

export interface Sweeper {
  /** Nothing is ended for its age until the clock can be trusted again. */
  readonly holding: boolean;
  /** Lets go of a message whose record is damaged, and tells its sender. */
  endLost(agent: string, position: number): Promise<void>;
  stop(): void;
}

export interface SweeperOptions {
  readonly host: Pick<Host, "clock" | "crypto" | "points">;
  readonly settings: Settings;
  readonly own: OwnIdentity;
  readonly mailboxes: Mailboxes;
  readonly loop: RelayLoop;
  readonly incidents: Incidents;
  /** Ends sessions whose certificate is over. */
  readonly endExpired: () => Promise<void>;
}

/** Messages ended before others get a turn: signing notices must not hold up who is connected. */
const AT_ONCE = 64;
/** How often, and how long apart, it is looked whether rows have come. */
const FETCH_WAITS = 20;
const FETCH_WAIT_MS = 10;

export function createSweeper({ host, settings, own, mailboxes, loop, incidents, endExpired }: SweeperOptions): Sweeper {
  const { clock, crypto } = host;
  const readClock = createClockGuard(
    { jumpMs: settings.clockJumpMs, holdMs: settings.clockJumpHoldMs },
    clock.wallMs(),
    clock.monotonicMs(),
  );
  let holding = false;
  let stopped = false;
  let cancel = (): void => {};

  const end = async (overdue: Overdue, ending: Ending): Promise<void> => {
    const { agent, position, mail } = overdue;
    const body = overdue.wantsNotice
      ? await signNotice({
          crypto,
          own,
          notice: {
            version: WIRE_VERSION,
            relayId: own.idRaw,
            outcome: ENDINGS.indexOf(ending),
            to: overdue.to,
            stream: overdue.stream,
            seq: mail.seq,
            digest: overdue.digest,
            timeMs: clock.wallMs(),
            extensions: [],
          },
        })
      : undefined;
    loop.feed({ kind: "end", agent: agent.key, position, ending, notice: body });
  };

  const sweep = async (): Promise<void> => {
    const reading = readClock(clock.wallMs(), clock.monotonicMs());
    if (reading.jump !== undefined) {
      incidents.add(
        "clock",
        `the wall clock jumped ${reading.jump} by ${Math.abs(Math.round(reading.byMs / 1000))} s${reading.holding ? `; nothing expires for ${Math.round(settings.clockJumpHoldMs / 60_000)} min` : ""}`,
      );
    }
    holding = reading.holding;
    await renewIdentity();
    await endExpired();
    while (!holding && !stopped) {
      const found = mailboxes.overdue(clock.wallMs() - settings.expiryGraceMs, AT_ONCE);
      for (const overdue of found) await end(overdue, "expired");
      if (found.length > 0) await sleep(clock, 0);
      else if (!(await fetchOverdue())) return;
    }
  };

  /** Mail that rests gets rows before it is ended, of a few mailboxes at a time; false when there is none, or it does not come. */
  const fetchOverdue = async (): Promise<boolean> => {
    const beforeMs = clock.wallMs() - settings.expiryGraceMs;
    if (!mailboxes.mayRestOverdue(beforeMs)) return false;
    const { fetchedRows } = mailboxes.state;
    loop.feed({ kind: "sweep", beforeMs });
    for (let waited = 0; waited < FETCH_WAITS && !stopped; waited++) {
      await sleep(clock, FETCH_WAIT_MS);
      if (mailboxes.state.fetchedRows > fetchedRows) return true;
    }
    return false;
  };

  /** A disk that is full is no reason not to sweep: sweeping is what makes room on it. */
  const renewIdentity = async (): Promise<void> => {
    try {
      await own.renewIfDue(clock.wallMs());
    } catch (error) {
      incidents.add("disk", `the relay's certificate could not be renewed: ${String(error)}`);
    }
  };

  const arm = (): void => {
    cancel = clock.after(rarely(host.points, "sweep-soon") ? 1 : settings.sweepEveryMs, () => {
      sweep()
        .catch((error: unknown) => incidents.add("internal", `looking for expired mail failed: ${String(error)}`))
        .finally(() => {
          if (!stopped) arm();
        });
    });
  };
  arm();

  return {
    get holding() {
      return holding;
    },
    endLost: async (agent, position) => {
      const overdue = mailboxes.overdueAt(agent, position);
      if (overdue === undefined) return;
      incidents.add("damage", `message ${position} of ${overdue.agent.id} cannot be read back and is lost`);
      await end(overdue, "lost");
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}

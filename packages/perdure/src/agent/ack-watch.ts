/** Probes a relay that owes an acknowledgement and says nothing, and gives its session up when the probe goes unanswered. */
import type { Clock } from "../host/clock.ts";
import { goodbyeFor, type Session } from "../protocol/link/index.ts";
import type { Settings } from "../settings/register.ts";
import { ping } from "../wire/control.ts";

export interface AckWatch {
  /** Something came from the relay. */
  heard(): void;
  /** Mail was sent. */
  sent(): void;
  stop(): void;
}

export interface AckWatchOptions {
  readonly clock: Clock;
  readonly settings: Pick<Settings, "ackTimeoutMs" | "probeTimeoutMs">;
  readonly session: Pick<Session, "send" | "close">;
  /** Whether mail is under way. */
  readonly owed: () => boolean;
}

export function watchAcks({ clock, settings, session, owed }: AckWatchOptions): AckWatch {
  let heard = true;
  /** A timer is set. There is none while nothing is owed. */
  let looking = false;
  let cancel = (): void => {};
  let probes = 0;
  const { ackTimeoutMs, probeTimeoutMs } = settings;

  const giveUp = (): void =>
    session.close(
      goodbyeFor("timed-out", `nothing was heard for ${ackTimeoutMs + probeTimeoutMs} ms with mail under way`, { retry: "now" }),
    );

  const look = (): void => {
    looking = true;
    heard = false;
    cancel = clock.after(ackTimeoutMs, () => {
      looking = owed();
      if (!looking) return;
      if (heard) return look();
      session.send([{ name: "ping", payload: ping.encode({ nonce: ++probes }) }]);
      cancel = clock.after(probeTimeoutMs, () => (heard ? look() : giveUp()));
    });
  };

  return {
    heard: () => {
      heard = true;
    },
    sent: () => {
      if (!looking) look();
    },
    stop: () => cancel(),
  };
}

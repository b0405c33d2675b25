/**
 * One open session with another relay: its frames, and whether the other side still lives.
 *
 * What must hold: with mail or questions under way and nothing heard for `ackTimeoutMs` the peer is probed, and without an answer
 * within `probeTimeoutMs` the session ends. Either side may probe; both answer.
 */
import type { Clock } from "../../host/clock.ts";
import { goodbyeFor } from "../../protocol/link/goodbyes.ts";
import type { Settings } from "../../settings/register.ts";
import type { Bytes } from "../../wire/bytes.ts";
import {
  decodeAck,
  found,
  type Lookup,
  lookup,
  type MailFrame,
  type Offer,
  offer,
  ping,
  pong,
  type Refuse,
  type Resume,
  refuse,
  resume,
} from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Frame } from "../../wire/frame.ts";
import type { OpenSession } from "../sessions.ts";
import type { Answer } from "./peer-lookups.ts";
import type { Dialler } from "./tie-break.ts";

export interface PeerSession extends OpenSession {
  readonly dialledBy: Dialler;
  /** When mail, an answer or a question passed last, of the monotonic clock. */
  readonly usedAtMs: number;
  take(frame: Frame): void;
  takeMails(mails: readonly MailFrame[]): void;
  /** Ends the session unless it answers within `probeTimeoutMs`. */
  probe(why: string): void;
  stop(): void;
}

export interface PeerSessionOptions {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly open: OpenSession;
  readonly dialledBy: Dialler;
  readonly owing: () => boolean;
  readonly mails: (mails: readonly MailFrame[]) => void;
  readonly acked: (upTo: number) => void;
  readonly refused: (refusal: Refuse) => void;
  readonly statement: (proof: Bytes) => void;
  readonly offered: (offer: Offer) => void;
  readonly resumed: (resume: Resume) => void;
  readonly look: (asked: Lookup) => Answer;
  readonly found: (payload: Bytes) => void;
}

export function createPeerSession(options: PeerSessionOptions): PeerSession {
  const { clock, settings, open, dialledBy } = options;
  const { session } = open;
  let usedAtMs = clock.monotonicMs();
  let heard = true;
  let probes = 0;
  let cancelWatch = (): void => {};
  let stopped = false;

  const watch = (): void => {
    if (stopped) return;
    heard = false;
    cancelWatch = clock.after(settings.ackTimeoutMs, () => {
      if (heard || !options.owing()) watch();
      else probe(`nothing was heard for ${settings.ackTimeoutMs} ms with something under way`);
    });
  };

  const probe = (why: string): void => {
    if (stopped) return;
    cancelWatch();
    heard = false;
    session.send([{ name: "ping", payload: ping.encode({ nonce: ++probes }) }]);
    cancelWatch = clock.after(settings.probeTimeoutMs, () => {
      if (heard) return watch();
      session.close(goodbyeFor("timed-out", `${why}, and no answer to a probe for ${settings.probeTimeoutMs} ms`, { retry: "now" }));
    });
  };

  const used = (): void => {
    usedAtMs = clock.monotonicMs();
  };

  const takeMails = (mails: readonly MailFrame[]): void => {
    heard = true;
    used();
    options.mails(mails);
  };

  const take = (frame: Frame): void => {
    heard = true;
    switch (frame.name) {
      case "pong":
        return;
      case "ping":
        return session.send([{ name: "pong", payload: pong.encode({ nonce: ping.decode(frame.payload).nonce, timeMs: clock.wallMs() }) }]);
      case "ack":
        used();
        return options.acked(decodeAck(frame.payload));
      case "refuse":
        return options.refused(refuse.decode(frame.payload));
      case "statement":
        return options.statement(frame.payload);
      case "lookup": {
        used();
        const asked = lookup.decode(frame.payload);
        return session.send([{ name: "found", payload: found.encode({ request: asked.request, ...options.look(asked) }) }]);
      }
      case "found":
        return options.found(frame.payload);
      case "offer":
        if (dialledBy === "us") return options.offered(offer.decode(frame.payload));
        break;
      case "resume":
        if (dialledBy === "them") return options.resumed(resume.decode(frame.payload));
        break;
      default:
    }
    throw new PerdureError("malformed", `a relay does not send ${frame.name} here`);
  };

  watch();
  return {
    ...open,
    dialledBy,
    get usedAtMs() {
      return usedAtMs;
    },
    take,
    takeMails,
    probe,
    stop: () => {
      stopped = true;
      cancelWatch();
    },
  };
}

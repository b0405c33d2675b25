/**
 * Both ends of a simulated connection.
 *
 * States of an end: open -> closing (its own close was called, what is queued still leaves) -> closed. It is closed when
 * the other end answered the close, when an end or reset arrived, or `closeTimeoutMs` after its own close.
 */
import { FIXED } from "../../settings/fixed.ts";
import type { Connection, Receiver } from "../net.ts";
import type { Draws } from "./draws.ts";
import type { Flow, LinkProfile, Pipe } from "./pipe.ts";
import { createPipe } from "./pipe.ts";
import { called, type Process, type Schedule } from "./schedule.ts";
import type { Watch } from "./watcher.ts";

export interface Endpoint {
  readonly process: Process;
  readonly connection: Connection;
  /** Direction away from this end. */
  readonly out: Pipe;
  /** The process behind this end is dead. With `silent` the other side is not told. */
  died(silent: boolean): void;
  /** The connection broke under both: this end hears `why`. */
  reset(why: string): void;
  /** This end has another address from here on, which the other side knows nothing of. */
  move(): void;
  /** The profiles of the way have changed. */
  touched(): void;
  /** Resolves when this end is closed. */
  readonly ended: Promise<void>;
}

/** What the other end tells this one. */
interface End extends Endpoint {
  receive(message: Uint8Array): void;
  hearEnd(why: string): void;
  hearAnswer(): void;
}

export interface EndpointSide {
  readonly process: Process;
  readonly remote: string;
  readonly maxMessageBytes: number;
  /** The direction away from this side. */
  readonly profile: LinkProfile;
}

export interface ConnectionOptions {
  readonly schedule: Schedule;
  readonly draws: Draws;
  readonly local: boolean;
  readonly sides: readonly [EndpointSide, EndpointSide];
  /** Translators on the way: as in {@link Flow}. */
  readonly forgetsAfterMs: number;
  readonly resets: boolean;
  readonly onMessage: (message: Uint8Array) => void;
  readonly watch: Watch;
  /** Both ends are closed or dead. */
  readonly onOver: () => void;
}

export function createEndpoints({
  schedule,
  draws,
  local,
  sides,
  forgetsAfterMs,
  resets,
  onMessage,
  watch,
  onOver,
}: ConnectionOptions): readonly [Endpoint, Endpoint] {
  const flow: Flow = { openedAtUs: schedule.nowUs, passedAtUs: schedule.nowUs, forgotten: false, forgetsAfterMs, resets, moved: undefined };
  let openEnds = 2;
  const over = (): void => {
    openEnds--;
    cancelAge();
    if (openEnds === 0) onOver();
  };

  let cancelAge = (): void => {};
  /** A middlebox that resets what is too old does so whether anybody sends or not. */
  const watchAge = (): void => {
    cancelAge();
    const strict = sides.filter(({ profile }) => profile.middlebox.resets && Number.isFinite(profile.middlebox.maxAgeMs));
    if (strict.length === 0 || openEnds < 2) return;
    const atUs = flow.openedAtUs + Math.min(...strict.map(({ profile }) => profile.middlebox.maxAgeMs)) * 1000;
    cancelAge = schedule.at(Math.max(schedule.nowUs, atUs), "net.too-old", undefined, () => {
      if (flow.forgotten) return;
      flow.forgotten = true;
      for (const end of [first, second]) if (end.process.alive) end.reset("connection reset");
    });
  };

  const createEnd = (side: EndpointSide, other: EndpointSide, peer: () => End): End => {
    let receiver: Receiver | undefined;
    let state: "open" | "closing" | "closed" = "open";
    let closedWhy: string | undefined;
    let cancelTimeout = (): void => {};
    let resolveEnded = (): void => {};
    const ended = new Promise<void>((resolve) => {
      resolveEnded = resolve;
    });

    const tellClosed = (): void => {
      if (receiver === undefined || closedWhy === undefined) return;
      const told = receiver;
      const why = closedWhy;
      receiver = { message: () => {}, drained: () => {}, closed: () => {} };
      closedWhy = undefined;
      schedule.at(schedule.nowUs, "net.closed", side.process, () => told.closed(why));
    };

    const finish = (why: string): void => {
      if (state === "closed") return;
      state = "closed";
      closedWhy = why;
      cancelTimeout();
      resolveEnded();
      tellClosed();
      over();
    };

    const out = createPipe({
      schedule,
      draws,
      profile: side.profile,
      flow,
      from: side.process,
      to: other.process,
      arrival: { message: (message) => peer().receive(message), end: (why) => peer().hearEnd(why) },
      unknown: () => {
        out.stall();
        finish("connection reset");
      },
      drained: () => {
        if (state !== "closed") receiver?.drained();
      },
    });

    return {
      process: side.process,
      out,
      ended,
      connection: {
        remote: side.remote,
        local,
        get queuedBytes() {
          return out.queuedBytes;
        },
        send: (message: Uint8Array) => {
          called(side.process);
          if (state !== "open" || !side.process.alive) return;
          const sent = message.slice();
          watch.by?.sent?.(side.process.name, other.process.name, sent);
          out.send(sent);
        },
        close: (now = false) => {
          called(side.process);
          if (!side.process.alive || state === "closed" || (state === "closing" && !now)) return;
          state = "closing";
          if (now) {
            out.end("connection reset", true);
            finish("closed");
            return;
          }
          out.end("closed by the other side", false);
          cancelTimeout = schedule.at(schedule.nowUs + FIXED.closeTimeoutMs.value * 1000, "net.close-timeout", side.process, () => {
            out.end("connection reset", true);
            finish("closed, without an answer");
          });
        },
        start: (given: Receiver) => {
          receiver = given;
          peer().out.open();
          if (state === "closed") tellClosed();
        },
      },
      receive: (message: Uint8Array) => {
        if (state !== "open" || receiver === undefined) return;
        onMessage(message);
        watch.by?.arrived?.(other.process.name, side.process.name, message);
        if (message.length > side.maxMessageBytes) {
          out.end("message too large", true);
          finish("message too large");
          return;
        }
        receiver.message(message);
      },
      hearEnd: (why: string) => {
        if (state === "open" && why === "closed by the other side") {
          const latencyUs = side.profile.latencyMs * 1000;
          schedule.at(schedule.nowUs + latencyUs, "net.close-answer", other.process, () => peer().hearAnswer());
        }
        finish(why);
      },
      hearAnswer: () => finish("closed"),
      died: (silent: boolean) => {
        out.senderDied(silent);
        if (state === "closed") return;
        state = "closed";
        over();
      },
      reset: (why: string) => {
        out.stall();
        finish(why);
      },
      touched: () => {
        out.wake();
        watchAge();
      },
      move: () => {
        flow.forgotten = true;
        flow.moved = side.process;
      },
    };
  };

  const first: End = createEnd(sides[0], sides[1], () => second);
  const second: End = createEnd(sides[1], sides[0], () => first);
  watchAge();
  return [first, second];
}

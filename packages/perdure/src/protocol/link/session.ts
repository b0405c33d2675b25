/**
 * An authenticated session: frames both ways until a goodbye.
 *
 * Frames handed to `send` within one turn leave as one transport message (more when they pass its size). A side that hears
 * nothing for three thirds of the silence limit in a row says goodbye `timed-out`; counting ticks and not time, so that a
 * process that was paused first reads what is waiting for it. The agent's side keeps the line alive: when it said nothing for
 * `pingEveryMs` it sends a ping; the relay's side answers pings by itself.
 */
import type { Clock } from "../../host/clock.ts";
import { type Goodbye, ping, pong, type SessionMode } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { FRAME_TYPES, type Frame, frameBytes, type OutFrame } from "../../wire/frame.ts";
import { goodbyeFor, goodbyeOf } from "./goodbyes.ts";
import { TRANSPORT_ROOM_BYTES, type Transport } from "./transport.ts";

export interface SessionReceiver {
  /** One frame, never `goodbye`; a PerdureError thrown here closes the session with its code. */
  frame(frame: Frame): void;
  /** All frames of one transport message have been handed over. */
  turnEnded?(): void;
  /** `queuedBytes` fell to zero. */
  drained(): void;
  /** Exactly once, also after the own `close`: their reason, ours, or what happened to the connection. */
  closed(reason: Goodbye): void;
}

export interface Session {
  readonly mode: SessionMode;
  /** Where the other side is, for logs. */
  readonly remote: string;
  /** Bytes that have not left this process. */
  readonly queuedBytes: number;
  /** Queues frames; ignored after the close. `too-large`, and none is queued, where one fits no transport message. */
  send(frames: readonly OutFrame[]): void;
  /** Sends what is queued, says goodbye and closes; only the first reason counts. */
  close(reason: Goodbye): void;
  /** Starts receiving; what came before is kept until then. Called once. */
  start(receiver: SessionReceiver): void;
}

export interface SessionOptions {
  readonly clock: Clock;
  readonly transport: Transport;
  readonly mode: SessionMode;
  readonly side: "agent" | "relay";
  readonly silenceTimeoutMs: number;
  /** Only for the agent's side. */
  readonly pingEveryMs: number;
}

const SILENT_TICKS = 3;
const LAST_HANDSHAKE_TYPE = FRAME_TYPES.welcome;

export function createSession({ clock, transport, mode, side, silenceTimeoutMs, pingEveryMs }: SessionOptions): Session {
  // bound: TRANSPORT_ROOM_BYTES
  let pending: OutFrame[] = [];
  let pendingBytes = 0;
  let flushing = false;
  let heard = true;
  let quietTicks = 0;
  let said = true;
  let pings = 0;
  let receiver: SessionReceiver | undefined;
  // bound: two
  const cancels: (() => void)[] = [];

  const flush = (): void => {
    if (pending.length === 0) return;
    const frames = pending;
    pending = [];
    pendingBytes = 0;
    said = true;
    transport.send(frames);
  };

  const send = (frames: readonly OutFrame[]): void => {
    if (transport.ended) return;
    for (const frame of frames) {
      const size = frameBytes(frame.payload.length);
      if (size > TRANSPORT_ROOM_BYTES) throw new PerdureError("too-large", `a frame of ${size} bytes fits no transport message`);
    }
    for (const frame of frames) {
      const size = frameBytes(frame.payload.length);
      if (pendingBytes + size > TRANSPORT_ROOM_BYTES) flush();
      pending.push(frame);
      pendingBytes += size;
    }
    if (flushing) return;
    flushing = true;
    queueMicrotask(() => {
      flushing = false;
      flush();
    });
  };

  const close = (reason: Goodbye): void => {
    flush();
    transport.end(reason);
  };

  const every = (delayMs: number, then: () => void): void => {
    let cancel = (): void => {};
    const arm = (): void => {
      cancel = clock.after(delayMs, () => {
        then();
        if (!transport.ended) arm();
      });
    };
    arm();
    cancels.push(() => cancel());
  };

  const take = (frame: Frame): void => {
    if (FRAME_TYPES[frame.name] <= LAST_HANDSHAKE_TYPE) throw new PerdureError("malformed", `a ${frame.name} frame came inside a session`);
    if (frame.name === "ping" && side === "relay") {
      const { nonce } = ping.decode(frame.payload);
      return send([{ name: "pong", payload: pong.encode({ nonce, timeMs: clock.wallMs() }) }]);
    }
    receiver?.frame(frame);
  };

  every(Math.ceil(silenceTimeoutMs / SILENT_TICKS), () => {
    quietTicks = heard ? 0 : quietTicks + 1;
    heard = false;
    if (quietTicks >= SILENT_TICKS) close(goodbyeFor("timed-out", `nothing was heard for ${silenceTimeoutMs} ms`, { retry: "now" }));
  });
  if (side === "agent") {
    every(Math.ceil(pingEveryMs / 2), () => {
      if (!said) send([{ name: "ping", payload: ping.encode({ nonce: ++pings }) }]);
      said = false;
    });
  }

  return {
    mode,
    remote: transport.connection.remote,
    get queuedBytes() {
      return pendingBytes + transport.connection.queuedBytes;
    },
    send,
    close,
    start: (next) => {
      receiver = next;
      transport.receive({
        frames: (frames) => {
          heard = true;
          try {
            for (const frame of frames) {
              if (transport.ended) return;
              take(frame);
            }
            next.turnEnded?.();
          } catch (error) {
            close(goodbyeOf(error));
          }
        },
        drained: () => {
          if (pendingBytes === 0) next.drained();
        },
        ended: (reason) => {
          for (const cancel of cancels) cancel();
          next.closed(reason);
        },
      });
    },
  };
}

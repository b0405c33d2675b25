/**
 * An authenticated session: frames both ways until a goodbye.
 *
 * Frames handed to `send` within one turn leave as one transport message (more when they pass its size). A side that hears
 * nothing for three thirds of the silence limit in a row says goodbye `timed-out`; counting ticks and not time, so that a
 * process that was paused first reads what is waiting for it. The agent's side keeps the line alive: when it said nothing for
 * `pingEveryMs` it sends a ping; the relay's side answers pings by itself.
 */
import type { Clock } from "../../host/clock.ts";
import { decodeMail, type Goodbye, type MailFrame, ping, pong, type SessionMode } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { type ChannelFrame, FRAME_TYPES, type Frame, type OutFrame, type OutPiece, outBytes } from "../../wire/frame.ts";
import { goodbyeFor, goodbyeOf } from "./goodbyes.ts";
import { createRounds, type Rounds } from "./rounds.ts";
import { TRANSPORT_ROOM_BYTES, type Transport, type TransportReceiver } from "./transport.ts";

export interface SessionReceiver {
  /** One frame, never `goodbye`; a PerdureError thrown here closes the session with its code. */
  frame(frame: Frame): void;
  /** Mail that came one after another in one transport message, for whoever takes it together; as frames otherwise. */
  mails?(mails: readonly MailFrame[]): void;
  /** All frames of one transport message have been handed over. */
  turnEnded?(): void;
  /** Nothing is queued any more but what nobody waits for. */
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
  send(frames: readonly OutPiece[]): void;
  /** The same with one. */
  push(frame: OutPiece): void;
  /** The same with one that nobody waits for: it leaves with what is sent next, or by itself after PATIENCE_MS. */
  pushLater(frame: OutFrame): void;
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
  /** Of {@link silenceRounds}, for whoever has many sessions; its own otherwise. */
  readonly rounds?: Rounds | undefined;
}

const SILENT_TICKS = 3;
/** What nobody waits for leaves so much later at the latest; a message of its own costs more than all else that is done for it. */
export const PATIENCE_MS = 100;
const LAST_HANDSHAKE_TYPE = FRAME_TYPES.join;

/** What sessions watch the silence of the other side by. */
export function silenceRounds(clock: Clock, silenceTimeoutMs: number): Rounds {
  return createRounds(clock, Math.ceil(silenceTimeoutMs / SILENT_TICKS));
}

export function createSession(options: SessionOptions): Session {
  return new LinkSession(options);
}

/** Ends a session that was never used. */
export function leaveUnused(session: Session, why: string): void {
  session.start({ frame: () => {}, drained: () => {}, closed: () => {} });
  session.close(goodbyeFor("connection-closed", why));
}

/** A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own. */
class LinkSession implements Session, TransportReceiver {
  readonly mode: SessionMode;
  readonly #clock: Clock;
  readonly #transport: Transport;
  readonly #silenceTimeoutMs: number;
  readonly #rounds: Rounds;
  /** Only on the agent's side. */
  readonly #keepAlive: Rounds | undefined;
  readonly #pinging: { round(): void } | undefined;
  /** bound: TRANSPORT_ROOM_BYTES */
  #pending: OutPiece[] | undefined;
  #pendingBytes = 0;
  #flushing = false;
  /** A timer is set for what nobody waits for. */
  #patient = false;
  #heard = true;
  #quietTicks = 0;
  #said = true;
  #pings = 0;
  #receiver: SessionReceiver | undefined;

  constructor({ clock, transport, mode, side, silenceTimeoutMs, pingEveryMs, rounds }: SessionOptions) {
    this.mode = mode;
    this.#clock = clock;
    this.#transport = transport;
    this.#silenceTimeoutMs = silenceTimeoutMs;
    this.#rounds = rounds ?? silenceRounds(clock, silenceTimeoutMs);
    this.#rounds.add(this);
    this.#keepAlive = side === "agent" ? createRounds(clock, Math.ceil(pingEveryMs / 2)) : undefined;
    this.#pinging = this.#keepAlive === undefined ? undefined : { round: () => this.#sayThatWeAreHere() };
    if (this.#pinging !== undefined) this.#keepAlive?.add(this.#pinging);
  }

  get remote(): string {
    return this.#transport.remote;
  }

  get queuedBytes(): number {
    return this.#pendingBytes + this.#transport.queuedBytes;
  }

  send(frames: readonly OutPiece[]): void {
    if (this.#transport.ended) return;
    for (const frame of frames) sizeOf(frame);
    for (const frame of frames) this.push(frame);
  }

  push(frame: OutPiece): void {
    if (this.#transport.ended) return;
    this.#add(frame, sizeOf(frame));
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  pushLater(frame: OutFrame): void {
    if (this.#transport.ended) return;
    this.#add(frame, sizeOf(frame));
    if (this.#flushing || this.#patient) return;
    this.#patient = true;
    this.#clock.after(PATIENCE_MS, () => {
      this.#patient = false;
      this.#flush();
    });
  }

  #add(frame: OutPiece, size: number): void {
    if (this.#pendingBytes + size > TRANSPORT_ROOM_BYTES) this.#flush();
    this.#pending ??= [];
    this.#pending.push(frame);
    this.#pendingBytes += size;
  }

  close(reason: Goodbye): void {
    this.#flush();
    this.#transport.end(reason);
  }

  start(receiver: SessionReceiver): void {
    this.#receiver = receiver;
    this.#transport.receive(this);
  }

  frames(frames: readonly ChannelFrame[]): void {
    this.#heard = true;
    try {
      for (let index = 0; index < frames.length; ) {
        if (this.#transport.ended) return;
        const frame = frames[index] as ChannelFrame;
        if (frame.name === "mail" && this.#receiver?.mails !== undefined) index += this.#takeMails(frames, index);
        else {
          this.#take(frame);
          index++;
        }
      }
      this.#receiver?.turnEnded?.();
    } catch (error) {
      this.close(goodbyeOf(error));
    }
  }

  drained(): void {
    if (!this.#flushing) this.#receiver?.drained();
  }

  ended(reason: Goodbye): void {
    this.#stopRounds();
    this.#receiver?.closed(reason);
  }

  /** A third of the silence limit is over. */
  round(): void {
    if (this.#transport.ended) return this.#stopRounds();
    this.#quietTicks = this.#heard ? 0 : this.#quietTicks + 1;
    this.#heard = false;
    if (this.#quietTicks >= SILENT_TICKS)
      this.close(goodbyeFor("timed-out", `nothing was heard for ${this.#silenceTimeoutMs} ms`, { retry: "now" }));
  }

  #sayThatWeAreHere(): void {
    if (this.#transport.ended) return this.#stopRounds();
    if (!this.#said) this.send([{ name: "ping", payload: ping.encode({ nonce: ++this.#pings }) }]);
    this.#said = false;
  }

  #stopRounds(): void {
    this.#rounds.remove(this);
    if (this.#pinging !== undefined) this.#keepAlive?.remove(this.#pinging);
  }

  #flush(): void {
    const frames = this.#pending;
    if (frames === undefined) return;
    this.#pending = undefined;
    this.#pendingBytes = 0;
    this.#said = true;
    this.#transport.send(frames);
  }

  /** How many frames it was. What came before one that cannot be read counts. */
  #takeMails(frames: readonly ChannelFrame[], from: number): number {
    const mails: MailFrame[] = [];
    try {
      for (let index = from; index < frames.length; index++) {
        const { name, within, at, end } = frames[index] as ChannelFrame;
        if (name !== "mail") break;
        mails.push(decodeMail(within, at, end));
      }
    } finally {
      if (mails.length > 0) this.#receiver?.mails?.(mails);
    }
    return mails.length;
  }

  #take(frame: Frame): void {
    if (FRAME_TYPES[frame.name] <= LAST_HANDSHAKE_TYPE) throw new PerdureError("malformed", `a ${frame.name} frame came inside a session`);
    if (frame.name === "ping" && this.#keepAlive === undefined) {
      const { nonce } = ping.decode(frame.payload);
      return this.send([{ name: "pong", payload: pong.encode({ nonce, timeMs: this.#clock.wallMs() }) }]);
    }
    this.#receiver?.frame(frame);
  }
}

/** Throws `too-large` where it fits no transport message. */
function sizeOf(frame: OutPiece): number {
  const size = outBytes(frame);
  if (size > TRANSPORT_ROOM_BYTES) throw new PerdureError("too-large", `a frame of ${size} bytes fits no transport message`);
  return size;
}

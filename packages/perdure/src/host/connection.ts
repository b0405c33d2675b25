/**
 * What every connection does alike, over any wire: keeps early messages until `start` and stops reading
 * when they are many, gives nothing more after its own close, tells the end exactly once, cuts a close that is not answered.
 */
import { FIXED } from "../settings/fixed.ts";
import { PerdureError } from "../wire/error.ts";
import type { Clock } from "./clock.ts";
import type { Connection, Receiver } from "./net.ts";

/** Early messages are kept up to this many times the largest message; then the wire is not read until `start`. */
const HELD_MESSAGES = 4;
/** What keeping one message costs besides its bytes, so that empty ones are bounded too. */
const HELD_OVERHEAD_BYTES = 64;

/** The way out; whoever makes a wire reports to {@link WireEvents}. */
export interface Wire {
  readonly remote: string;
  readonly local: boolean;
  /** Bytes given to `send` that have not left this process. */
  readonly queuedBytes: number;
  send(message: Uint8Array): void;
  /** Closes after what is queued. */
  end(): void;
  /** Closes at once. */
  cut(): void;
  pause(): void;
  resume(): void;
}

export interface WireEvents {
  message(message: Uint8Array): void;
  /** A send has left; `queuedBytes` may be zero. */
  sent(): void;
  ended(why: string): void;
}

/** The connection over that wire, which is told what happens on it. */
export function createConnection(clock: Clock, wire: Wire, maxMessageBytes: number): Connection & WireEvents {
  return new WiredConnection(clock, wire, maxMessageBytes);
}

/** A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own. */
class WiredConnection implements Connection, WireEvents {
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #maxMessageBytes: number;
  #receiver: Receiver | undefined;
  /** `undefined` after the start. bound: HELD_MESSAGES of the largest size; then the wire is not read */
  #held: Uint8Array[] | undefined;
  #heldBytes = 0;
  #starting = false;
  #paused = false;
  #unsent = false;
  #closing = false;
  #end: string | undefined;
  #cancelCut: (() => void) | undefined;

  constructor(clock: Clock, wire: Wire, maxMessageBytes: number) {
    this.#clock = clock;
    this.#wire = wire;
    this.#maxMessageBytes = maxMessageBytes;
  }

  get remote(): string {
    return this.#wire.remote;
  }

  get local(): boolean {
    return this.#wire.local;
  }

  get queuedBytes(): number {
    return this.#wire.queuedBytes;
  }

  send(message: Uint8Array): void {
    if (this.#closing || this.#end !== undefined) return;
    this.#unsent = true;
    this.#wire.send(message);
  }

  close(now = false): void {
    if (this.#end !== undefined) return;
    if (!this.#closing) {
      this.#closing = true;
      // The answer to a close comes after everything else, so reading must go on.
      this.#release();
      this.#wire.end();
      this.#cancelCut = this.#clock.after(FIXED.closeTimeoutMs.value, () => this.#wire.cut());
    }
    if (now) this.#wire.cut();
  }

  start(to: Receiver): void {
    if (this.#starting) throw new PerdureError("internal", "a connection is started once");
    this.#starting = true;
    queueMicrotask(() => this.#begin(to));
  }

  message(message: Uint8Array): void {
    if (this.#closing || this.#end !== undefined) return;
    if (this.#receiver === undefined) this.#hold(message);
    else this.#receiver.message(message);
  }

  sent(): void {
    if (!this.#unsent || this.#closing || this.#wire.queuedBytes > 0) return;
    this.#unsent = false;
    this.#receiver?.drained();
  }

  ended(why: string): void {
    if (this.#end !== undefined) return;
    this.#end = this.#closing ? "closed here" : why;
    this.#cancelCut?.();
    this.#receiver?.closed(this.#end);
  }

  #begin(to: Receiver): void {
    for (const message of this.#held ?? []) if (!this.#closing) to.message(message);
    this.#receiver = to;
    this.#release();
    if (this.#end !== undefined) to.closed(this.#end);
  }

  #hold(message: Uint8Array): void {
    this.#held ??= [];
    this.#held.push(message);
    this.#heldBytes += message.length + HELD_OVERHEAD_BYTES;
    if (this.#paused || this.#heldBytes < HELD_MESSAGES * this.#maxMessageBytes) return;
    this.#paused = true;
    this.#wire.pause();
  }

  #release(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
    if (this.#paused) this.#wire.resume();
    this.#paused = false;
  }
}

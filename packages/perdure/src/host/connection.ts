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
  /** Bytes given to `send` that have not left this process. */
  queuedBytes(): number;
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

export interface ConnectionOptions {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly remote: () => string;
  readonly local: () => boolean;
  readonly maxMessageBytes: number;
}

export function createConnection({ clock, wire, remote, local, maxMessageBytes }: ConnectionOptions): {
  readonly connection: Connection;
  readonly events: WireEvents;
} {
  let receiver: Receiver | undefined;
  let starting = false;
  // bound: HELD_MESSAGES of the largest size; then the wire is not read
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let paused = false;
  let unsent = false;
  let closing = false;
  let end: string | undefined;
  let cancelCut = (): void => {};

  const release = (): void => {
    held = [];
    heldBytes = 0;
    if (paused) wire.resume();
    paused = false;
  };

  const hold = (message: Uint8Array): void => {
    held.push(message);
    heldBytes += message.length + HELD_OVERHEAD_BYTES;
    if (paused || heldBytes < HELD_MESSAGES * maxMessageBytes) return;
    paused = true;
    wire.pause();
  };

  const begin = (to: Receiver): void => {
    for (const message of held) if (!closing) to.message(message);
    receiver = to;
    release();
    if (end !== undefined) to.closed(end);
  };

  const connection: Connection = {
    get remote() {
      return remote();
    },
    get local() {
      return local();
    },
    get queuedBytes() {
      return wire.queuedBytes();
    },
    send: (message) => {
      if (closing || end !== undefined) return;
      unsent = true;
      wire.send(message);
    },
    close: (now = false) => {
      if (end !== undefined) return;
      if (!closing) {
        closing = true;
        // The answer to a close comes after everything else, so reading must go on.
        release();
        wire.end();
        cancelCut = clock.after(FIXED.closeTimeoutMs.value, () => wire.cut());
      }
      if (now) wire.cut();
    },
    start: (to) => {
      if (starting) throw new PerdureError("internal", "a connection is started once");
      starting = true;
      queueMicrotask(() => begin(to));
    },
  };

  const events: WireEvents = {
    message: (message) => {
      if (closing || end !== undefined) return;
      if (receiver === undefined) hold(message);
      else receiver.message(message);
    },
    sent: () => {
      if (!unsent || closing || wire.queuedBytes() > 0) return;
      unsent = false;
      receiver?.drained();
    },
    ended: (why) => {
      if (end !== undefined) return;
      end = closing ? "closed here" : why;
      cancelCut();
      receiver?.closed(end);
    },
  };

  return { connection, events };
}

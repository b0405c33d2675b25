/**
 * One direction of a simulated connection: a queue in the sending process, a bounded flight, and an arrival. Messages
 * arrive in order and whole, as TCP and WebSocket promise; only a middlebox breaks that. An end (a close or a reset)
 * travels behind the messages it follows.
 *
 *   send -> queue (counted in queuedBytes) -> flush -> flight (at most bufferBytes) -> arrival -> receiver
 */
import type { Draws } from "./draws.ts";
import type { Process, Schedule } from "./schedule.ts";

/** How one direction between two hosts behaves. May change at any time; what is in flight keeps its arrival. */
export interface LinkProfile {
  /** Shortest time from one side to the other. */
  latencyMs: number;
  /** Mean of what comes on top, exponentially distributed. */
  jitterMs: number;
  bytesPerSecond: number;
  /** Chance of a message to be lost on its way. It is sent again after a while that doubles: it comes late, and so does what follows. */
  loss: number;
  /** How fast the program at the other end takes what has arrived; what it leaves lies in the buffer. */
  readBytesPerSecond: number;
  /** What fits between the two processes before the sender's queue grows: socket buffers and the flight. */
  bufferBytes: number;
  /** Nothing passes; what was sent arrives after it is up again. */
  down: boolean;
  /**
   * What a middlebox does. A hostile one: each of four a chance per message. A forgetful one, as many routers are: a connection on which
   * nothing passed either way for `forgetsAfterMs` carries nothing any more, and nobody is told; with `resets` whoever sends into it is.
   * One with a `maxAgeMs` forgets every connection that old, busy or not; with `resets` both ends are told then and there.
   */
  middlebox: {
    drop: number;
    duplicate: number;
    reorder: number;
    corrupt: number;
    forgetsAfterMs: number;
    maxAgeMs: number;
    resets: boolean;
  };
}

/** What a middlebox knows of a connection, both directions together. */
export interface Flow {
  readonly openedAtUs: number;
  passedAtUs: number;
  forgotten: boolean;
  /** What the translators it goes through add to the middlebox of its link: how long they remember, and whether they reset. */
  readonly forgetsAfterMs: number;
  readonly resets: boolean;
  /** Who has another address since it was opened: the other side knows nothing of it, and says so when something comes from there. */
  moved: Process | undefined;
}

export interface Arrival {
  message(message: Uint8Array): void;
  /** The other side is gone: its close, or a reset. */
  end(why: string): void;
}

export interface Pipe {
  /** Bytes not yet in flight. */
  readonly queuedBytes: number;
  /** The message is this queue's own from here on. */
  send(message: Uint8Array): void;
  /** Lets the end follow what is queued; with `now` what is queued is dropped and the end waits for no buffer. */
  end(why: string, now: boolean): void;
  /** The sending process died: what it still had is lost, and a drawn part of the flight. */
  senderDied(silent: boolean): void;
  /** Nothing will ever arrive any more, and nobody is told. */
  stall(): void;
  /** The receiving side takes arrivals from here on. */
  open(): void;
  /** The link is up again. */
  wake(): void;
}

export interface PipeOptions {
  readonly schedule: Schedule;
  readonly draws: Draws;
  readonly profile: LinkProfile;
  readonly flow: Flow;
  readonly from: Process;
  readonly to: Process;
  readonly arrival: Arrival;
  /** What was sent came back: nobody there knows this connection. */
  readonly unknown: () => void;
  /** The queue fell to zero. */
  readonly drained: () => void;
}

type Item = { readonly message: Uint8Array; atUs: number } | { readonly why: string; atUs: number };

/** Until something lost is sent again for the first time, and how often that doubles at most. */
const RESEND_US = 200_000;
const MAX_DOUBLINGS = 6;

/** From `send` to the wire: the time a system call takes. */
const FLUSH_US = 5;

export function createPipe({ schedule, draws, profile, flow, from, to, arrival, unknown, drained }: PipeOptions): Pipe {
  const queue: Item[] = [];
  const flight: Item[] = [];
  let queuedBytes = 0;
  let flightBytes = 0;
  let flushing = false;
  let arriving = false;
  let stalled = false;
  let opened = false;
  let linkFreeUs = 0;
  let lastArrivalUs = 0;
  let readerFreeUs = 0;

  /** How much later something arrives for having been lost, once or more often. */
  const lostUs = (): number => {
    let us = 0;
    for (let doublings = 0; doublings < MAX_DOUBLINGS && profile.loss > 0 && draws.chance(profile.loss); doublings++)
      us += RESEND_US << doublings;
    return us;
  };

  const fly = (item: Item): void => {
    flow.forgotten ||=
      schedule.nowUs - flow.passedAtUs > Math.min(profile.middlebox.forgetsAfterMs, flow.forgetsAfterMs) * 1000 ||
      schedule.nowUs - flow.openedAtUs > profile.middlebox.maxAgeMs * 1000;
    if (flow.forgotten) {
      if (profile.middlebox.resets || flow.resets || flow.moved === from)
        schedule.at(schedule.nowUs + 2 * profile.latencyMs * 1000, "net.unknown", from, unknown);
      return;
    }
    flow.passedAtUs = schedule.nowUs;
    const bytes = sizeOf(item);
    linkFreeUs = Math.max(linkFreeUs, schedule.nowUs) + (bytes / profile.bytesPerSecond) * 1_000_000;
    lastArrivalUs = Math.max(
      lastArrivalUs,
      Math.ceil(linkFreeUs + (profile.latencyMs + (profile.jitterMs > 0 ? draws.wait(profile.jitterMs) : 0)) * 1000 + lostUs()),
    );
    item.atUs = lastArrivalUs;
    flight.push(item);
    flightBytes += bytes;
    awaitArrival();
  };

  const meddle = (item: Item): void => {
    const { drop, duplicate, reorder, corrupt } = profile.middlebox;
    if (!("message" in item)) return fly(item);
    if (draws.chance(drop)) return;
    let message = item.message;
    if (message.length > 0 && draws.chance(corrupt)) {
      message = message.slice();
      const at = draws.below(message.length);
      message[at] = (message[at] as number) ^ (1 << draws.below(8));
    }
    fly({ message, atUs: 0 });
    if (draws.chance(duplicate)) fly({ message, atUs: 0 });
    const last = flight.at(-1);
    const previous = flight.at(-2);
    if (last !== undefined && previous !== undefined && "message" in previous && draws.chance(reorder)) {
      [last.atUs, previous.atUs] = [previous.atUs, last.atUs];
      flight.splice(-2, 2, last, previous);
    }
  };

  const flush = (): void => {
    flushing = false;
    const had = queue.length > 0;
    while (queue.length > 0 && flightBytes < profile.bufferBytes) {
      const item = queue.shift() as Item;
      queuedBytes -= sizeOf(item);
      meddle(item);
    }
    if (had && queue.length === 0) drained();
  };

  const awaitFlush = (): void => {
    if (flushing || queue.length === 0) return;
    flushing = true;
    schedule.at(schedule.nowUs + FLUSH_US, "net.flush", from, flush);
  };

  const arrive = (): void => {
    arriving = false;
    if (stalled || profile.down || !opened) return;
    const item = flight[0];
    if (item === undefined) return;
    if (item.atUs > schedule.nowUs || readerFreeUs > schedule.nowUs) return awaitArrival();
    flight.shift();
    flightBytes -= sizeOf(item);
    readerFreeUs = schedule.nowUs + (sizeOf(item) / profile.readBytesPerSecond) * 1_000_000;
    awaitArrival();
    awaitFlush();
    if ("message" in item) arrival.message(item.message);
    else arrival.end(item.why);
  };

  const awaitArrival = (): void => {
    const first = flight[0];
    if (arriving || stalled || profile.down || !opened || first === undefined) return;
    arriving = true;
    schedule.at(Math.max(first.atUs, readerFreeUs), "net.arrive", to, arrive);
  };

  const dropQueue = (): void => {
    queue.length = 0;
    queuedBytes = 0;
  };

  return {
    get queuedBytes() {
      return queuedBytes;
    },
    send: (message) => {
      queue.push({ message, atUs: 0 });
      queuedBytes += message.length;
      awaitFlush();
    },
    end: (why, now) => {
      if (now) {
        dropQueue();
        fly({ why, atUs: 0 });
        return;
      }
      queue.push({ why, atUs: 0 });
      awaitFlush();
    },
    senderDied: (silent) => {
      dropQueue();
      const kept = draws.below(flight.length + 1);
      flight.splice(kept);
      flightBytes = flight.reduce((bytes, item) => bytes + sizeOf(item), 0);
      if (!silent) fly({ why: "connection reset", atUs: 0 });
    },
    stall: () => {
      stalled = true;
    },
    open: () => {
      opened = true;
      awaitArrival();
    },
    wake: awaitArrival,
  };
}

function sizeOf(item: Item): number {
  return "message" in item ? item.message.length : 0;
}

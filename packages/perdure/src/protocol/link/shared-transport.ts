/**
 * One connection for the sessions of several agents.
 *
 * Channel 0 is the session that began with the connection; whoever dialled may open more, each with a number above all before it and
 * with a `join` frame. What is sent on any of them within one turn leaves as one transport message, under the protection the
 * connection has. A goodbye ends the session of its channel alone; the connection closes with the last one. What cannot be read ends
 * all of them: nobody knows whose it was.
 *
 * What must hold: frames of one channel stay in order; a number is never used again, so that what still comes for a session that is over
 * is told from what is for nobody.
 */
import type { Connection } from "../../host/net.ts";
import type { Goodbye } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { type ChannelFrame, frameBytes, MAX_CHANNEL, type OutFrame } from "../../wire/frame.ts";
import { goodbyeFor } from "./goodbyes.ts";
import { ConnectionTransport, SessionTransport, TRANSPORT_ROOM_BYTES, type Transport } from "./transport.ts";

/** One more session on a connection. */
export interface Channel {
  readonly number: number;
  readonly transport: Transport;
}

export interface SharedTransport extends Transport {
  /** Sessions that are not over, the first one included. */
  readonly sessions: number;
  /** Every session is over; nobody can join any more. */
  readonly over: boolean;
  /** Whether one more can be opened here: not where one waited in vain, for the connection may be dead. */
  readonly hasRoom: boolean;
  /** Takes in who joins from here on; until then a join is malformed. */
  admit(joined: (channel: Channel) => void): void;
  /** Opens one, whose first frame must be a `join`. */
  open(): Channel;
  /** Ends all sessions with that reason. */
  endAll(reason: Goodbye): void;
}

export function createSharedTransport(connection: Connection): SharedTransport {
  const transport = new ManyTransport(connection);
  connection.start(transport);
  return transport;
}

/** What a connection has besides its first session, once somebody joined. */
interface Others {
  /** bound: agentsPerConnection of the relay, and those that are being turned away */
  readonly channels: Map<number, ChannelTransport>;
  /** What leaves with the end of this turn, and on which channels. bound: TRANSPORT_ROOM_BYTES */
  frames: OutFrame[];
  numbers: number[];
  bytes: number;
  flushing: boolean;
}

class ManyTransport extends ConnectionTransport implements SharedTransport {
  #others: Others | undefined;
  #highest = 0;
  #inVain = false;
  #joined: ((channel: Channel) => void) | undefined;
  /** Of channel 0, since nothing was queued the last time. */
  #unsentBytes = 0;

  get sessions(): number {
    return (this.ended ? 0 : 1) + (this.#others?.channels.size ?? 0);
  }

  get over(): boolean {
    return this.sessions === 0;
  }

  get hasRoom(): boolean {
    return !this.over && !this.#inVain && this.#highest < MAX_CHANNEL;
  }

  protected override get isOver(): boolean {
    return this.over;
  }

  override get queuedBytes(): number {
    return this.#others === undefined ? super.queuedBytes : this.queuedOf(this.#unsentBytes);
  }

  /** Of what one session sent lately, that which can still be here. */
  queuedOf(unsentBytes: number): number {
    return Math.min(unsentBytes, super.queuedBytes + (this.#others?.bytes ?? 0));
  }

  admit(joined: (channel: Channel) => void): void {
    this.#joined = joined;
  }

  open(): Channel {
    if (!this.hasRoom) throw new PerdureError("connection-closed", "the connection takes no more sessions", { retry: "now" });
    return this.#begin(this.#highest + 1);
  }

  override send(frames: readonly OutFrame[]): void {
    if (this.ended) return;
    if (this.#others === undefined) return this.write(frames);
    this.#unsentBytes += this.gather(0, frames);
  }

  /** Frames of a channel leave with the others of this turn; what they take. */
  gather(channel: number, frames: readonly OutFrame[]): number {
    const others = this.#others as Others;
    let bytes = 0;
    for (const frame of frames) {
      const size = frameBytes(frame.payload.length);
      if (others.bytes + size > TRANSPORT_ROOM_BYTES) this.#flush(others);
      others.frames.push(frame);
      others.numbers.push(channel);
      others.bytes += size;
      bytes += size;
    }
    if (!others.flushing) {
      others.flushing = true;
      queueMicrotask(() => {
        others.flushing = false;
        this.#flush(others);
      });
    }
    return bytes;
  }

  override drained(): void {
    this.#unsentBytes = 0;
    for (const channel of [...(this.#others?.channels.values() ?? [])]) channel.drained();
    super.drained();
  }

  override closed(why: string): void {
    super.closed(why);
    const reason = goodbyeFor("connection-closed", why === "" ? "the connection broke without a goodbye" : why, { retry: "now" });
    for (const channel of this.#others?.channels.values() ?? []) channel.finish(reason);
    this.#others?.channels.clear();
  }

  endAll(why: Goodbye): void {
    for (const channel of [...(this.#others?.channels.values() ?? [])]) channel.end(why);
    this.end(why);
  }

  /** That session is over. */
  left(number: number, why?: Goodbye): void {
    this.#note(why);
    this.#others?.channels.delete(number);
    if (this.over) this.#close();
  }

  protected override hangUp(why?: Goodbye): void {
    this.#note(why);
    // The session of channel 0 counts as one until its end has been noted.
    if ((this.#others?.channels.size ?? 0) === 0) this.#close();
  }

  protected override breakOff(why: Goodbye): void {
    this.endAll(why);
  }

  protected override sort(frames: readonly ChannelFrame[]): void {
    let start = 0;
    for (let index = 1; index <= frames.length; index++) {
      const { channel } = frames[start] as ChannelFrame;
      if (frames[index]?.channel === channel) continue;
      this.#give(channel, start === 0 && index === frames.length ? frames : frames.slice(start, index));
      start = index;
    }
  }

  #give(channel: number, frames: readonly ChannelFrame[]): void {
    if (channel === 0) {
      if (!this.ended) this.arrived(frames);
      return;
    }
    const known = this.#others?.channels.get(channel);
    if (known !== undefined) return known.arrived(frames);
    // What was under way as it ended.
    if (channel <= this.#highest) return;
    if (this.#joined === undefined || frames[0]?.name !== "join")
      throw new PerdureError("malformed", `channel ${channel} is nobody's here`);
    const { number, transport } = this.#begin(channel);
    this.#joined({ number, transport });
    if (!transport.ended) transport.arrived(frames);
  }

  #begin(number: number): { readonly number: number; readonly transport: ChannelTransport } {
    this.#highest = number;
    this.#others ??= { channels: new Map(), frames: [], numbers: [], bytes: 0, flushing: false };
    const transport = new ChannelTransport(this, number);
    this.#others.channels.set(number, transport);
    return { number, transport };
  }

  #note(why: Goodbye | undefined): void {
    if (why?.code === "timed-out") this.#inVain = true;
  }

  #close(): void {
    if (this.#others !== undefined) this.#flush(this.#others);
    this.connection.close();
  }

  #flush(others: Others): void {
    const { frames, numbers } = others;
    if (frames.length === 0) return;
    others.frames = [];
    others.numbers = [];
    others.bytes = 0;
    this.write(frames, numbers);
  }
}

/** A session that joined: protected as its connection is. */
class ChannelTransport extends SessionTransport {
  readonly #number: number;
  readonly #on: ManyTransport;
  #unsentBytes = 0;
  #isOpen = false;

  constructor(on: ManyTransport, number: number) {
    super();
    this.#on = on;
    this.#number = number;
  }

  get remote(): string {
    return this.#on.remote;
  }

  get local(): boolean {
    return this.#on.local;
  }

  get queuedBytes(): number {
    return this.#on.queuedOf(this.#unsentBytes);
  }

  protected get isProtected(): boolean {
    return this.#isOpen;
  }

  protect(): void {
    this.#isOpen = true;
  }

  send(frames: readonly OutFrame[]): void {
    if (!this.ended) this.#unsentBytes += this.#on.gather(this.#number, frames);
  }

  override drained(): void {
    this.#unsentBytes = 0;
    super.drained();
  }

  protected hangUp(why?: Goodbye): void {
    this.#on.left(this.#number, why);
  }
}

/**
 * One connection for the sessions of several agents.
 *
 * Channel 0 is the session that began with the connection; whoever dialled may open more, each with a number above all before it and
 * with a `join` frame. What is sent on any of them within one turn leaves as one transport message, under the protection the
 * connection has. A goodbye ends the session of its channel alone; the connection closes with the last one. What cannot be read ends
 * all of them: nobody knows whose it was.
 *
 * What must hold: frames of one channel stay in order; a number is never used again, so that what still comes for a session that is over
 * is told from what is for nobody; whatever waits to be read counts as some session's, the oldest one's when nobody else is left to answer for it.
 */
import type { Connection } from "../../host/net.ts";
import type { Goodbye } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { type ChannelFrame, MAX_CHANNEL, type OutPiece, outBytes } from "../../wire/frame.ts";
import { goodbyeFor } from "./goodbyes.ts";
import { ConnectionTransport, SessionTransport, TRANSPORT_ROOM_BYTES, type Transport } from "./transport.ts";

/** One more session on a connection. */
export interface Channel {
  readonly number: number;
  readonly transport: Transport;
}

/** Whoever is told of those who join. */
export interface Joinable {
  joined(channel: Channel): void;
}

export interface SharedTransport extends Transport {
  /** Sessions that are not over, the first one included. */
  readonly sessions: number;
  /** Every session is over; nobody can join any more. */
  readonly over: boolean;
  /** Whether one more can be opened here: not where one waited in vain, for the connection may be dead. */
  readonly hasRoom: boolean;
  /** Takes in who joins from here on; until then a join is malformed. */
  admit(door: Joinable): void;
  /** What sessions that are over left unread. */
  readonly leftBytes: number;
  /** Opens one, whose first frame must be a `join`. */
  open(): Channel;
  /** Whether one that was opened later has spoken already: what is said on this one would be dropped. */
  isPast(channel: number): boolean;
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
  frames: OutPiece[];
  numbers: number[];
  bytes: number;
  flushing: boolean;
  /** Of all that was sent on this connection, to compare with what waits. */
  sentBytes: number;
  /** Of channel 0. */
  readonly first: Waiting;
  /** Of sessions that are over. */
  readonly left: Waiting;
}

/** What one of several senders has waiting in a queue they share, at most as much again as it is: known by two heaps and the mark between. */
class Waiting {
  #older = 0;
  #newer = 0;
  /** When so much has left, all of the older heap has. */
  #mark = 0;

  /** `sentBytes`: of all senders, with these. */
  add(bytes: number, sentBytes: number, queuedBytes: number): void {
    this.#forget(sentBytes, queuedBytes);
    if (this.#older > 0) this.#newer += bytes;
    else {
      this.#older = bytes;
      this.#mark = sentBytes;
    }
  }

  bytes(sentBytes: number, queuedBytes: number): number {
    this.#forget(sentBytes, queuedBytes);
    return Math.min(this.#older + this.#newer, queuedBytes);
  }

  #forget(sentBytes: number, queuedBytes: number): void {
    while (this.#older > 0 && sentBytes - queuedBytes >= this.#mark) {
      this.#older = this.#newer;
      this.#newer = 0;
      this.#mark = sentBytes;
    }
  }
}

class ManyTransport extends ConnectionTransport implements SharedTransport {
  #others: Others | undefined;
  #highest = 0;
  #inVain = false;
  #door: Joinable | undefined;
  /** The highest channel this side has sent something on. */
  #spoken = 0;

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
    return this.#others === undefined ? super.queuedBytes : this.queuedOf(0, this.#others.first);
  }

  get leftBytes(): number {
    return this.#others === undefined ? 0 : this.#waitingOf(this.#others, this.#others.left);
  }

  /** What waits of that session, and if it is the oldest one, of those that are over. */
  queuedOf(channel: number, waiting: Waiting): number {
    const others = this.#others as Others;
    const oldest = this.ended ? others.channels.keys().next().value : 0;
    return this.#waitingOf(others, waiting) + (channel === oldest ? this.leftBytes : 0);
  }

  admit(door: Joinable): void {
    this.#door = door;
  }

  open(): Channel {
    if (!this.hasRoom) throw new PerdureError("connection-closed", "the connection takes no more sessions", { retry: "now" });
    return this.#begin(this.#highest + 1, false);
  }

  isPast(channel: number): boolean {
    return channel < this.#spoken;
  }

  override send(frames: readonly OutPiece[]): void {
    if (this.ended) return;
    if (this.#others === undefined) return this.write(frames);
    this.gather(0, frames, this.#others.first);
  }

  /** Frames of a channel leave with the others of this turn. */
  gather(channel: number, frames: readonly OutPiece[], waiting: Waiting): void {
    const others = this.#others as Others;
    if (channel > this.#spoken) this.#spoken = channel;
    let bytes = 0;
    for (const frame of frames) {
      const size = outBytes(frame);
      if (others.bytes + size > TRANSPORT_ROOM_BYTES) this.#flush(others);
      others.frames.push(frame);
      others.numbers.push(channel);
      others.bytes += size;
      bytes += size;
    }
    others.sentBytes += bytes;
    waiting.add(bytes, others.sentBytes, this.#queued(others));
    if (others.flushing) return;
    others.flushing = true;
    queueMicrotask(() => {
      others.flushing = false;
      this.#flush(others);
    });
  }

  override drained(): void {
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
  left(number: number, waiting: Waiting, why?: Goodbye): void {
    this.#note(why);
    this.#leave(waiting);
    this.#others?.channels.delete(number);
    if (this.over) this.#close();
  }

  protected override hangUp(why?: Goodbye): void {
    this.#note(why);
    // The session of channel 0 counts as one until its end has been noted.
    if (this.#others === undefined || this.#others.channels.size === 0) return this.#close();
    this.#leave(this.#others.first);
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
    // The last session ended by what came before in this message; nobody joins what is closed.
    if (this.over) return;
    if (channel === 0) {
      if (!this.ended) this.arrived(frames);
      return;
    }
    const known = this.#others?.channels.get(channel);
    if (known !== undefined) return known.arrived(frames);
    // What was under way as it ended.
    if (channel <= this.#highest) return;
    if (this.#door === undefined || frames[0]?.name !== "join") throw new PerdureError("malformed", `channel ${channel} is nobody's here`);
    const { number, transport } = this.#begin(channel, true);
    this.#door.joined({ number, transport });
    if (!transport.ended) transport.arrived(frames);
  }

  #begin(number: number, isKnown: boolean): { readonly number: number; readonly transport: ChannelTransport } {
    this.#highest = number;
    this.#others ??= this.#newOthers();
    const transport = new ChannelTransport(this, number, isKnown);
    this.#others.channels.set(number, transport);
    return { number, transport };
  }

  /** What waits so far is the first session's. */
  #newOthers(): Others {
    const sentBytes = this.connection.queuedBytes;
    const [first, left] = [new Waiting(), new Waiting()];
    first.add(sentBytes, sentBytes, sentBytes);
    return { channels: new Map(), frames: [], numbers: [], bytes: 0, flushing: false, sentBytes, first, left };
  }

  #waitingOf(others: Others, waiting: Waiting): number {
    return waiting.bytes(others.sentBytes, this.#queued(others));
  }

  #queued(others: Others): number {
    return this.connection.queuedBytes + others.bytes;
  }

  #leave(waiting: Waiting): void {
    const others = this.#others as Others;
    others.left.add(this.#waitingOf(others, waiting), others.sentBytes, this.#queued(others));
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
  readonly #waiting = new Waiting();
  /** The other side has heard of it. */
  #isKnown: boolean;
  #isOpen = false;

  constructor(on: ManyTransport, number: number, isKnown: boolean) {
    super();
    this.#on = on;
    this.#number = number;
    this.#isKnown = isKnown;
  }

  get remote(): string {
    return this.#on.remote;
  }

  get local(): boolean {
    return this.#on.local;
  }

  get queuedBytes(): number {
    return this.#on.queuedOf(this.#number, this.#waiting);
  }

  protected get isProtected(): boolean {
    return this.#isOpen;
  }

  protect(): void {
    this.#isOpen = true;
  }

  send(frames: readonly OutPiece[]): void {
    if (this.ended) return;
    this.#isKnown = true;
    this.#on.gather(this.#number, frames, this.#waiting);
  }

  /** Where nothing was said a goodbye would be the first frame, which has to be a join. */
  override end(why: Goodbye): void {
    if (this.#isKnown || this.ended) return super.end(why);
    this.hangUp();
    this.finish(why);
  }

  protected hangUp(why?: Goodbye): void {
    this.#on.left(this.#number, this.#waiting, why);
  }
}

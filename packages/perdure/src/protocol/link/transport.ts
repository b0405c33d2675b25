/**
 * Transport messages over one connection, before and after the handshake.
 *
 * Until `protect` one frame travels per message, in mode none, at most HANDSHAKE_MESSAGE_BYTES long, and it is taken one at a
 * time by `next`. After `protect` the agreed mode holds, the counters of both directions start at 0, and messages go to the
 * receiver; what arrives before `receive` waits, bounded by WAITING_BYTES.
 *
 * Ends exactly once, with a reason: theirs, ours, or what happened to the connection. A connection that several sessions share is
 * in `shared-transport.ts`.
 */
import type { Connection, Receiver } from "../../host/net.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { type Goodbye, goodbye, goodbyeOfVersion0 } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import {
  ChannelFrame,
  decodeTransport,
  encodeTransport,
  type FrameName,
  frameBytes,
  type OutPiece,
  type Tagger,
} from "../../wire/frame.ts";
import { MAX_CONTROL_BYTES, MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../wire/limits.ts";
import { errorOfGoodbye, goodbyeFor, goodbyeOf } from "./goodbyes.ts";

/** A handshake frame carries at most one identity bundle and little else. */
export const HANDSHAKE_MESSAGE_BYTES: number = MAX_CONTROL_BYTES + 1024;
/** Handshake messages that may wait to be taken; the exchange never has more than one on its way. */
const HANDSHAKE_WAITING = 2;
/** What may arrive between the welcome and the moment the owner of the session listens. */
const WAITING_BYTES = 8 * MAX_TRANSPORT_BYTES;
/** Room for the header and tag of a transport message. */
const ENVELOPING_BYTES = 64;
/** Frames of one transport message. */
export const TRANSPORT_ROOM_BYTES: number = MAX_TRANSPORT_BYTES - ENVELOPING_BYTES;

export interface Protection {
  readonly sending: Tagger | undefined;
  readonly receiving: Tagger | undefined;
}

export interface TransportReceiver {
  frames(frames: readonly ChannelFrame[]): void;
  drained(): void;
  ended(reason: Goodbye): void;
}

export interface Aside {
  readonly name: FrameName;
  readonly take: (payload: Bytes) => void;
}

export interface Transport {
  /** Where the other side is, for logs. */
  readonly remote: string;
  /** Both ends are on one machine, as this one sees it. */
  readonly local: boolean;
  /** Bytes that have not left this process. */
  readonly queuedBytes: number;
  /**
   * The payload of the next handshake frame, which must be `name`; throws what ended the connection otherwise. One frame of another
   * kind may come `aside`, before it.
   */
  next(name: FrameName, aside?: Aside): Promise<Bytes>;
  send(frames: readonly OutPiece[]): void;
  /** From here on the mode that was agreed on. A goodbye in mode none is still read until the first protected message came. */
  protect(protection: Protection): void;
  receive(receiver: TransportReceiver): void;
  /** Says goodbye and closes; only the first reason counts. */
  end(reason: Goodbye): void;
  readonly ended: boolean;
}

/** A connection for one session alone. */
export function createTransport(connection: Connection): Transport {
  const transport = new ConnectionTransport(connection);
  connection.start(transport);
  return transport;
}

/** Who waits for a handshake frame. */
interface Taker {
  readonly name: FrameName;
  readonly aside: Aside | undefined;
  readonly resolve: (payload: Bytes) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * What comes for one session, whether it has a connection to itself or not: taken by `next`, kept until `receive`, and ended once.
 * A class because a relay has thousands of them that do nothing: each is a few fields, and no function of its own.
 */
export abstract class SessionTransport implements Transport {
  #reason: Goodbye | undefined;
  #receiver: TransportReceiver | undefined;
  #taker: Taker | undefined;
  /** bound: HANDSHAKE_WAITING messages, then WAITING_BYTES */
  #waiting: (readonly ChannelFrame[])[] | undefined;
  #waitingBytes = 0;

  abstract readonly remote: string;
  abstract readonly local: boolean;
  abstract readonly queuedBytes: number;
  abstract send(frames: readonly OutPiece[]): void;
  abstract protect(protection: Protection): void;
  /** The handshake is over but for the welcome. */
  protected abstract readonly isProtected: boolean;
  /** Nothing more travels for this session; `why` when this side ends it. */
  protected abstract hangUp(why?: Goodbye): void;

  get ended(): boolean {
    return this.#reason !== undefined;
  }

  next(name: FrameName, aside?: Aside): Promise<Bytes> {
    return new Promise((resolve, reject) => {
      if (this.#reason !== undefined) return reject(errorOfGoodbye(this.#reason));
      this.#taker = { name, aside, resolve, reject };
      for (
        let first = this.#waiting?.shift();
        first !== undefined;
        first = this.#taker === undefined ? undefined : this.#waiting?.shift()
      ) {
        this.#waitingBytes -= bytesOf(first);
        this.#handOn(first, true);
      }
    });
  }

  receive(receiver: TransportReceiver): void {
    this.#receiver = receiver;
    const why = this.#reason;
    if (why !== undefined) return queueMicrotask(() => receiver.ended(why));
    const held = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const frames of held) if (!this.ended) receiver.frames(frames);
  }

  end(why: Goodbye): void {
    if (this.#reason !== undefined) return;
    this.send([{ name: "goodbye", payload: goodbye.encode(why) }]);
    this.hangUp(why);
    this.finish(why);
  }

  /** All frames of one message that are for this session. */
  arrived(frames: readonly ChannelFrame[]): void {
    const last = frames.at(-1) as ChannelFrame;
    const before = last.name === "goodbye" ? frames.slice(0, -1) : frames;
    if (before.some((frame) => frame.name === "goodbye")) throw new PerdureError("malformed", "frames came after a goodbye");
    if (before.length > 0) this.#handOn(before);
    if (last.name === "goodbye") {
      this.finish(goodbye.decode(last.payload));
      this.hangUp();
    }
  }

  drained(): void {
    if (this.#reason === undefined) this.#receiver?.drained();
  }

  finish(why: Goodbye): void {
    if (this.#reason !== undefined) return;
    this.#reason = why;
    this.#taker?.reject(errorOfGoodbye(why));
    this.#taker = undefined;
    this.#waiting = undefined;
    const listening = this.#receiver;
    if (listening !== undefined) queueMicrotask(() => listening.ended(why));
  }

  /** `first`: what waits came later. */
  #handOn(frames: readonly ChannelFrame[], first = false): void {
    if (this.#taker !== undefined) return this.#give(this.#taker, frames, first);
    if (this.#receiver !== undefined) return this.#receiver.frames(frames);
    this.#hold(frames, first);
  }

  #give({ name, aside, resolve, reject }: Taker, frames: readonly ChannelFrame[], first: boolean): void {
    this.#taker = undefined;
    const frame = frames[0] as ChannelFrame;
    if (frame.name !== name && frame.name === aside?.name) {
      this.#taker = { name, aside: undefined, resolve, reject };
      aside.take(frame.payload);
      if (frames.length > 1) this.#handOn(frames.slice(1), first);
      return;
    }
    if (frame.name !== name) {
      const error = new PerdureError("malformed", `a ${frame.name} frame came where ${name} was due`);
      reject(error);
      return this.end(goodbyeOf(error));
    }
    resolve(frame.payload);
    if (frames.length > 1) this.#handOn(frames.slice(1), true);
  }

  #hold(frames: readonly ChannelFrame[], first: boolean): void {
    this.#waitingBytes += bytesOf(frames);
    this.#waiting ??= [];
    if (first) this.#waiting.unshift(frames);
    else this.#waiting.push(frames);
    const tooMany = this.isProtected ? this.#waitingBytes > WAITING_BYTES : this.#waiting.length > HANDSHAKE_WAITING;
    if (tooMany) this.end(goodbyeFor("malformed", "more was sent than the handshake allows"));
  }
}

/** The session that began with the connection: its handshake decides how everything on it is protected. */
export class ConnectionTransport extends SessionTransport implements Receiver {
  protected readonly connection: Connection;
  #protection: Protection | undefined;
  #sent = 0;
  #received = 0;

  constructor(connection: Connection) {
    super();
    this.connection = connection;
  }

  get remote(): string {
    return this.connection.remote;
  }

  get local(): boolean {
    return this.connection.local;
  }

  get queuedBytes(): number {
    return this.connection.queuedBytes;
  }

  protected get isProtected(): boolean {
    return this.#protection !== undefined;
  }

  /** Nobody is left who would take what comes. */
  protected get isOver(): boolean {
    return this.ended;
  }

  send(frames: readonly OutPiece[]): void {
    if (!this.ended) this.write(frames);
  }

  protect(agreed: Protection): void {
    this.#protection = agreed;
  }

  message(message: Bytes): void {
    if (this.isOver) return;
    try {
      this.sort(this.#read(message));
    } catch (error) {
      if (this.#protection === undefined && message[0] === 0) this.connection.send(farewellToVersion0());
      this.breakOff(goodbyeOf(error));
    }
  }

  closed(why: string): void {
    this.finish(goodbyeFor("connection-closed", why === "" ? "the connection broke without a goodbye" : why, { retry: "now" }));
  }

  /** Gives each frame to the session it is for. */
  protected sort(frames: readonly ChannelFrame[]): void {
    for (const { channel } of frames) if (channel !== 0) throw new PerdureError("malformed", `channel ${channel} is nobody's here`);
    this.arrived(frames);
  }

  /** What came cannot be read: no session can go on. */
  protected breakOff(why: Goodbye): void {
    this.end(why);
  }

  protected hangUp(): void {
    this.connection.close();
  }

  protected write(frames: readonly OutPiece[], channels?: readonly number[]): void {
    this.connection.send(encodeTransport(frames, this.#sent, this.#protection?.sending, channels));
    if (this.#protection !== undefined) this.#sent++;
  }

  #read(message: Bytes): readonly ChannelFrame[] {
    if (this.#protection === undefined) {
      if (message.length > HANDSHAKE_MESSAGE_BYTES)
        throw new PerdureError("too-large", `a handshake message of ${message.length} bytes is more than ${HANDSHAKE_MESSAGE_BYTES}`);
      const frames = decodeTransport(message, 0);
      if (frames.length > 1) throw new PerdureError("malformed", "a handshake message carries one frame");
      return frames;
    }
    if (this.#received === 0 && this.#protection.receiving !== undefined) {
      const early = earlyGoodbye(message);
      if (early !== undefined) return [early];
    }
    const frames = decodeTransport(message, this.#received, this.#protection.receiving);
    this.#received++;
    return frames;
  }
}

function bytesOf(frames: readonly ChannelFrame[]): number {
  return frames.reduce((sum, { at, end }) => sum + frameBytes(end - at), 0);
}

/** Told to whoever speaks version 0, in its own form: nothing else would reach the person there. */
function farewellToVersion0(): Bytes {
  const payload = goodbyeOfVersion0.encode({
    code: "needs-newer-version",
    retry: "never",
    afterMs: 0,
    why: `this side speaks wire version ${WIRE_VERSION} and not version 0`,
    hint: "Update perdure.",
  });
  const message = encodeTransport([{ name: "goodbye", payload }], 0);
  message[0] = 0;
  return message;
}

/**
 * A relay that gave up before it read the proof says so unprotected. Anybody on the way could have written that, so it is
 * read as "try again later" whatever it says.
 */
function earlyGoodbye(message: Bytes): ChannelFrame | undefined {
  let frames: readonly ChannelFrame[];
  try {
    frames = decodeTransport(message, 0);
  } catch {
    return undefined;
  }
  const [frame] = frames;
  if (frames.length !== 1 || frame?.name !== "goodbye") return undefined;
  const said = goodbye.decode(frame.payload);
  const payload = goodbye.encode({
    ...said,
    retry: said.retry === "never" ? "after" : said.retry,
    afterMs: Math.max(said.afterMs, said.retry === "never" ? 1000 : 0),
  });
  return new ChannelFrame("goodbye", 0, payload, 0, payload.length);
}

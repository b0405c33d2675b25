/**
 * Transport messages over one connection, before and after the handshake.
 *
 * Until `protect` one frame travels per message, in mode none, at most HANDSHAKE_MESSAGE_BYTES long, and it is taken one at a
 * time by `next`. After `protect` the agreed mode holds, the counters of both directions start at 0, and messages go to the
 * receiver; what arrives before `receive` waits, bounded by WAITING_BYTES.
 *
 * Ends exactly once, with a reason: theirs, ours, or what happened to the connection.
 */
import type { Connection } from "../../host/net.ts";
import type { Bytes } from "../../wire/bytes.ts";
import { type Goodbye, goodbye, goodbyeOfVersion0 } from "../../wire/control.ts";
import { PerdureError } from "../../wire/error.ts";
import { decodeTransport, encodeTransport, type Frame, type FrameName, frameBytes, type OutFrame, type Tagger } from "../../wire/frame.ts";
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
  frames(frames: readonly Frame[]): void;
  drained(): void;
  ended(reason: Goodbye): void;
}

export interface Aside {
  readonly name: FrameName;
  readonly take: (payload: Bytes) => void;
}

export interface Transport {
  readonly connection: Connection;
  /**
   * The payload of the next handshake frame, which must be `name`; throws what ended the connection otherwise. One frame of another
   * kind may come `aside`, before it.
   */
  next(name: FrameName, aside?: Aside): Promise<Bytes>;
  send(frames: readonly OutFrame[]): void;
  /** From here on the mode that was agreed on. A goodbye in mode none is still read until the first protected message came. */
  protect(protection: Protection): void;
  receive(receiver: TransportReceiver): void;
  /** Says goodbye and closes; only the first reason counts. */
  end(reason: Goodbye): void;
  readonly ended: boolean;
}

export function createTransport(connection: Connection): Transport {
  let protection: Protection | undefined;
  let sent = 0;
  let received = 0;
  let reason: Goodbye | undefined;
  let receiver: TransportReceiver | undefined;
  let taker:
    | {
        readonly name: FrameName;
        readonly aside: Aside | undefined;
        readonly resolve: (payload: Bytes) => void;
        readonly reject: (error: unknown) => void;
      }
    | undefined;
  // bound: HANDSHAKE_WAITING messages, then WAITING_BYTES
  let waiting: (readonly Frame[])[] = [];
  let waitingBytes = 0;

  const finish = (why: Goodbye): void => {
    if (reason !== undefined) return;
    reason = why;
    taker?.reject(errorOfGoodbye(why));
    taker = undefined;
    waiting = [];
    const listening = receiver;
    if (listening !== undefined) queueMicrotask(() => listening.ended(why));
  };

  const write = (frames: readonly OutFrame[]): void => {
    connection.send(encodeTransport(frames, sent, protection?.sending));
    if (protection !== undefined) sent++;
  };

  const end = (why: Goodbye): void => {
    if (reason !== undefined) return;
    write([{ name: "goodbye", payload: goodbye.encode(why) }]);
    connection.close();
    finish(why);
  };

  /** `first`: what waits came later. */
  const handOn = (frames: readonly Frame[], first = false): void => {
    if (taker !== undefined) {
      const { name, aside, resolve, reject } = taker;
      taker = undefined;
      const frame = frames[0] as Frame;
      if (frame.name !== name && frame.name === aside?.name) {
        taker = { name, aside: undefined, resolve, reject };
        aside.take(frame.payload);
        if (frames.length > 1) handOn(frames.slice(1), first);
        return;
      }
      if (frame.name !== name) {
        const error = new PerdureError("malformed", `a ${frame.name} frame came where ${name} was due`);
        reject(error);
        return end(goodbyeOf(error));
      }
      resolve(frame.payload);
      if (frames.length > 1) handOn(frames.slice(1), true);
      return;
    }
    if (receiver !== undefined) return receiver.frames(frames);
    hold(frames, first);
  };

  const hold = (frames: readonly Frame[], first: boolean): void => {
    waitingBytes += bytesOf(frames);
    if (first) waiting.unshift(frames);
    else waiting.push(frames);
    const tooMany = protection === undefined ? waiting.length > HANDSHAKE_WAITING : waitingBytes > WAITING_BYTES;
    if (tooMany) end(goodbyeFor("malformed", "more was sent than the handshake allows"));
  };

  const read = (message: Bytes): readonly Frame[] => {
    if (protection === undefined) {
      if (message.length > HANDSHAKE_MESSAGE_BYTES)
        throw new PerdureError("too-large", `a handshake message of ${message.length} bytes is more than ${HANDSHAKE_MESSAGE_BYTES}`);
      const frames = decodeTransport(message, 0);
      if (frames.length > 1) throw new PerdureError("malformed", "a handshake message carries one frame");
      return frames;
    }
    if (received === 0 && protection.receiving !== undefined) {
      const early = earlyGoodbye(message);
      if (early !== undefined) return [early];
    }
    const frames = decodeTransport(message, received, protection.receiving);
    received++;
    return frames;
  };

  connection.start({
    message: (message) => {
      if (reason !== undefined) return;
      try {
        const frames = read(message);
        const last = frames.at(-1) as Frame;
        const before = last.name === "goodbye" ? frames.slice(0, -1) : frames;
        if (before.some((frame) => frame.name === "goodbye")) throw new PerdureError("malformed", "frames came after a goodbye");
        if (before.length > 0) handOn(before);
        if (last.name === "goodbye") {
          finish(goodbye.decode(last.payload));
          connection.close();
        }
      } catch (error) {
        if (protection === undefined && message[0] === 0) connection.send(farewellToVersion0());
        end(goodbyeOf(error));
      }
    },
    drained: () => {
      if (reason === undefined) receiver?.drained();
    },
    closed: (why) => finish(goodbyeFor("connection-closed", why === "" ? "the connection broke without a goodbye" : why, { retry: "now" })),
  });

  return {
    connection,
    next: (name, aside) =>
      new Promise((resolve, reject) => {
        if (reason !== undefined) return reject(errorOfGoodbye(reason));
        taker = { name, aside, resolve, reject };
        for (let first = waiting.shift(); first !== undefined; first = taker === undefined ? undefined : waiting.shift()) {
          waitingBytes -= bytesOf(first);
          handOn(first, true);
        }
      }),
    send: (frames) => {
      if (reason === undefined) write(frames);
    },
    protect: (agreed) => {
      protection = agreed;
    },
    receive: (next) => {
      receiver = next;
      if (reason !== undefined) {
        const why = reason;
        queueMicrotask(() => next.ended(why));
        return;
      }
      const held = waiting;
      waiting = [];
      for (const frames of held) if (reason === undefined) next.frames(frames);
    },
    end,
    get ended() {
      return reason !== undefined;
    },
  };
}

function bytesOf(frames: readonly Frame[]): number {
  return frames.reduce((sum, { payload }) => sum + frameBytes(payload.length), 0);
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
function earlyGoodbye(message: Bytes): Frame | undefined {
  let frames: readonly Frame[];
  try {
    frames = decodeTransport(message, 0);
  } catch {
    return undefined;
  }
  const [frame] = frames;
  if (frames.length !== 1 || frame?.name !== "goodbye") return undefined;
  const said = goodbye.decode(frame.payload);
  return {
    name: "goodbye",
    payload: goodbye.encode({
      ...said,
      retry: said.retry === "never" ? "after" : said.retry,
      afterMs: Math.max(said.afterMs, said.retry === "never" ? 1000 : 0),
    }),
  };
}

/**
 * Frames and the transport messages that carry them.
 *
 * A transport message is one WebSocket binary message (or one length-prefixed message on a local socket):
 *
 *   offset  size  field
 *        0     1  version   1
 *        1     1  mode      0 none, 1 mac
 *        2    16  tag       mode mac only: first 16 bytes of HMAC-SHA256 over counter (u64) and the frames
 *     2|18     …  frames    one or more, until the end of the message
 *
 * The counter is not sent: both sides count the messages of one direction from 0. A frame:
 *
 *   offset  size  field
 *        0     1  type
 *        1     1  flags     0
 *        2     2  channel   which session of the connection: 0, or the number a `join` gave
 *        4     4  length    u32, bytes of payload
 *        8     …  payload
 *
 * Handshake frames (1-4) and `goodbye` before the session on channel 0 travel in mode none; everything after `proof` in the mode that was agreed on.
 */

import { type Bytes, equalBytes, type Piece, putU16, putU32, putU64, u16At, u32At, writePiece } from "./bytes.ts";
import { PerdureError } from "./error.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "./limits.ts";
import { shortMemory } from "./short-memory.ts";
import { otherVersion, PEER_OF_OLDER } from "./version.ts";

export const FRAME_TYPES = {
  hello: 1,
  challenge: 2,
  proof: 3,
  welcome: 4,
  join: 5,
  mail: 16,
  deliver: 17,
  ack: 18,
  refuse: 19,
  settle: 20,
  position: 21,
  statement: 22,
  lookup: 23,
  found: 24,
  publish: 25,
  ping: 26,
  pong: 27,
  goodbye: 28,
  route: 29,
  offer: 30,
  resume: 31,
  contacts: 32,
  confirm: 33,
  published: 34,
} as const;

export type FrameName = keyof typeof FRAME_TYPES;

const NAME_OF: ReadonlyMap<number, FrameName> = new Map(Object.entries(FRAME_TYPES).map(([name, type]) => [type, name as FrameName]));

export interface Frame {
  readonly name: FrameName;
  readonly payload: Bytes;
}

/** A frame as it came: its payload is made when asked for, or read where it lies. */
export class ChannelFrame implements Frame {
  readonly name: FrameName;
  readonly channel: number;
  /** The payload is `within` from `at` to before `end`. */
  readonly within: Bytes;
  readonly at: number;
  readonly end: number;

  constructor(name: FrameName, channel: number, within: Bytes, at: number, end: number) {
    this.name = name;
    this.channel = channel;
    this.within = within;
    this.at = at;
    this.end = end;
  }

  get payload(): Bytes {
    return this.within.subarray(this.at, this.end);
  }
}

/** A frame on its way out, whose payload may be made in place. */
export interface OutFrame {
  readonly name: FrameName;
  readonly payload: Piece;
}

/** Several frames on their way out that are made together in place, headers and all. */
export interface OutFrames {
  /** Bytes of all of them, headers included. */
  readonly length: number;
  writeTo(message: Bytes, at: number, channel: number): void;
  /** Where a message of so many bytes is to be made that has nothing else but these; what lies there is written over. */
  memory?(bytes: number): Bytes | undefined;
}

/** What a session is given to send. */
export type OutPiece = OutFrame | OutFrames;

export const MODE_NONE = 0;
export const MODE_MAC = 1;
export const TAG_BYTES = 16;
export const FRAME_HEADER_BYTES = 8;
const TRANSPORT_HEADER_BYTES = 2;
const COUNTER_BYTES = 8;

/** The tag of one direction: given counter and frames, the 16 bytes that go before them. */
export type Tagger = (counted: Bytes) => Bytes;

/** Bytes a frame takes inside a transport message. */
export function frameBytes(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + payloadBytes;
}

/** Bytes of that inside a transport message. */
export function outBytes(out: OutPiece): number {
  return "payload" in out ? frameBytes(out.payload.length) : out.length;
}

export function putFrameHeader(message: Bytes, at: number, name: FrameName, channel: number, payloadBytes: number): void {
  message[at] = FRAME_TYPES[name];
  message[at + 1] = 0;
  putU16(message, at + 2, channel);
  putU32(message, at + 4, payloadBytes);
}

/** The highest number of a channel. */
export const MAX_CHANNEL = 0xffff;

/**
 * Builds one transport message. With a `tag` the mode is mac and `counter` is the number of this message in its direction. `channels` has
 * the channel of each frame; without it all go on channel 0.
 */
export function encodeTransport(frames: readonly OutPiece[], counter: number, tag?: Tagger, channels?: readonly number[]): Bytes {
  let size = 0;
  for (const frame of frames) size += outBytes(frame);
  const start = tag === undefined ? TRANSPORT_HEADER_BYTES : TRANSPORT_HEADER_BYTES + TAG_BYTES;
  if (start + size > MAX_TRANSPORT_BYTES)
    throw new PerdureError("too-large", `a transport message of ${start + size} bytes is more than ${MAX_TRANSPORT_BYTES}`);
  const only = frames.length === 1 ? frames[0] : undefined;
  const lent = only === undefined || "payload" in only ? undefined : only.memory?.(start + size);
  const message = lent ?? shortMemory(start + size);
  message[0] = WIRE_VERSION;
  message[1] = tag === undefined ? MODE_NONE : MODE_MAC;
  let at = start;
  for (let index = 0; index < frames.length; index++) {
    const frame = frames[index] as OutPiece;
    const channel = channels === undefined ? 0 : (channels[index] as number);
    if ("payload" in frame) {
      putFrameHeader(message, at, frame.name, channel, frame.payload.length);
      writePiece(frame.payload, message, at + FRAME_HEADER_BYTES);
    } else frame.writeTo(message, at, channel);
    at += outBytes(frame);
  }
  if (tag !== undefined) {
    // Where the last bytes of the tag go the counter stands while the tag is made: counter and frames lie side by side without a copy.
    putU64(message, start - COUNTER_BYTES, counter);
    const made = tag(message.subarray(start - COUNTER_BYTES));
    message.set(made.subarray(0, TAG_BYTES), TRANSPORT_HEADER_BYTES);
  }
  return message;
}

/**
 * Reads one transport message; payloads are views into it. `check` says whether a tag is right and decides the mode:
 * with it only mode mac is taken, without it only mode none.
 */
export function decodeTransport(message: Bytes, counter: number, check?: Tagger): readonly ChannelFrame[] {
  if (message.length > MAX_TRANSPORT_BYTES)
    throw new PerdureError("too-large", `a transport message of ${message.length} bytes is more than ${MAX_TRANSPORT_BYTES}`);
  if (message.length < TRANSPORT_HEADER_BYTES) malformed("shorter than its header");
  if (message[0] !== WIRE_VERSION)
    throw otherVersion({ what: "what the other side sends", found: message[0] as number, older: PEER_OF_OLDER });
  if (message[1] !== (check === undefined ? MODE_NONE : MODE_MAC)) malformed(`mode ${message[1]} was not agreed on`);
  let start = TRANSPORT_HEADER_BYTES;
  if (check !== undefined) {
    start += TAG_BYTES;
    if (message.length < start) malformed("shorter than its tag");
    const expected = check(counted(counter, message.subarray(start)));
    if (!equalBytes(expected.subarray(0, TAG_BYTES), message.subarray(TRANSPORT_HEADER_BYTES, start)))
      throw new PerdureError("bad-mac", "a transport message was changed, repeated or reordered on its way");
  }
  const frames = decodeFrames(message, start);
  if (frames.length === 0) malformed("no frames");
  return frames;
}

function decodeFrames(bytes: Bytes, start: number): readonly ChannelFrame[] {
  const frames: ChannelFrame[] = [];
  let at = start;
  while (at < bytes.length) {
    if (bytes.length - at < FRAME_HEADER_BYTES) malformed("a frame header is cut off");
    const name = NAME_OF.get(bytes[at] as number);
    if (name === undefined) malformed(`frame type ${bytes[at]} is unknown`);
    if (bytes[at + 1] !== 0) malformed("a frame flag is set that this version does not know");
    const length = u32At(bytes, at + 4);
    const end = at + FRAME_HEADER_BYTES + length;
    if (end > bytes.length) malformed(`a frame promises ${length} bytes, ${bytes.length - at - FRAME_HEADER_BYTES} are left`);
    frames.push(new ChannelFrame(name, u16At(bytes, at + 2), bytes, at + FRAME_HEADER_BYTES, end));
    at = end;
  }
  return frames;
}

function counted(counter: number, frames: Bytes): Bytes {
  const whole = new Uint8Array(COUNTER_BYTES + frames.length);
  putU64(whole, 0, counter);
  whole.set(frames, COUNTER_BYTES);
  return whole;
}

function malformed(why: string): never {
  throw new PerdureError("malformed", `transport message: ${why}`);
}

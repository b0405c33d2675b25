/**
 * Messages of one connection to a relay, for one line or several: what lines put on it within one turn leaves as one message, as the
 * product does it, and frames that come are given to the line of their channel.
 */
import { type Bytes, putU64 } from "../../packages/perdure/src/wire/bytes.ts";
import { FRAME_HEADER_BYTES, MODE_MAC, MODE_NONE, TAG_BYTES, type Tagger } from "../../packages/perdure/src/wire/frame.ts";
import { MAX_TRANSPORT_BYTES, WIRE_VERSION } from "../../packages/perdure/src/wire/limits.ts";
import { headerBytes, putHeader, readHeader } from "./web-socket.ts";
import type { Wire } from "./wire.ts";

export const TRANSPORT_HEADER_BYTES = 2;
const COUNTER_BYTES = 8;
/** Frames of one message. */
export const ROOM_BYTES: number = MAX_TRANSPORT_BYTES - 64;
const CHANNEL_AT = 2;

/** A frame that came: its type, and its payload in those bytes. */
export type Take = (type: number, bytes: Buffer, payload: number, end: number) => void;
/** Puts frames behind `at` and gives the offset behind them. */
export type Fill = (buffer: Buffer, at: number) => number;

export interface Carrier {
  /** Frames of so many bytes, at most ROOM_BYTES, that `fill` makes before this turn is over. */
  put(bytes: number, fill: Fill): void;
  /** Frames that are there. */
  say(frames: Bytes): void;
  listen(channel: number, take: Take): void;
  /** A number for one more line. */
  nextChannel(): number;
  /** One line is over; the connection ends with the last. */
  leave(): Promise<void>;
}

/** `shared`: several lines use it, and what they write waits for the end of the turn. */
export function createCarrier(wire: Wire, tagger: Tagger | undefined, shared: boolean): Carrier {
  const start = TRANSPORT_HEADER_BYTES + (tagger === undefined ? 0 : TAG_BYTES);
  const takers: (Take | undefined)[] = [];
  let counter = 0;
  let lines = 1;
  let channels = 0;
  let waiting: Fill[] = [];
  let waitingBytes = 0;

  const flush = (): void => {
    const [fills, length] = [waiting, start + waitingBytes];
    if (fills.length === 0) return;
    waiting = [];
    waitingBytes = 0;
    wire.write(length + headerBytes(length), (buffer) => {
      const begin = putHeader(buffer, 0, length);
      buffer[begin] = WIRE_VERSION;
      buffer[begin + 1] = tagger === undefined ? MODE_NONE : MODE_MAC;
      let at = begin + start;
      for (const fill of fills) at = fill(buffer, at);
      if (tagger !== undefined) putTag(buffer, begin, at, counter, tagger);
      counter++;
      return at;
    });
  };

  const put = (bytes: number, fill: Fill): void => {
    if (waitingBytes + bytes > ROOM_BYTES) flush();
    if (waiting.length === 0 && shared) queueMicrotask(flush);
    waiting.push(fill);
    waitingBytes += bytes;
    if (!shared) flush();
  };

  wire.parse = createParse(start, (channel, type, bytes, payload, end) => takers[channel]?.(type, bytes, payload, end));
  return {
    put,
    say: (frames) =>
      put(frames.length, (buffer, at) => {
        buffer.set(frames, at);
        return at + frames.length;
      }),
    listen: (channel, take) => {
      takers[channel] = take;
    },
    nextChannel: () => {
      lines++;
      channels++;
      return channels;
    },
    leave: async () => {
      lines--;
      if (lines > 0) return;
      flush();
      await wire.end();
    },
  };
}

type TakeOnChannel = (channel: number, type: number, bytes: Buffer, payload: number, end: number) => void;

/** Takes frames out of WebSocket messages as they come, whether or not the message is there whole. */
function createParse(start: number, take: TakeOnChannel): Wire["parse"] {
  /** Bytes of the message that are still to come. */
  let left = 0;
  return (bytes, from, end) => {
    let at = from;
    for (;;) {
      if (left === 0) {
        const header = readHeader(bytes, at, end);
        if (header === undefined || header.payloadAt + start > end) return at;
        left = header.length - start;
        at = header.payloadAt + start;
      }
      if (end - at < FRAME_HEADER_BYTES) return at;
      const behind = at + FRAME_HEADER_BYTES + bytes.readUInt32BE(at + 4);
      if (behind > end) return at;
      take(bytes.readUInt16BE(at + CHANNEL_AT), bytes[at] as number, bytes, at + FRAME_HEADER_BYTES, behind);
      left -= behind - at;
      at = behind;
    }
  };
}

function putTag(buffer: Buffer, begin: number, end: number, counter: number, tagger: Tagger): void {
  const tagAt = begin + TRANSPORT_HEADER_BYTES;
  const framesAt = tagAt + TAG_BYTES;
  putU64(buffer, framesAt - COUNTER_BYTES, counter);
  const tag = tagger(buffer.subarray(framesAt - COUNTER_BYTES, end));
  buffer.set(tag, tagAt);
}

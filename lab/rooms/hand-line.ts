/** One end of a connection whose other end is a list: what was sent is looked at, and what comes is put in by hand. */
import type { Hash } from "../../packages/perdure/src/host/crypto.ts";
import type { Connection, Receiver } from "../../packages/perdure/src/host/net.ts";
import { type Bytes, concat, viewOf, writeU64 } from "../../packages/perdure/src/wire/bytes.ts";
import { FRAME_TYPES, type Frame } from "../../packages/perdure/src/wire/frame.ts";

export interface HandLine {
  readonly connection: Connection;
  /** What was sent and not taken away, the oldest first. */
  readonly sent: Bytes[];
  /** This end closed it. */
  readonly closed: boolean;
  /** Whoever reads it was told that it is over. */
  readonly isEnded: boolean;
  /** Also after the end: whoever is told late does not care. */
  arrive(message: Bytes): void;
  drain(): void;
  /** The end, unless it was. */
  end(why: string): void;
}

export function createHandLine(remote: string, local: boolean): HandLine {
  const sent: Bytes[] = [];
  let receiver: Receiver | undefined;
  let closed = false;
  let ended = false;
  let queuedBytes = 0;
  return {
    connection: {
      remote,
      local,
      get queuedBytes() {
        return queuedBytes;
      },
      send: (message) => {
        if (closed || ended) return;
        sent.push(message);
        queuedBytes += message.length;
      },
      close: () => {
        closed = true;
      },
      start: (next) => {
        receiver = next;
      },
    },
    sent,
    get closed() {
      return closed;
    },
    get isEnded() {
      return ended;
    },
    arrive: (message) => receiver?.message(message),
    drain: () => {
      if (queuedBytes === 0) return;
      queuedBytes = 0;
      receiver?.drained();
    },
    end: (why) => {
      if (ended) return;
      ended = true;
      receiver?.closed(why);
    },
  };
}

/** A transport message as the protocol says it; `key` for mode mac, with the number of the message in its direction. */
export function messageOf(hash: Hash, frames: readonly Frame[], key?: Bytes, counter = 0): Bytes {
  const said = concat(
    ...frames.flatMap(({ name, payload }) => {
      const head = new Uint8Array(8);
      head[0] = FRAME_TYPES[name];
      viewOf(head).setUint32(4, payload.length);
      return [head, payload];
    }),
  );
  if (key === undefined) return concat(Uint8Array.of(1, 0), said);
  const count = new Uint8Array(8);
  writeU64(viewOf(count), 0, counter);
  return concat(Uint8Array.of(1, 1), hash.hmacSha256(key, concat(count, said)).subarray(0, 16), said);
}

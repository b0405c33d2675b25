/**
 * One connection of the local socket, in whole contents: cuts what is sent into pieces, puts what comes back together,
 * and hands the socket only as much as it can take. At most {@link MAX_LOCAL_BYTES} are put together at a time, in full pieces.
 */
import type { Connection } from "../host/net.ts";
import { type Bytes, concat, EMPTY } from "../wire/bytes.ts";
import { PerdureError } from "../wire/error.ts";
import {
  decodeLocalPiece,
  encodeLocalPiece,
  LOCAL_HEADER_BYTES,
  LOCAL_PIECE_BYTES,
  type LocalKind,
  MAX_LOCAL_BYTES,
} from "../wire/local.ts";

/** Above this many bytes in the socket the next piece waits for `drained`. */
const SOCKET_QUEUE_BYTES = 1024 * 1024;
/** What may wait for a process that does not read; whoever sends looks before adding more. */
export const MAX_WAITING_BYTES: number = 2 * MAX_LOCAL_BYTES;

export interface LocalReceiver {
  content(kind: LocalKind, number: number, content: Bytes): void;
  /** Exactly once; nothing comes after it. */
  closed(why: PerdureError): void;
}

export interface LocalChannel {
  /** Queues one content; ignored after the close. */
  send(kind: LocalKind, number: number, content?: Bytes): void;
  /** Bytes that wait for the other side to read. */
  readonly waitingBytes: number;
  /** Closes once what is queued in the socket has left. */
  close(): void;
}

interface Outgoing {
  readonly kind: LocalKind;
  readonly number: number;
  readonly content: Bytes;
  at: number;
}

export function openLocalChannel(connection: Connection, receiver: LocalReceiver): LocalChannel {
  // bound: MAX_WAITING_BYTES, beyond which the holder closes the channel
  const waiting: Outgoing[] = [];
  // bound: partialBytes
  const partial = new Map<string, Bytes[]>();
  let partialBytes = 0;
  let waitingBytes = 0;
  let open = true;

  const pump = (): void => {
    while (open && connection.queuedBytes < SOCKET_QUEUE_BYTES) {
      const next = waiting[0];
      if (next === undefined) return;
      const piece = next.content.subarray(next.at, next.at + LOCAL_PIECE_BYTES);
      next.at += piece.length;
      const more = next.at < next.content.length;
      if (!more) {
        waiting.shift();
        waitingBytes -= sizeOf(next.content);
      }
      connection.send(encodeLocalPiece({ kind: next.kind, number: next.number, more, piece }));
    }
  };

  const end = (why: PerdureError): void => {
    if (!open) return;
    open = false;
    waiting.length = 0;
    partial.clear();
    receiver.closed(why);
  };

  const take = (message: Bytes): void => {
    const part = decodeLocalPiece(message);
    const key = `${part.kind} ${part.number}`;
    const before = partial.get(key);
    if (!part.more && before === undefined) return receiver.content(part.kind, part.number, part.piece);
    const pieces = before ?? [];
    pieces.push(part.piece);
    if (part.more && part.piece.length !== LOCAL_PIECE_BYTES)
      throw new PerdureError("malformed", "local message: a piece before the last is not full");
    partialBytes += part.piece.length;
    if (partialBytes > MAX_LOCAL_BYTES) throw new PerdureError("too-large", `local message: more than ${MAX_LOCAL_BYTES} bytes`);
    if (part.more) {
      partial.set(key, pieces);
      return;
    }
    partial.delete(key);
    const whole = concat(...pieces);
    partialBytes -= whole.length;
    receiver.content(part.kind, part.number, whole);
  };

  connection.start({
    message: (message) => {
      if (!open) return;
      try {
        take(message);
      } catch (error) {
        const why =
          error instanceof PerdureError ? error : new PerdureError("internal", "a local message could not be handled", { cause: error });
        connection.close(true);
        end(why);
      }
    },
    drained: pump,
    closed: (why) => end(new PerdureError("connection-closed", `the process that shares this folder is gone: ${why}`, { retry: "now" })),
  });

  return {
    send(kind, number, content = EMPTY) {
      if (!open) return;
      waiting.push({ kind, number, content, at: 0 });
      waitingBytes += sizeOf(content);
      pump();
    },
    get waitingBytes() {
      return waitingBytes;
    },
    close() {
      connection.close();
      end(new PerdureError("connection-closed", "the local connection was closed on this side", { retry: "now" }));
    },
  };
}

function sizeOf(content: Bytes): number {
  return LOCAL_HEADER_BYTES + content.length;
}

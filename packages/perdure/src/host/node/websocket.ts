import type { Socket } from "node:net";
import { type RawData, WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { createConnection, type Wire, type WireEvents } from "../connection.ts";
import type { Connection } from "../net.ts";
import { plainBytes } from "./raw-bytes.ts";

const BINARY = { binary: true };
const CLOSE_NORMAL = 1000;
const CLOSE_TEXT = 1003;
const CLOSE_TOO_LARGE = 1009;

/** The beginning of a whole binary message (RFC 6455 section 5.2), and what stands where its length is two bytes more. */
const WHOLE_BINARY = 0x82;
const TWO_BYTES = 126;
/** Up to here copying a message behind its header costs less than giving the system two pieces. */
const COPIED_BYTES = 4096;

/** A WebSocket that knows its wire, so that one listener is enough for thousands of them. */
export class WireSocket extends WebSocket {
  wire: SocketWire | undefined;
}

/** A wire over a WebSocket. Its connection is made before the socket opens, so that no message can come before its listener. */
class SocketWire implements Wire {
  readonly remote: string;
  connection: (Connection & WireEvents) | undefined;
  readonly #socket: WireSocket;
  readonly #isLocal: boolean | (() => boolean);
  readonly #below: Socket | undefined;
  readonly #over: ((connection: Connection) => void) | undefined;
  #failure: string | undefined;

  constructor({ socket, below, remote, local, over }: WebSocketConnectionOptions) {
    this.remote = remote;
    this.#socket = socket;
    this.#below = below;
    this.#isLocal = local;
    this.#over = over;
  }

  get local(): boolean {
    return typeof this.#isLocal === "boolean" ? this.#isLocal : this.#isLocal();
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    // Made anew for each: kept, it would be memory of every connection that waits.
    const left = (error?: Error | null): void => {
      if (error === undefined || error === null) this.connection?.sent();
    };
    if (this.#below !== undefined && message.length <= COPIED_BYTES && this.#socket.readyState === WebSocket.OPEN)
      this.#below.write(framed(message), left);
    else this.#socket.send(message, BINARY, left);
  }

  end(): void {
    this.#socket.close(CLOSE_NORMAL);
  }

  cut(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  heard(data: RawData, isBinary: boolean): void {
    if (isBinary) return this.connection?.message(plainBytes(data as Buffer));
    this.#failure = "a text message came";
    this.#socket.close(CLOSE_TEXT);
  }

  failed(error: Error): void {
    this.#failure ??= describeFailure(error);
  }

  closed(code: number): void {
    if (this.connection === undefined) return;
    this.connection.ended(this.#failure ?? describeClose(code));
    this.#over?.(this.connection);
  }
}

export interface WebSocketConnectionOptions {
  readonly clock: Clock;
  readonly socket: WireSocket;
  /** What an accepted one was made of: short messages are written to it in one piece. One that dialled has to mask them. */
  readonly below?: Socket;
  readonly remote: string;
  /** Asked each time where it is known only once the socket is open. */
  readonly local: boolean | (() => boolean);
  readonly maxMessageBytes: number;
  /** The connection has ended. */
  readonly over?: (connection: Connection) => void;
}

export function connectionOf(options: WebSocketConnectionOptions): Connection {
  const { clock, socket, maxMessageBytes } = options;
  const wire = new SocketWire(options);
  const connection = createConnection(clock, wire, maxMessageBytes);
  wire.connection = connection;
  socket.wire = wire;
  socket.on("message", onMessage);
  socket.on("error", onError);
  socket.on("close", onClose);
  return connection;
}

function framed(message: Uint8Array): Buffer {
  const { length } = message;
  const isShort = length < TWO_BYTES;
  const frame = Buffer.allocUnsafe((isShort ? 2 : 4) + length);
  frame[0] = WHOLE_BINARY;
  frame[1] = isShort ? length : TWO_BYTES;
  if (!isShort) frame.writeUInt16BE(length, 2);
  frame.set(message, frame.length - length);
  return frame;
}

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  (this as WireSocket).wire?.heard(data, isBinary);
}

function onError(this: WebSocket, error: Error): void {
  (this as WireSocket).wire?.failed(error);
}

function onClose(this: WebSocket, code: number): void {
  (this as WireSocket).wire?.closed(code);
}

function describeFailure(error: Error): string {
  const code = "code" in error ? String(error.code) : error.message;
  return code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH" ? "a message was too large" : `connection failed (${code})`;
}

function describeClose(code: number): string {
  if (code === CLOSE_TOO_LARGE) return "a message was too large for the other side";
  return code === CLOSE_NORMAL ? "closed by the other side" : `connection lost (${code})`;
}

/** True for 127.0.0.0/8 and ::1, also written as IPv4 in IPv6. */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(::1|(::ffff:)?127(\.\d{1,3}){3})$/i.test(address);
}

import type { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { createConnection, type Wire } from "../connection.ts";
import type { Connection } from "../net.ts";
import { plainBytes } from "./raw-bytes.ts";

const BINARY = { binary: true };
const CLOSE_NORMAL = 1000;
const CLOSE_TEXT = 1003;
const CLOSE_TOO_LARGE = 1009;

/** A wire over a WebSocket. Its connection is made before the socket opens, so that no message can come before its listener. */
class SocketWire implements Wire {
  readonly remote: string;
  readonly #socket: WebSocket;
  readonly #isLocal: boolean | (() => boolean);
  readonly #onSent: (error?: Error | null) => void;

  constructor(socket: WebSocket, remote: string, isLocal: boolean | (() => boolean), onSent: (error?: Error | null) => void) {
    this.remote = remote;
    this.#socket = socket;
    this.#isLocal = isLocal;
    this.#onSent = onSent;
  }

  get local(): boolean {
    return typeof this.#isLocal === "boolean" ? this.#isLocal : this.#isLocal();
  }

  get queuedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(message: Uint8Array): void {
    this.#socket.send(message, BINARY, this.#onSent);
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
}

export interface WebSocketConnectionOptions {
  readonly clock: Clock;
  readonly socket: WebSocket;
  readonly remote: string;
  /** Asked each time where it is known only once the socket is open. */
  readonly local: boolean | (() => boolean);
  readonly maxMessageBytes: number;
  /** The connection has ended. */
  readonly over?: (connection: Connection) => void;
}

export function connectionOf({ clock, socket, remote, local, maxMessageBytes, over }: WebSocketConnectionOptions): Connection {
  const onSent = (error?: Error | null): void => {
    if (error === undefined || error === null) connection.sent();
  };
  const connection = createConnection(clock, new SocketWire(socket, remote, local, onSent), maxMessageBytes);
  let failure: string | undefined;
  socket.on("message", (data, isBinary) => {
    if (isBinary) return connection.message(plainBytes(data as Buffer));
    failure = "a text message came";
    socket.close(CLOSE_TEXT);
  });
  socket.on("error", (error) => {
    failure ??= describeFailure(error);
  });
  socket.on("close", (code) => {
    connection.ended(failure ?? describeClose(code));
    over?.(connection);
  });
  return connection;
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

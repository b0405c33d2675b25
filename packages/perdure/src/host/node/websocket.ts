import type { WebSocket } from "ws";
import type { Clock } from "../clock.ts";
import { createConnection } from "../connection.ts";
import type { Connection } from "../net.ts";
import { plainBytes } from "./raw-bytes.ts";

const CLOSE_NORMAL = 1000;
const CLOSE_TEXT = 1003;
const CLOSE_TOO_LARGE = 1009;

export interface WebSocketConnectionOptions {
  readonly clock: Clock;
  readonly socket: WebSocket;
  readonly remote: () => string;
  readonly local: () => boolean;
  readonly maxMessageBytes: number;
}

/** A connection over a WebSocket. Made before the socket opens, so that no message can come before its listener. */
export function connectionOf({ clock, socket, remote, local, maxMessageBytes }: WebSocketConnectionOptions): Connection {
  const { connection, events } = createConnection({
    clock,
    remote,
    local,
    maxMessageBytes,
    wire: {
      queuedBytes: () => socket.bufferedAmount,
      send: (message) => socket.send(message, { binary: true }, onSent),
      end: () => socket.close(CLOSE_NORMAL),
      cut: () => socket.terminate(),
      pause: () => socket.pause(),
      resume: () => socket.resume(),
    },
  });
  function onSent(error?: Error | null): void {
    if (error === undefined || error === null) events.sent();
  }

  let failure: string | undefined;
  socket.on("message", (data, isBinary) => {
    if (isBinary) return events.message(plainBytes(data as Buffer));
    failure = "a text message came";
    socket.close(CLOSE_TEXT);
  });
  socket.on("error", (error) => {
    failure ??= describeFailure(error);
  });
  socket.on("close", (code) => events.ended(failure ?? describeClose(code)));
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

/**
 * A page's way to a relay. A browser says little of why a connection failed, cannot be told to stop reading, looks at no address
 * for us (`publicOnly` reaches as far as an address written in numbers), and tells nobody when what is queued has left: that is looked for.
 */
import { PerdureError } from "../../wire/error.ts";
import type { Clock } from "../clock.ts";
import { createConnection, type Wire } from "../connection.ts";
import { withDeadline } from "../deadline.ts";
import type { Connection, DialOptions } from "../net.ts";
import { isIpAddress, isPublicAddress } from "../public-address.ts";
import type { PageSocket, Platform } from "./platform.ts";

const CLOSE_NORMAL = 1000;
/** A page may close with 1000 or 3000 to 4999 only. */
const CLOSE_TEXT = 3003;
const CLOSE_TOO_LARGE = 3009;
const LOOK_AGAIN_MS = 4;
/** What may come before `start`, in messages of the largest size: reading cannot wait, so more ends the connection. */
const MOST_EARLY_MESSAGES = 256;

export interface SocketParts {
  readonly clock: Clock;
  readonly platform: Pick<Platform, "WebSocket" | "origin">;
}

export async function dialWebSocket({ clock, platform }: SocketParts, url: URL, options: DialOptions): Promise<Connection> {
  if (options.publicOnly === true) requirePublic(url);
  const deadline = {
    timeoutMs: options.timeoutMs,
    what: `a connection to ${url.href}`,
    signal: options.signal,
    hint: "Check the address and whether the relay runs.",
  };
  return await withDeadline(clock, deadline, (signal) => {
    const socket = openSocket(platform, url);
    const connection = connectionOver(clock, socket, url, options.maxMessageBytes);
    return new Promise<Connection>((resolve, reject) => {
      const giveUp = (): void => socket.close();
      signal.addEventListener("abort", giveUp, { once: true });
      socket.onopen = () => {
        signal.removeEventListener("abort", giveUp);
        resolve(connection);
      };
      socket.onerror = () => reject(notConnected(platform, url));
    });
  });
}

/** For an address written as numbers, the only one a page can judge; `peer-forbidden`. */
export function requirePublic(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (isIpAddress(host) && !isPublicAddress(host))
    throw new PerdureError("peer-forbidden", `${host} is on this machine or in a private network`);
}

function openSocket({ WebSocket }: Pick<Platform, "WebSocket">, url: URL): PageSocket {
  try {
    const socket = new WebSocket(url.href);
    socket.binaryType = "arraybuffer";
    return socket;
  } catch (cause) {
    throw new PerdureError("permission-denied", `the browser does not let this page connect to ${url.href}`, {
      hint: "From a page with https a relay is reached by wss:// only.",
      cause,
    });
  }
}

function notConnected({ origin }: Pick<Platform, "origin">, url: URL): PerdureError {
  return new PerdureError("relay-unreachable", `could not connect to ${url.href} (a browser does not say why)`, {
    retry: "after",
    hint: `Nothing answers there, or the relay does not let pages of ${origin} in: its owner allows them with perdure relay --origin ${origin}.`,
  });
}

function connectionOver(clock: Clock, socket: PageSocket, url: URL, maxMessageBytes: number): Connection {
  let why: string | undefined;
  let stopLooking = (): void => {};
  let looking = false;
  let early = 0;
  let reading = true;

  const wire: Wire = {
    remote: url.host,
    local: isLoopback(url.hostname),
    get queuedBytes() {
      return socket.bufferedAmount;
    },
    send: (message) => {
      socket.send(message);
      if (!looking) look();
    },
    end: () => socket.close(CLOSE_NORMAL),
    cut: () => finish("cut here"),
    pause: () => {
      reading = false;
    },
    resume: () => {
      reading = true;
      early = 0;
    },
  };
  const connection = createConnection(clock, wire, maxMessageBytes);

  const look = (): void => {
    looking = socket.bufferedAmount > 0;
    if (looking) stopLooking = clock.after(LOOK_AGAIN_MS, look);
    else queueMicrotask(() => connection.sent());
  };
  const finish = (reason: string): void => {
    stopLooking();
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
    connection.ended(why ?? reason);
  };
  const refuse = (reason: string, code: number): void => {
    why = reason;
    socket.close(code);
  };

  socket.onmessage = ({ data }) => {
    if (!(data instanceof ArrayBuffer)) return refuse("a text message came", CLOSE_TEXT);
    if (data.byteLength > maxMessageBytes) return refuse("a message was too large", CLOSE_TOO_LARGE);
    if (!reading && ++early > MOST_EARLY_MESSAGES) return refuse("too much came before anybody read", CLOSE_TOO_LARGE);
    connection.message(new Uint8Array(data));
  };
  socket.onclose = ({ code }) => {
    stopLooking();
    connection.ended(why ?? (code === CLOSE_NORMAL ? "closed by the other side" : `connection lost (${code})`));
  };
  return connection;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
}

import type { ClientOptions } from "ws";
import { FIXED } from "../../settings/fixed.ts";
import { PerdureError } from "../../wire/error.ts";
import { withDeadline } from "../deadline.ts";
import type { Connection, DialOptions } from "../net.ts";
import { dialError } from "./net-error.ts";
import type { NetParts } from "./net-parts.ts";
import { lookupPublic, requirePublic } from "./public-lookup.ts";
import { connectionOf, isLoopback, WireSocket } from "./websocket.ts";
import { webSocketLimits } from "./websocket-limits.ts";

export async function dialWebSocket({ clock, live }: NetParts, url: URL, options: DialOptions): Promise<Connection> {
  const deadline = {
    timeoutMs: options.timeoutMs,
    what: `a connection to ${url.href}`,
    signal: options.signal,
    hint: "Check the address and whether the relay runs.",
  };
  if (options.publicOnly === true) requirePublic(url);
  return await withDeadline(clock, deadline, (signal) => {
    const socketOptions: ClientOptions & { readonly autoSelectFamilyAttemptTimeout: number; readonly maxHeaderSize: number } = {
      ...webSocketLimits(options.maxMessageBytes),
      handshakeTimeout: FIXED.handshakesOpenMs.value,
      autoSelectFamilyAttemptTimeout: FIXED.addressAttemptMs.value,
      maxHeaderSize: FIXED.answerHeaderBytes.value,
      followRedirects: false,
      ...(options.publicOnly === true ? { lookup: lookupPublic } : {}),
      ...(needsNoMask(url) ? { generateMask: zeroMask } : {}),
    };
    const socket = new WireSocket(url, socketOptions);
    live?.watch(socket, "dialled WebSocket");
    let address: string | undefined;
    socket.once("upgrade", (response) => {
      address = response.socket.remoteAddress;
      live?.watch(response.socket, "dialled socket below a WebSocket");
    });
    const connection = connectionOf({
      clock,
      socket,
      remote: url.host,
      local: () => isLoopback(address),
      maxMessageBytes: options.maxMessageBytes,
    });
    return new Promise<Connection>((resolve, reject) => {
      const giveUp = (): void => socket.terminate();
      signal.addEventListener("abort", giveUp, { once: true });
      socket.once("open", () => {
        signal.removeEventListener("abort", giveUp);
        resolve(connection);
      });
      socket.once("error", (error) => reject(error instanceof PerdureError ? error : dialError(error, url.href)));
      socket.once("close", () => reject(dialError(new Error("closed while connecting"), url.href)));
    });
  });
}

/**
 * A mask protects proxies that read plain HTTP from what a page makes a browser send (RFC 6455 section 10.3). Nobody
 * in between reads TLS or the loopback, and unmasking big messages costs the relay more than everything else.
 */
function needsNoMask(url: URL): boolean {
  return url.protocol === "wss:" || url.hostname === "localhost" || isLoopback(url.hostname.replace(/^\[|\]$/g, ""));
}

function zeroMask(mask: Buffer): void {
  mask.fill(0);
}

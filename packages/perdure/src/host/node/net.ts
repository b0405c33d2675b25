import type { Net } from "../net.ts";
import { webAddress } from "../web-address.ts";
import { getOverHttp } from "./http-get.ts";
import { dialLocalSocket, listenLocalSocket } from "./local-socket.ts";
import type { NetParts } from "./net-parts.ts";
import { dialWebSocket } from "./websocket-dial.ts";
import { listenWebSocket } from "./websocket-listen.ts";

/** Connections of this machine: WebSocket for `ws:` and `wss:`, sockets of the file system (Windows: named pipes) for `unix:`. */
export function createNodeNet(parts: NetParts): Net {
  return {
    dial: async (address, options) => {
      if (address.startsWith("unix:")) return await dialLocalSocket(parts, address, options);
      return await dialWebSocket(parts, webAddress(address, ["ws:", "wss:"]), options);
    },
    listen: async (address, options) => {
      if (address.startsWith("unix:")) return await listenLocalSocket(parts, address, options);
      return await listenWebSocket(parts, webAddress(address, ["ws:", "wss:"]), options);
    },
    get: async (address, options) => await getOverHttp(parts, webAddress(address, ["http:", "https:"]), options),
  };
}

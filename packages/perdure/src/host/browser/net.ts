import { PerdureError } from "../../wire/error.ts";
import type { Clock } from "../clock.ts";
import type { Net } from "../net.ts";
import type { Random } from "../random.ts";
import { webAddress } from "../web-address.ts";
import { getOverHttp } from "./http-get.ts";
import type { Platform } from "./platform.ts";
import { dialTab } from "./tab-dial.ts";
import { listenForTabs } from "./tab-listen.ts";
import { dialWebSocket } from "./websocket-dial.ts";

export interface BrowserNetOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly platform: Platform;
}

/** Connections of a page: WebSocket for `ws:` and `wss:`, other tabs of the same origin for `unix:`. Nobody can dial a page from outside. */
export function createBrowserNet(parts: BrowserNetOptions): Net {
  return {
    dial: async (address, options) => {
      if (address.startsWith("unix:")) return await dialTab(parts, address, options);
      return await dialWebSocket(parts, webAddress(address, ["ws:", "wss:"]), options);
    },
    listen: async (address, options) => {
      if (address.startsWith("unix:")) return await listenForTabs(parts, address, options);
      webAddress(address, ["ws:", "wss:"]);
      throw new PerdureError("unsupported-platform", "a page of a browser cannot listen for others", { hint: "Run relays in Node." });
    },
    get: async (address, options) => await getOverHttp(parts, webAddress(address, ["http:", "https:"]), options),
  };
}

/** Where a relay listens, as people write it: "4410", "127.0.0.1:4410", "ws://127.0.0.1:4410". */
import { PerdureError } from "../wire/error.ts";

export const DEFAULT_LISTEN = "ws://127.0.0.1:4410";

/** A `ws:` address; `bad-argument` when the text is none. */
export function parseListenAddress(text: string): string {
  const address = /^\d+$/.test(text) ? `ws://127.0.0.1:${text}` : text.includes("://") ? text : `ws://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (
    url === undefined ||
    url.protocol !== "ws:" ||
    url.hostname === "" ||
    (url.port === "" && !/:80\/?$/.test(address)) ||
    (url.pathname !== "/" && url.pathname !== "") ||
    url.hash !== ""
  ) {
    throw new PerdureError("bad-argument", `"${text}" is not an address to listen on`, {
      hint: "Write host:port, for example --listen 127.0.0.1:4410; port 0 takes any free one.",
    });
  }
  return `ws://${url.hostname}:${url.port === "" ? "80" : url.port}`;
}

/** The address with the port after; `undefined` behind the last. */
export function nextPort(address: string): string | undefined {
  const url = new URL(address);
  const port = Number(url.port) + 1;
  return port > 65_535 ? undefined : `ws://${url.hostname}:${port}`;
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}

/** The page of a relay that listens at this address. */
export function pageOf(address: string): string {
  const url = new URL(address);
  return `http://${url.hostname}:${url.port}/`;
}

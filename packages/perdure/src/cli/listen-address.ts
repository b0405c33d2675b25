/** Where a relay listens, as people write it: "4410", "127.0.0.1:4410", "ws://127.0.0.1:4410". */
import { PerdureError } from "../wire/error.ts";

export const DEFAULT_LISTEN = "ws://127.0.0.1:4410";

const DEFAULT_PORTS: Readonly<Record<string, string>> = { "ws:": "80", "wss:": "443" };

/** A `ws:` or `wss:` address, of the scheme given where the text has none; `bad-argument` when it is no address. */
export function parseListenAddress(text: string, scheme: "ws" | "wss" = "ws"): string {
  const address = /^\d+$/.test(text) ? `${scheme}://127.0.0.1:${text}` : text.includes("://") ? text : `${scheme}://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const implied = DEFAULT_PORTS[url?.protocol ?? ""];
  if (
    url === undefined ||
    implied === undefined ||
    url.hostname === "" ||
    (url.port === "" && !new RegExp(`:${implied}/?$`).test(address)) ||
    (url.pathname !== "/" && url.pathname !== "") ||
    url.hash !== ""
  ) {
    throw new PerdureError("bad-argument", `"${text}" is not an address to listen on`, {
      hint: "Write host:port, for example --listen 127.0.0.1:4410; port 0 takes any free one.",
    });
  }
  return `${url.protocol}//${url.hostname}:${url.port === "" ? implied : url.port}`;
}

/** The address with the port after; `undefined` behind the last. */
export function nextPort(address: string): string | undefined {
  const url = new URL(address);
  const port = Number(url.port) + 1;
  return port > 65_535 ? undefined : `${url.protocol}//${url.hostname}:${port}`;
}

export function portOf(address: string): number {
  return Number(new URL(address).port);
}

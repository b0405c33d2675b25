/**
 * The network of this machine under the names of a town: what is dialled at `wss://relay-0/` goes by the line to that relay. Connections
 * are what they are behind a terminator of TLS: none counts as being within one machine, so sessions carry tags.
 */
import type { Connection, Net } from "../../packages/perdure/src/host/net.ts";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";

/** `lines` are ports of 127.0.0.1 by the name they stand for. */
export function namedNet(net: Net, lines: Readonly<Record<string, number>>): Net {
  const placed = (address: string): string => {
    const url = new URL(address);
    const port = lines[url.hostname];
    if (port === undefined)
      throw new PerdureError("relay-unreachable", `nobody is called ${url.hostname} in this town`, { retry: "after" });
    return `${url.protocol === "https:" || url.protocol === "http:" ? "http" : "ws"}://127.0.0.1:${port}${url.pathname}${url.search}`;
  };
  return {
    // Whose names these are was decided here: nothing is looked up that somebody else could point inside.
    dial: async (address, { publicOnly: _, ...options }) =>
      address.startsWith("unix:") ? await net.dial(address, options) : distant(await net.dial(placed(address), options)),
    get: async (url, { publicOnly: _, ...options }) => await net.get(placed(url), options),
    listen: async (address, options) =>
      address.startsWith("unix:")
        ? await net.listen(address, options)
        : await net.listen(address, { ...options, onConnection: (connection) => options.onConnection(distant(connection)) }),
  };
}

function distant(connection: Connection): Connection {
  return {
    local: false,
    get remote() {
      return connection.remote;
    },
    get queuedBytes() {
      return connection.queuedBytes;
    },
    send: (message) => connection.send(message),
    close: (now) => connection.close(now),
    start: (receiver) => connection.start(receiver),
  };
}

/** Finds the waits and limits that are in force on what Node and its libraries make, by looking at the live objects. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ClientRequest, Server as HttpServer } from "node:http";
import { Server as NetServer, Socket } from "node:net";
import { TLSSocket, Server as TlsServer } from "node:tls";
import { WebSocket } from "ws";

const LOOKS_LIKE_ONE = /timeout|keepalive|max|limit|interval|backlog|attempt|linger/i;
const OBJECT_OF_OPTIONS = /options|receiver|^parser$|^agent$/i;

/** A number found on a live object: `on` is what kind of object, `name` its property, a symbol by its description. */
export interface LiveLimit {
  readonly on: string;
  readonly name: string;
  readonly value: number;
}

/** Catches servers, sockets and requests from here on, until `stop`, which tells what limits they have then. */
export function watchLimits(): { stop(): readonly LiveLimit[] } {
  const caught = new Map<object, string>();
  const catching = {
    "tracing:net.server.listen:asyncStart": (message: unknown) => {
      const { server } = message as { readonly server: NetServer };
      hold(server, "");
      // What TLS makes of an accepted socket is told by the server only.
      server.on("secureConnection", (socket: object) => hold(socket, "accepted "));
    },
    "net.server.socket": (message: unknown) => hold((message as { readonly socket: object }).socket, "accepted "),
    "net.client.socket": (message: unknown) => hold((message as { readonly socket: object }).socket, "dialled "),
    "http.client.request.created": (message: unknown) => hold((message as { readonly request: object }).request, ""),
    "http.server.request.start": (message: unknown) => hold((message as { readonly socket: object }).socket, "accepted "),
  };
  const hold = (object: object, side: string): void => void caught.set(object, `${side}${kindOf(object)}`);
  for (const [channel, take] of Object.entries(catching)) subscribe(channel, take);
  return {
    stop: () => {
      for (const [channel, take] of Object.entries(catching)) unsubscribe(channel, take);
      return [...caught].flatMap(([object, on]) => {
        const webSockets = webSocketsOf(object);
        const [side] = on.split(" ");
        return [
          ...limitsOf(object, webSockets.length === 0 ? on : `${on} below a WebSocket`),
          ...webSockets.flatMap((webSocket) => limitsOf(webSocket, `${side} WebSocket`)),
        ];
      });
    },
  };
}

/** Numbers whose names look like waits or limits: of the object, what it inherits, and what it keeps as options. */
export function limitsOf(object: object, on: string, within = 1): readonly LiveLimit[] {
  const found = new Map<string, LiveLimit>();
  const deeper: LiveLimit[] = [];
  for (let holder: object | null = object; holder !== null && holder !== Object.prototype; holder = Object.getPrototypeOf(holder)) {
    for (const key of Reflect.ownKeys(holder)) {
      const name = typeof key === "symbol" ? (key.description ?? "") : key;
      const value = peek(object, key);
      if (typeof value === "number" && LOOKS_LIKE_ONE.test(name) && !found.has(name)) found.set(name, { on, name, value });
      if (typeof value === "object" && value !== null && within > 0 && OBJECT_OF_OPTIONS.test(name))
        deeper.push(...limitsOf(value, `${on}, ${name}`, within - 1));
    }
  }
  return [...found.values(), ...deeper];
}

function peek(object: object, key: string | symbol): unknown {
  try {
    return Reflect.get(object, key);
  } catch {
    return undefined;
  }
}

/** The library keeps a WebSocket on its socket, under a symbol of its own. */
function webSocketsOf(socket: object): readonly object[] {
  return Object.getOwnPropertySymbols(socket).flatMap((key) => {
    const value = peek(socket, key);
    return value instanceof WebSocket ? [value] : [];
  });
}

function kindOf(object: object): string {
  if (object instanceof HttpServer) return "HTTP server";
  if (object instanceof TlsServer) return "HTTPS server";
  if (object instanceof NetServer) return "socket server";
  if (object instanceof TLSSocket) return "TLS socket";
  if (object instanceof Socket) return "socket";
  return object instanceof ClientRequest ? "request" : object.constructor.name;
}

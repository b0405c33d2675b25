/** Finds the waits and limits that are in force on what Node and its libraries make, by looking at the live objects. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ClientRequest, Server as HttpServer } from "node:http";
import { Server as NetServer, Socket } from "node:net";
import { TLSSocket, Server as TlsServer } from "node:tls";
import { WebSocket } from "ws";
import { type FoundLimit, limitsOf } from "./live-limits.ts";

/** Catches servers, sockets and requests from here on, until `stop`, which tells what limits they have then. */
export function watchLimits(): { stop(): readonly FoundLimit[] } {
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

/** The library keeps a WebSocket on its socket, under a symbol of its own. */
function webSocketsOf(socket: object): readonly object[] {
  return Object.getOwnPropertySymbols(socket).flatMap((key) => {
    const value: unknown = Reflect.get(socket, key);
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

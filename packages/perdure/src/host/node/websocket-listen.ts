import type { IncomingMessage, Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { WebSocketServer } from "ws";
import { createSettings } from "../../settings/register.ts";
import type { Connection, Listener, ListenOptions } from "../net.ts";
import { createHttpServer } from "./http-server.ts";
import { listenError } from "./net-error.ts";
import type { NetParts } from "./net-parts.ts";
import { connectionOf, isLoopback, WireSocket } from "./websocket.ts";
import { webSocketLimits } from "./websocket-limits.ts";

const FORBIDDEN =
  "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 38\r\n\r\nConnecting is not allowed from there.\n";

/** WebSockets on any path; other requests go to `onRequest`. */
export async function listenWebSocket({ clock, log, live }: NetParts, url: URL, options: ListenOptions): Promise<Listener> {
  // bound: relayConnections, and what is turned away within CLOSE_TIMEOUT_MS
  const connections = new Set<Connection>();
  // By peer: below TLS the socket that was accepted is another object than the one a request comes from.
  // bound: MAX_PLAIN_SOCKETS
  const plainSockets = new Map<string, { readonly socket: Socket; readonly forget: () => void }>();
  let closing: Promise<void> | undefined;

  const limits = options.limits ?? createSettings();
  const { server, renewTls } = createHttpServer(url, options.tls, limits);
  const webSockets = new WebSocketServer({
    ...webSocketLimits(options.maxMessageBytes),
    noServer: true,
    clientTracking: false,
    WebSocket: WireSocket,
  });
  live?.watch(server, url.protocol === "wss:" ? "HTTPS server" : "HTTP server", limits);
  live?.watch(webSockets, "WebSocket server", limits);

  const answer = async (request: Request, { incoming }: { readonly incoming: { readonly socket: RemoteSocket } }): Promise<Response> => {
    try {
      if (options.onRequest !== undefined) return await options.onRequest(request, peerOf(incoming.socket));
      return new Response("This port speaks WebSocket only.\n", { status: 426, headers: { upgrade: "websocket", connection: "upgrade" } });
    } catch (error) {
      log.write("error", "http.failed", {
        path: new URL(request.url).pathname,
        message: error instanceof Error ? error.message : String(error),
      });
      return new Response("The request failed.\n", { status: 500 });
    }
  };
  const onRequest = getRequestListener(answer, { overrideGlobalObjects: false });
  server.on("request", (incoming, outgoing) => void onRequest(incoming, outgoing).catch(() => outgoing.destroy()));

  server.on("connection", (socket: Socket) => {
    const peer = peerOf(socket);
    live?.watch(socket, "accepted socket", limits);
    const forget = (): void => {
      if (plainSockets.get(peer)?.socket === socket) plainSockets.delete(peer);
    };
    plainSockets.set(peer, { socket, forget });
    socket.once("close", forget);
    if (plainSockets.size <= limits.plainSockets) return;
    const [oldest] = plainSockets.values();
    oldest?.socket.destroy();
  });
  const over = (connection: Connection): void => void connections.delete(connection);
  server.on("upgrade", (request, stream, head) => {
    const socket = stream as Socket;
    if (closing !== undefined) return void socket.destroy();
    if (options.mayConnect?.({ host: request.headers.host, origin: request.headers.origin }) === false) return refuse(socket);
    const remote = peerOf(socket);
    const local = isLoopback(socket.remoteAddress) && !cameThroughProxy(request);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const plain = plainSockets.get(remote);
      plain?.socket.off("close", plain.forget);
      plainSockets.delete(remote);
      live?.watch(webSocket, "accepted WebSocket", limits);
      live?.watch(socket, "accepted socket below a WebSocket");
      const connection = connectionOf({
        clock,
        socket: webSocket,
        below: socket,
        remote,
        local,
        maxMessageBytes: options.maxMessageBytes,
        over,
      });
      connections.add(connection);
      options.onConnection(connection);
    });
  });

  await listen(server, url, limits.listenBacklog);
  const address = `${url.protocol}//${url.hostname}:${(server.address() as AddressInfo).port}`;
  return {
    address,
    renewTls,
    close: () =>
      (closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.close();
        for (const { socket } of plainSockets.values()) socket.destroy();
      })),
  };
}

type RemoteSocket = Pick<Socket, "remoteAddress" | "remotePort">;

function peerOf(socket: RemoteSocket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function listen(server: Server, url: URL, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(listenError(error, url.host));
    server.once("error", onError);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port);
    server.listen({ host, port, backlog, exclusive: true }, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

function refuse(socket: Socket): void {
  socket.on("error", () => socket.destroy());
  socket.end(FORBIDDEN, () => socket.destroy());
}

/** A proxy on this machine speaks for somebody elsewhere: then both ends are not here, whatever the socket says. */
function cameThroughProxy({ headers }: IncomingMessage): boolean {
  return ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"].some((name) => headers[name] !== undefined);
}

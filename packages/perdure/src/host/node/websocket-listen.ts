import type { ServerOptions as HttpOptions, IncomingMessage, Server } from "node:http";
import { createServer } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { ServerOptions } from "ws";
import { WebSocketServer } from "ws";
import { PerdureError } from "../../wire/error.ts";
import { CLOSE_TIMEOUT_MS } from "../connection.ts";
import type { Connection, Listener, ListenOptions, TlsMaterial } from "../net.ts";
import { listenError } from "./net-error.ts";
import type { NetParts } from "./net-parts.ts";
import { connectionOf, isLoopback } from "./websocket.ts";

/** Somebody who opens a connection must say what he wants within this time. */
const HEADERS_TIMEOUT_MS = 10_000;
/** ... and have agreed on keys, with TLS, within this. */
const TLS_HANDSHAKE_TIMEOUT_MS = 10_000;
/** ... and have sent all of it within this. */
const REQUEST_TIMEOUT_MS = 30_000;
/** How long a finished HTTP connection may wait for its next request. */
const KEEP_ALIVE_TIMEOUT_MS = 5_000;
/** An HTTP connection on which nothing moves, not even the answer being read, is cut. Does not concern WebSockets. */
const IDLE_TIMEOUT_MS = 60_000;
/** How often the times above are looked at. */
const CHECK_EVERY_MS = 2_000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Sockets that are no WebSocket (yet): at more of them the oldest is cut, so that idle ones never use up what a process may open. */
const MAX_PLAIN_SOCKETS = 1024;
const FORBIDDEN =
  "HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 38\r\n\r\nConnecting is not allowed from there.\n";

/** WebSockets on any path; other requests go to `onRequest`. */
export async function listenWebSocket({ clock, log }: NetParts, url: URL, options: ListenOptions): Promise<Listener> {
  const connections = new Set<Connection>();
  // By peer: below TLS the socket that was accepted is another object than the one a request comes from.
  const plainSockets = new Map<string, Socket>();
  let closing: Promise<void> | undefined;

  const { server, renewTls } = createHttpServer(url, options.tls, {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: CHECK_EVERY_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  server.timeout = IDLE_TIMEOUT_MS;
  const webSocketOptions: ServerOptions & { readonly closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: options.maxMessageBytes,
    closeTimeout: CLOSE_TIMEOUT_MS,
  };
  const webSockets = new WebSocketServer(webSocketOptions);

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
    plainSockets.set(peer, socket);
    socket.once("close", () => {
      if (plainSockets.get(peer) === socket) plainSockets.delete(peer);
    });
    if (plainSockets.size <= MAX_PLAIN_SOCKETS) return;
    const [oldest] = plainSockets.values();
    oldest?.destroy();
  });
  server.on("upgrade", (request, stream, head) => {
    const socket = stream as Socket;
    if (closing !== undefined) return void socket.destroy();
    if (options.mayConnect?.({ host: request.headers.host, origin: request.headers.origin }) === false) return refuse(socket);
    const remote = peerOf(socket);
    const local = isLoopback(socket.remoteAddress) && !cameThroughProxy(request);
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      plainSockets.delete(remote);
      const connection = connectionOf({
        clock,
        socket: webSocket,
        remote: () => remote,
        local: () => local,
        maxMessageBytes: options.maxMessageBytes,
      });
      connections.add(connection);
      webSocket.once("close", () => connections.delete(connection));
      options.onConnection(connection);
    });
  });

  await listen(server, url);
  const address = `${url.protocol}//${url.hostname}:${(server.address() as AddressInfo).port}`;
  return {
    address,
    renewTls,
    close: () =>
      (closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.close();
        for (const socket of plainSockets.values()) socket.destroy();
      })),
  };
}

function createHttpServer(
  url: URL,
  tls: TlsMaterial | undefined,
  options: HttpOptions,
): { readonly server: Server; readonly renewTls: (tls: TlsMaterial) => void } {
  if ((url.protocol === "wss:") !== (tls !== undefined))
    throw new PerdureError("bad-argument", `${url.protocol} ${tls === undefined ? "needs" : "has no use for"} a certificate and its key`);
  if (tls === undefined) {
    return {
      server: createServer(options),
      renewTls: () => {
        throw new PerdureError("bad-argument", `${url.href} has no certificate to renew`);
      },
    };
  }
  const server: TlsServer = usingPem(() => createTlsServer({ ...options, ...pem(tls), handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS }));
  return { server, renewTls: (next) => usingPem(() => server.setSecureContext(pem(next))) };
}

function pem({ certificate, key }: TlsMaterial): { readonly cert: Buffer; readonly key: Buffer } {
  return { cert: Buffer.from(certificate), key: Buffer.from(key) };
}

function usingPem<Value>(use: () => Value): Value {
  try {
    return use();
  } catch (cause) {
    throw new PerdureError(
      "bad-argument",
      `the certificate and its key cannot be used (${cause instanceof Error ? cause.message : String(cause)})`,
      {
        hint: "Both are PEM files; the key must be the certificate's, and not behind a passphrase.",
        cause,
      },
    );
  }
}

type RemoteSocket = Pick<Socket, "remoteAddress" | "remotePort">;

function peerOf(socket: RemoteSocket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

function listen(server: Server, url: URL): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => reject(listenError(error, url.host));
    server.once("error", onError);
    const host = url.hostname.replace(/^\[|\]$/g, "");
    server.listen({ host, port: url.port === "" ? (url.protocol === "wss:" ? 443 : 80) : Number(url.port), exclusive: true }, () => {
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

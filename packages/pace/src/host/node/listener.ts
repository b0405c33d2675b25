/** HTTP on a socket of this machine: requests become `Ask`s, and `Answer`s are written as fast as whoever asked reads them. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Answer, Ask, Field } from "../../proxy/exchange.ts";
import { failureAnswer } from "../../proxy/failure.ts";
import type { Clock } from "../clock.ts";

export interface ListenerSettings {
  readonly host: string;
  readonly port: number;
  /** Connections at a time; more are closed at once. As many as may wait in one line, and some to look. */
  readonly mostConnections: number;
  readonly headBytes: number;
  /** Until the head of a request is there, and until all of it is. Twenty seconds, and five minutes: large bodies over slow lines. */
  readonly headMs: number;
  readonly requestMs: number;
  /** Whoever asked and does not read for so long is given up: a minute. */
  readonly stallMs: number;
}

export const LISTENER_SETTINGS: Omit<ListenerSettings, "host" | "port"> = {
  mostConnections: 12_000,
  headBytes: 32_768,
  headMs: 20_000,
  requestMs: 300_000,
  stallMs: 60_000,
};

/** Longer than clients keep idle connections, so that it is they who close them. */
const KEEP_ALIVE_MS = 75_000;

/** How late time that ran out is noticed. */
const CHECK_MS = 5000;

export interface Listener {
  readonly port: number;
  /** "http://127.0.0.1:8790" */
  readonly url: string;
  /** No connection is let in any more; those with a request under way have so long for it. */
  close(graceMs: number): Promise<void>;
}

interface Ports {
  readonly clock: Clock;
  readonly answer: (ask: Ask) => Promise<Answer>;
  /** What is a fault of the proxy's own. */
  readonly fault: (error: unknown) => void;
}

/** Throws what binding throws. */
export async function listen(settings: ListenerSettings, ports: Ports): Promise<Listener> {
  const server = createServer({
    maxHeaderSize: settings.headBytes,
    headersTimeout: settings.headMs,
    requestTimeout: settings.requestMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(CHECK_MS, settings.headMs),
  });
  server.maxConnections = settings.mostConnections;
  /** Of each connection, the requests that have no answer yet. */
  const asking = new Map<Socket, number>();
  server.on("connection", (socket: Socket) => {
    asking.set(socket, 0);
    socket.once("close", () => asking.delete(socket));
  });
  server.on("request", (request, response) => {
    const { socket } = request;
    asking.set(socket, (asking.get(socket) ?? 0) + 1);
    response.once("close", () => {
      if (asking.has(socket)) asking.set(socket, (asking.get(socket) ?? 1) - 1);
      // The head of its answer, that went before, may have said that the connection stays.
      if (!server.listening && asking.get(socket) === 0) socket.end();
    });
    // Its connection is not kept for more when no more are let in.
    if (!server.listening) response.shouldKeepAlive = false;
    void serve(request, response, settings, ports);
  });
  // Whoever wants a tunnel is told that there is none.
  server.on("connect", (_request: IncomingMessage, socket: Socket) => void socket.end(NO_TUNNEL));
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(settings.port, settings.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port, address, family } = server.address() as AddressInfo;
  return {
    port,
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${port}`,
    close: (graceMs) => closed(server, asking, graceMs, ports.clock),
  };
}

const NO_TUNNEL_BODY = failureAnswer({
  code: "bad-request",
  message: "this is no proxy for tunnels",
  hint: "Use it as the base URL of the service it was started for (--for), not as HTTP_PROXY.",
}).body as string;
const NO_TUNNEL = `HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${NO_TUNNEL_BODY.length}\r\n\r\n${NO_TUNNEL_BODY}`;

async function serve(request: IncomingMessage, response: ServerResponse, settings: ListenerSettings, ports: Ports): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new DOMException("whoever asked went away", "AbortError"));
  });
  // What breaks here is the client's connection, which `close` tells of.
  request.on("error", () => undefined);
  response.on("error", () => undefined);
  try {
    const ask = {
      method: request.method ?? "GET",
      target: request.url ?? "/",
      fields: fieldsOf(request),
      body: request,
      signal: gone.signal,
    };
    await write(await ports.answer(ask), response, settings.stallMs, ports.clock, gone.signal);
  } catch (error) {
    if (gone.signal.aborted || request.errored) return void response.destroy();
    if (response.headersSent) return void response.destroy();
    ports.fault(error);
    const failure = failureAnswer({
      code: "fault",
      message: "the proxy failed at it",
      hint: "What it says on its terminal helps to report it.",
    });
    await write(failure, response, settings.stallMs, ports.clock, gone.signal).catch(() => response.destroy());
  }
}

function fieldsOf({ rawHeaders }: IncomingMessage): readonly Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) fields.push([(rawHeaders[at] ?? "").toLowerCase(), rawHeaders[at + 1] ?? ""]);
  return fields;
}

async function write(
  { status, fields, body }: Answer,
  response: ServerResponse,
  stallMs: number,
  clock: Clock,
  gone: AbortSignal,
): Promise<void> {
  if (gone.aborted) {
    if (body instanceof ReadableStream) await body.cancel();
    return;
  }
  response.writeHead(status, fields.flat());
  if (!(body instanceof ReadableStream)) return void response.end(body);
  // What streams may begin long after its head.
  response.flushHeaders();
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(gone.reason).catch(() => undefined);
  gone.addEventListener("abort", cancel, { once: true });
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read())
      if (!response.write(next.value)) await drained(response, stallMs, clock, gone);
    if (!gone.aborted) response.end();
  } catch (error) {
    cancel();
    // It must not look whole: the connection is cut where the answer was.
    response.destroy();
    throw error;
  } finally {
    gone.removeEventListener("abort", cancel);
  }
}

function drained(response: ServerResponse, stallMs: number, clock: Clock, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (end: () => void) => (): void => {
      forget();
      response.off("drain", drain);
      gone.removeEventListener("abort", abort);
      end();
    };
    const drain = done(resolve);
    const abort = done(() => reject(gone.reason as Error));
    const forget = clock.wake(
      clock.now() + stallMs,
      done(() => reject(new Error("whoever asked does not read"))),
    );
    response.once("drain", drain);
    gone.addEventListener("abort", abort, { once: true });
    if (gone.aborted) abort();
  });
}

function closed(server: Server, asking: ReadonlyMap<Socket, number>, graceMs: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const forget = clock.wake(clock.now() + graceMs, () => server.closeAllConnections());
    server.close(() => {
      forget();
      resolve();
    });
    // Node counts one that never asked for anything as busy, and browsers open such ones.
    for (const [socket, count] of asking) if (count === 0) socket.destroy();
  });
}

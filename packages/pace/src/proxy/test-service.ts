/** A service on this machine for tests of the proxy, that keeps what it was asked, and a way to send it what no client would. */
import { type Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface TestService extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Asked[];
}

/** As services that have plenty and say so. */
export const PLENTY = {
  "x-ratelimit-limit-requests": "600000",
  "x-ratelimit-remaining-requests": "599999",
  "x-ratelimit-reset-requests": "1ms",
};

export async function testService(answer: (asked: Asked, response: ServerResponse) => void): Promise<TestService> {
  const asked: Asked[] = [];
  const server = createServer((incoming, response) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const one = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body: Buffer.concat(pieces) };
      asked.push(one);
      answer(one, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What comes back for these bytes until the connection ends. */
export function talk(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(port), hostname, () => socket.write(bytes, "latin1"));
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      heard += text;
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(heard));
  });
}

export interface Heard {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** A client that changes nothing: it decompresses nothing and follows nothing. */
export function ask(
  url: string,
  {
    method = "GET",
    headers = {},
    body,
    agent = false,
  }: { method?: string; headers?: Record<string, string>; body?: string | Buffer; agent?: Agent | false } = {},
): Promise<Heard> {
  return new Promise((resolve, reject) => {
    const { hostname, port, origin } = new URL(url);
    // As it is written: an address would spell it anew.
    const path = url.slice(origin.length) || "/";
    const asking = request({ hostname, port, path, method, headers, agent }, (incoming) => {
      const pieces: Buffer[] = [];
      incoming.on("data", (piece: Buffer) => pieces.push(piece));
      incoming.on("error", reject);
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(pieces) }));
    });
    asking.on("error", reject);
    asking.end(body);
  });
}

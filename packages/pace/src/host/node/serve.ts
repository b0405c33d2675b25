/** A function from requests to answers, behind a socket of this machine. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

export interface Served extends AsyncDisposable {
  /** "http://127.0.0.1:8080", without a slash at its end. */
  readonly url: string;
}

/** More is refused: nobody asks a service on the own machine with so much. */
const MOST_BODY_BYTES = 50_000_000;

/** `port` 0: any that is free. Throws what listening throws. */
export async function serve(answer: (request: Request) => Promise<Response>, port = 0): Promise<Served> {
  const server = createServer((request, response) => {
    reply(answer, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end(error instanceof Error ? error.message : "failed");
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${taken}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function reply(answer: (request: Request) => Promise<Response>, asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of asked as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > MOST_BODY_BYTES) {
      response.writeHead(413).end();
      return;
    }
    pieces.push(piece);
  }
  const method = asked.method ?? "GET";
  const headers = new Headers(
    Object.entries(asked.headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as [string, string]] : [])),
  );
  const body = method === "GET" || method === "HEAD" ? null : Buffer.concat(pieces);
  const given = await answer(new Request(`http://${asked.headers.host ?? "localhost"}${asked.url ?? "/"}`, { method, headers, body }));
  response.writeHead(given.status, Object.fromEntries(given.headers));
  if (given.body === null) {
    response.end();
    return;
  }
  const stream = Readable.fromWeb(given.body as Parameters<typeof Readable.fromWeb>[0]);
  // Who asked may leave in the middle of a stream.
  stream.on("error", () => response.destroy());
  response.on("close", () => stream.destroy());
  stream.pipe(response);
}

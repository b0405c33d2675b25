import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A web server with one file, that counts what it sends and misbehaves when it is told to. */
export interface RangeServer extends AsyncDisposable {
  readonly url: string;
  bytes: Uint8Array;
  tag: string;
  /** Bytes of answers. */
  sent: number;
  requests: number;
  ignoresRanges: boolean;
  /** Answers from this one on break off half way. */
  breaksAt: number;
}

export async function serveRanges(bytes: Uint8Array): Promise<RangeServer> {
  const server: Server = createServer((request, response) => {
    const [, from, to] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number);
    served.requests++;
    const isOther = request.headers["if-range"] !== undefined && request.headers["if-range"] !== served.tag;
    if (from === undefined || to === undefined || served.ignoresRanges || isOther) {
      response.writeHead(200, { ETag: served.tag }).end(served.bytes);
      return;
    }
    const piece = served.bytes.subarray(from, to + 1);
    const range = `bytes ${from}-${from + piece.length - 1}/${served.bytes.length}`;
    response.writeHead(206, { "Content-Range": range, "Content-Length": piece.length, ETag: served.tag });
    if (served.requests >= served.breaksAt) {
      response.write(piece.subarray(0, piece.length >>> 1), () => response.destroy());
      return;
    }
    served.sent += piece.length;
    response.end(piece);
  });
  // A busy machine is not to find a connection closed that it means to use again.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const served: RangeServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/memories.tqi`,
    ...{ bytes, tag: '"one"', sent: 0, requests: 0, ignoresRanges: false, breaksAt: Number.POSITIVE_INFINITY },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return served;
}

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Fetch, type HttpRangeOptions, openHttpRange } from "./http-range.ts";
import { readIndexFile } from "./index-reader.ts";
import { openIndexFile } from "./index-writer.ts";
import { createMemoryFile } from "./memory-file.ts";
import { aligned, HEAD_BYTES } from "./record.ts";
import { MOST_ROWS, type SegmentColumns } from "./segment.ts";
import { codeOfLater } from "./test-code-of.ts";
import { testColumns, testHeader, testIds } from "./test-columns.ts";
import { rowsIn } from "./test-rows.ts";

const HEADER = testHeader({ dim: 384, bits: 8, from: 8 });

/** A server of one file, in this process. */
let served: { bytes: Uint8Array; tag: string | undefined };
let misbehave: ((request: IncomingMessage, response: ServerResponse) => boolean) | undefined;
let asked: string[] = [];
let sent = 0;

function answer(request: IncomingMessage, response: ServerResponse): void {
  asked.push(request.headers.range ?? "everything");
  if (misbehave?.(request, response) === true) return;
  const { bytes, tag } = served;
  const [, first, last] = (/^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []).map(Number) as [number, number?, number?];
  const headers = tag === undefined ? {} : { ETag: tag };
  const unchanged = request.headers["if-range"] === undefined || request.headers["if-range"] === tag;
  if (first === undefined || last === undefined || !unchanged) return void response.writeHead(200, headers).end(bytes);
  if (first >= bytes.length) return void response.writeHead(416, { "Content-Range": `bytes */${bytes.length}` }).end();
  const piece = bytes.subarray(first, last + 1);
  sent += piece.length;
  response.writeHead(206, { ...headers, "Content-Range": `bytes ${first}-${first + piece.length - 1}/${bytes.length}` }).end(piece);
}

const server = createServer(answer);
let url: string;
let content: Uint8Array;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/memories.tqi`;
  const file = createMemoryFile();
  const writer = await openIndexFile(file, { ...HEADER, center: new Float32Array(384).fill(0.5) });
  await writer.append(testColumns(HEADER, testIds(MOST_ROWS)));
  await writer.append(testColumns(HEADER, testIds(1000, MOST_ROWS), { seed: 2 }));
  await writer.remove([3, 5000]);
  await writer.close();
  content = file.bytes();
});
afterAll(() => new Promise((resolve) => void server.close(resolve)));
beforeEach(() => {
  served = { bytes: content, tag: '"one"' };
  misbehave = undefined;
  asked = [];
  sent = 0;
});

const open = (options: HttpRangeOptions = {}): ReturnType<typeof openHttpRange> => openHttpRange(url, options);

describe("a file behind HTTP", () => {
  it("reads what is in it", async () => {
    expect(await rowsIn(await open())).toEqual(await rowsIn(createMemoryFile(content)));
  });

  it("asks for directory, ids, scales and signs before the first answer, and for each plane when it is wanted", async () => {
    const reader = await readIndexFile(await open());
    // The head and the center, the foot and the head of the directory, and what it lists.
    expect(asked.length).toBe(5);
    const columns: SegmentColumns[] = [];
    for await (const one of reader.columns({ planes: 1 })) columns.push(one);
    const [first, second] = reader.segments as [(typeof reader.segments)[0], (typeof reader.segments)[0]];
    const signs = [first, second].map(({ ids, scales, planes }) => aligned(ids.length) + aligned(scales.length) + (planes[0]?.length ?? 0));
    const directory = HEAD_BYTES + 2 * 160 + 128 + 64;
    expect(sent).toBeLessThanOrEqual(signs.reduce((sum, one) => sum + one, 2 * HEAD_BYTES + aligned(384 * 4) + directory));
    expect(sent / content.length).toBeLessThan(0.14);
    expect(columns.map(({ count, planes }) => [count, planes.length])).toEqual([
      [MOST_ROWS - 1, 1],
      [999, 1],
    ]);

    const before = sent;
    const { rows } = await reader.readColumns(first, { planes: 0 });
    const finer = await reader.readPlane(first, 1, rows);
    expect(sent - before).toBe(aligned(first.ids.length) + first.scales.length + (first.planes[1]?.length ?? 0));
    expect(finer).toEqual((await reader.readColumns(first)).planes[1]);
  });

  it("reads segments ahead, in their order, and never more than four at once", async () => {
    const file = createMemoryFile();
    const writer = await openIndexFile(file, HEADER);
    for (const id of testIds(12)) await writer.append(testColumns(HEADER, [id]));
    await writer.close();
    served.bytes = file.bytes();
    const reader = await readIndexFile(await open());
    let [now, most] = [0, 0];
    misbehave = (request, response) => {
      most = Math.max(most, ++now);
      setTimeout(() => {
        now--;
        misbehave = undefined;
        answer(request, response);
        misbehave = late;
      }, 5);
      return true;
    };
    const late = misbehave;
    const ids: unknown[] = [];
    for await (const columns of reader.columns()) ids.push(...columns.ids);
    expect(ids).toEqual(testIds(12));
    expect(most).toBe(4);
  });

  it.each([
    ["16 unless said", {}, 16],
    ["as many as said", { requestsAtOnce: 3 }, 3],
  ])("asks for no more at once than %s, whoever asks", async (_name, options, expected) => {
    let [now, most] = [0, 0];
    const counted: Fetch = async (...request) => {
      most = Math.max(most, ++now);
      try {
        return await fetch(...request);
      } finally {
        now--;
      }
    };
    const source = await open({ ...options, fetch: counted });
    const pieces = await Promise.all(Array.from({ length: 600 }, (_, nth) => source.read(1000 + nth, 1)));
    expect(pieces.map(([byte]) => byte)).toEqual([...content.subarray(1000, 1600)]);
    expect(most).toBe(expected);
  });

  it("asks again where a kept connection was closed meanwhile, three times in all", async () => {
    const source = await open();
    let closed = 0;
    misbehave = (_request, response) => {
      if (closed === 2) return false;
      closed++;
      response.destroy();
      return true;
    };
    expect(await source.read(1000, 3)).toEqual(content.slice(1000, 1003));
    misbehave = (_request, response) => {
      closed++;
      response.destroy();
      return true;
    };
    expect(await codeOfLater(() => source.read(1000, 3))).toBe("file-failed");
    expect(closed).toBe(5);
  });

  it("reads a file that its writer has not closed, from its last directory on", async () => {
    const file = createMemoryFile(content);
    const writer = await openIndexFile(file);
    for (let nth = 0; nth < 5; nth++) await writer.append(testColumns(HEADER, [`new ${nth}`]));
    await file.append(new Uint8Array(777).fill(3));
    served.bytes = file.bytes();
    const reader = await readIndexFile(await open());
    expect(reader.segments.length).toBe(7);
    expect(reader.tail?.bytes).toBe(777);
    expect(sent).toBeLessThan(400_000);
  });

  it("is an error when it becomes another file meanwhile", async () => {
    const source = await open();
    served.tag = '"two"';
    expect(await codeOfLater(() => source.read(1000, 10))).toBe("file-changed");
  });

  it.each<readonly [string, Partial<typeof served>]>([
    ["has another weak tag", { tag: 'W/"two"' }],
    ["has another size", { bytes: new Uint8Array(2000) }],
    ["is gone but for its beginning", { bytes: new Uint8Array(100) }],
  ])("is an error when a server without strong tags has a file that %s", async (_name, change) => {
    served.tag = 'W/"one"';
    const source = await open();
    expect((await source.read(1000, 10)).length).toBe(10);
    Object.assign(served, change);
    expect(await codeOfLater(() => source.read(1000, 10))).toBe("file-changed");
  });

  it.each<readonly [string, (request: IncomingMessage, response: ServerResponse) => void]>([
    ["does not know ranges", (_request, response) => response.writeHead(200).end("x")],
    ["has no such file", (_request, response) => response.writeHead(404).end()],
    ["does not say which bytes it sends", (_request, response) => response.writeHead(206).end(content.subarray(0, 192))],
    [
      "sends other bytes",
      (_request, response) => response.writeHead(206, { "Content-Range": "bytes 1-192/5000" }).end(content.subarray(1, 193)),
    ],
    [
      "sends as many bytes from elsewhere",
      (_request, response) => response.writeHead(206, { "Content-Range": "bytes 1-191/5000" }).end(new Uint8Array(192)),
    ],
    ["sends fewer bytes", (_request, response) => response.writeHead(206, { "Content-Range": "bytes 0-191/5000" }).end("short")],
    ["sends more bytes", (_request, response) => response.writeHead(206, { "Content-Range": "bytes 0-191/5000" }).end(new Uint8Array(193))],
    [
      "compresses them",
      (_request, response) =>
        response.writeHead(206, { "Content-Range": "bytes 0-191/5000", "Content-Encoding": "gzip" }).end(new Uint8Array(192)),
    ],
    [
      "says a size that is none",
      (_request, response) => response.writeHead(206, { "Content-Range": "bytes 0-191/*" }).end(new Uint8Array(192)),
    ],
    ["hangs up", (_request, response) => response.destroy()],
  ])("is an error when its server %s", async (_name, act) => {
    misbehave = (request, response) => {
      act(request, response);
      return true;
    };
    expect(await codeOfLater(() => open())).toBe("file-failed");
  });

  it("is no file of an index when there is nothing in it", async () => {
    served.bytes = new Uint8Array(0);
    expect(await codeOfLater(async () => await readIndexFile(await open()))).toBe("bad-file");
  });

  it("waits no longer than it was told to, and not at all when it is called off", async () => {
    misbehave = () => true;
    expect(await codeOfLater(() => open({ timeoutMs: 50 }))).toBe("file-failed");
    const reason = new RangeError("not any more");
    await expect(open({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    server.closeAllConnections();
  });

  it("sends what lets it in", async () => {
    misbehave = (request, response) => {
      if (request.headers.authorization === "Bearer key") return false;
      response.writeHead(401).end();
      return true;
    };
    expect(await codeOfLater(() => open())).toBe("file-failed");
    const source = await open({ headers: { Authorization: "Bearer key" } });
    expect((await source.read(500, 4)).length).toBe(4);
  });

  it("stops taking what was not asked for", async () => {
    let pieces = 0;
    const endless = openHttpRange("endless", {
      fetch: async () => ({
        status: 206,
        headers: { get: (name) => (name === "Content-Range" ? "bytes 0-191/5000" : null) },
        body: {
          getReader: () => ({
            read: async () => ({ done: ++pieces > 100, value: new Uint8Array(100) }),
            cancel: async () => undefined,
          }),
        },
      }),
    });
    expect(await codeOfLater(() => endless)).toBe("file-failed");
    expect(pieces).toBe(2);
  });

  it("takes memory for what comes, not for what is announced", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const endless = openHttpRange("announced", {
      fetch: async (_url, { headers }) => {
        const [first, last] = (headers["Range"] ?? "").slice("bytes=".length).split("-");
        return {
          status: 206,
          headers: { get: (name) => (name === "Content-Range" ? `bytes ${first}-${last}/900000000000000` : null) },
          body: { getReader: () => ({ read: async () => ({ done: true }), cancel: async () => undefined }) },
        };
      },
    });
    expect(await codeOfLater(() => endless)).toBe("file-failed");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
  });
});

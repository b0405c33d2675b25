import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { utf8 } from "../../wire/bytes.ts";
import type { NetSubject } from "../conformance/net-conformance.ts";
import { netConformance } from "../conformance/net-conformance.ts";
import { silentLog } from "../log.ts";
import type { Connection } from "../net.ts";
import { createNodeClock } from "./clock.ts";
import { socketPath } from "./local-socket-path.ts";
import { createNodeNet } from "./net.ts";

const clock = createNodeClock();
const net = createNodeNet({ clock, log: silentLog });
const sizes = { maxMessageBytes: 1024 };
const dialOptions = { ...sizes, timeoutMs: 5_000 };

async function atPath(name: string): Promise<NetSubject> {
  const folder = await mkdtemp(join(tmpdir(), "perdure-net-"));
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  return { net, clock, address: `unix:${path}`, dispose: () => rm(folder, { recursive: true }) };
}

netConformance("this machine, ws", () => ({ net, clock, address: "ws://127.0.0.1:0" }));
netConformance("this machine, ws over IPv6", () => ({ net, clock, address: "ws://[::1]:0" }));
netConformance("this machine, unix", () => atPath("agent.sock"));
netConformance("this machine, unix with a long path", () => atPath(`${"long".repeat(30)}/agent.sock`));

const ignore = { message: () => {}, drained: () => {}, closed: () => {} };

function ended(connection: Connection): Promise<string> {
  return new Promise((resolve) => connection.start({ ...ignore, closed: resolve }));
}

describe("what a listener sends over a WebSocket", () => {
  test("arrives whole and in order, whatever header its length needs", async () => {
    const limit = { maxMessageBytes: 100_000 };
    const lengths = [1, 125, 126, 127, 4096, 4097, 2, 65_535, 65_536, 3];
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...limit,
      onConnection: (connection) => {
        connection.start(ignore);
        for (const length of lengths) connection.send(new Uint8Array(length).fill(length % 251));
      },
    });
    const connection = await net.dial(listener.address, { ...dialOptions, ...limit });
    const got: Uint8Array[] = [];
    await new Promise<void>((resolve) =>
      connection.start({
        ...ignore,
        message: (message) => {
          got.push(message);
          if (got.length === lengths.length) resolve();
        },
      }),
    );
    expect(got.map(({ length }) => length)).toEqual(lengths);
    for (const message of got) expect(message.every((byte) => byte === message.length % 251)).toBe(true);
    connection.close();
    await listener.close();
  });

  test("is nothing any more once the other side has said that it closes, and does not break what is closing", async () => {
    let over = (_why: string): void => {};
    const why = new Promise<string>((resolve) => {
      over = resolve;
    });
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...sizes,
      onConnection: (connection) => {
        const sending = setInterval(() => connection.send(utf8("once more")), 1);
        connection.start({
          ...ignore,
          closed: (reason) => {
            clearInterval(sending);
            over(reason);
          },
        });
      },
    });
    const socket = connect({ port: Number(new URL(listener.address).port), host: "127.0.0.1", allowHalfOpen: true });
    const broken: string[] = [];
    socket.on("error", (error) => broken.push(error.message));
    const key = Buffer.alloc(16).toString("base64");
    const head = ["GET / HTTP/1.1", "host: here", "connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"];
    socket.write(`${head.join("\r\n")}\r\nsec-websocket-key: ${key}\r\n\r\n`);
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => chunks.push(chunk));
    await new Promise((resolve) => setTimeout(resolve, 50));
    // A close frame with code 1000, under a mask of zeroes.
    socket.write(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8]));
    await once(socket, "end");
    // Of a socket that was cut over there the second of these fails, for the first is answered with a reset.
    for (let nth = 0; nth < 2; nth++) {
      await new Promise((resolve) => setTimeout(resolve, 30));
      socket.write(Buffer.alloc(1));
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    const all = Buffer.concat(chunks);
    const close = Buffer.from([0x88, 0x02, 0x03, 0xe8]);
    expect(all.includes("once more")).toBe(true);
    expect(all.subarray(all.indexOf(close))).toEqual(close);
    expect(broken).toEqual([]);
    socket.end();
    expect(await why).toBe("closed by the other side");
    await listener.close();
  });
});

describe("plain HTTP on the port of a relay", () => {
  test("reaches onRequest with method, path and body, and its answer comes back", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...sizes,
      onConnection: () => {},
      onRequest: async (request) =>
        Response.json({ method: request.method, path: new URL(request.url).pathname, body: await request.text() }, { status: 201 }),
    });
    const response = await fetch(`${listener.address.replace("ws:", "http:")}/a/b?c`, { method: "POST", body: "text" });
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({ method: "POST", path: "/a/b", body: "text" });
    await listener.close();
  });

  test("is asked for with get: status and body, no further than a limit and a deadline, redirects not followed", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...sizes,
      onConnection: () => {},
      onRequest: async (request) => {
        const { pathname } = new URL(request.url);
        if (pathname === "/silence") await new Promise(() => {});
        if (pathname === "/away") return new Response(null, { status: 302, headers: { location: "/" } });
        return new Response("x".repeat(100), { status: pathname === "/" ? 200 : 404 });
      },
    });
    const at = listener.address.replace("ws:", "http:");
    const options = { timeoutMs: 5_000, maxBytes: 100 };
    const code = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => "none",
        (error: { readonly code: string }) => error.code,
      );
    expect(await net.get(at, options)).toEqual({ status: 200, body: utf8("x".repeat(100)) });
    expect((await net.get(`${at}/gone`, options)).status).toBe(404);
    expect((await net.get(`${at}/away`, options)).status).toBe(302);
    expect(await code(net.get(at, { ...options, maxBytes: 99 }))).toBe("too-large");
    expect(await code(net.get(`${at}/silence`, { ...options, timeoutMs: 50 }))).toBe("timed-out");
    expect(await code(net.get(`${at}/silence`, { ...options, signal: AbortSignal.timeout(50) }))).toBe("aborted");
    expect(await code(net.get(at, { ...options, publicOnly: true }))).toBe("peer-forbidden");
    expect(await code(net.get(at.replace("127.0.0.1", "localhost"), { ...options, publicOnly: true }))).toBe("peer-forbidden");
    expect(await code(net.get(at.replace("http:", "ftp:"), options))).toBe("bad-argument");
    expect(await code(net.get(at.replace("http:", "https:"), options))).toBe("relay-unreachable");
    await listener.close();
    expect(await code(net.get(at, options))).toBe("relay-unreachable");
  });

  test("is 426 where nothing answers requests", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: () => {} });
    expect((await fetch(listener.address.replace("ws:", "http:"))).status).toBe(426);
    await listener.close();
  });

  test("that fails is 500, reported, and says nothing of why", async () => {
    const events: string[] = [];
    const reporting = createNodeNet({
      clock,
      log: { write: (level, event, fields) => events.push(`${level} ${event} ${fields?.["message"]}`) },
    });
    const listener = await reporting.listen("ws://127.0.0.1:0", {
      ...sizes,
      onConnection: () => {},
      onRequest: () => {
        throw new Error("private detail");
      },
    });
    const response = await fetch(listener.address.replace("ws:", "http:"));
    expect([response.status, await response.text()]).toEqual([500, "The request failed.\n"]);
    expect(events).toEqual(["error http.failed private detail"]);
    await listener.close();
  });

  test("leaves the global Request and Response alone", async () => {
    const before = [globalThis.Request, globalThis.Response];
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: () => {} });
    expect([globalThis.Request, globalThis.Response]).toEqual(before);
    await listener.close();
  });

  test("does not hold up the end: a connection that says nothing is cut", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: () => {} });
    const socket = connect(Number(new URL(listener.address).port), "127.0.0.1");
    await once(socket, "connect");
    const closed = once(socket, "close");
    await listener.close();
    await closed;
  });
});

describe("what is at the other end", () => {
  test("a port that speaks something else is relay-unreachable", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("220 mail.example.org ESMTP\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(net.dial(address, dialOptions)).rejects.toMatchObject({ code: "relay-unreachable", hint: expect.any(String) });
    server.close();
  });

  test("a web server without WebSocket is relay-unreachable", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    await expect(net.dial(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, dialOptions)).rejects.toMatchObject({
      code: "relay-unreachable",
    });
    server.close();
  });

  test("a port that takes the connection and says nothing is timed-out", async () => {
    const server = createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(net.dial(address, { ...dialOptions, timeoutMs: 100 })).rejects.toMatchObject({ code: "timed-out" });
    const controller = new AbortController();
    const dialled = net.dial(address, { ...dialOptions, signal: controller.signal });
    controller.abort();
    await expect(dialled).rejects.toMatchObject({ code: "aborted" });
    server.close();
  });

  test("a name that does not exist is relay-unreachable", async () => {
    await expect(net.dial("ws://no-such-relay.invalid:1", dialOptions)).rejects.toMatchObject({
      code: "relay-unreachable",
      retry: "after",
    });
  });

  test("a text message closes the connection", async () => {
    const reasons: Promise<string>[] = [];
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: (connection) => reasons.push(ended(connection)) });
    const socket = new WebSocket(listener.address);
    await once(socket, "open");
    socket.send("hello");
    await once(socket, "close");
    expect(await reasons[0]).toBe("a text message came");
    await listener.close();
  });

  test("a peer that never answers the close is cut", async () => {
    const reasons: Promise<string>[] = [];
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...sizes,
      onConnection: (connection) => {
        reasons.push(ended(connection));
        connection.close();
      },
    });
    const socket = connect(Number(new URL(listener.address).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(socket, "data");
    socket.pause();
    await expect.poll(() => reasons.length, { timeout: 10_000 }).toBe(1);
    expect(await reasons[0]).toBe("closed here");
    socket.destroy();
    await listener.close();
  });

  test("loopback is local, unless a proxy says that it speaks for somebody else", async () => {
    const local: boolean[] = [];
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: (connection) => local.push(connection.local) });
    const direct = await net.dial(listener.address, dialOptions);
    expect(direct.local).toBe(true);
    const proxied = new WebSocket(listener.address, { headers: { "x-forwarded-for": "203.0.113.9" } });
    await once(proxied, "open");
    await expect.poll(() => local.length).toBe(2);
    expect(local).toEqual([true, false]);
    await listener.close();
  });

  test("a caller that may not connect is answered 403 and is no connection", async () => {
    let connections = 0;
    const listener = await net.listen("ws://127.0.0.1:0", {
      ...sizes,
      mayConnect: ({ origin }) => origin === undefined,
      onConnection: (connection) => {
        connections++;
        connection.start(ignore);
      },
    });
    const page = new WebSocket(listener.address, { origin: "https://page.example" });
    const [error] = (await once(page, "error")) as [Error];
    const program = await net.dial(listener.address, dialOptions);
    expect([error.message, connections]).toEqual(["Unexpected server response: 403", 1]);
    program.close(true);
    await listener.close();
  });

  test("sockets that say nothing do not keep others out", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: ended });
    const port = Number(new URL(listener.address).port);
    const silent: Socket[] = [];
    // A few at a time: more than the system's backlog of a listener would wait for a second try of their own.
    while (silent.length < 1100) {
      const few = Array.from({ length: 50 }, () =>
        connect(port, "127.0.0.1")
          .on("error", () => {})
          .resume(),
      );
      silent.push(...few);
      await Promise.all(few.map((socket) => once(socket, "connect")));
    }
    await expect.poll(() => silent.filter((socket) => socket.destroyed).length, { timeout: 5000 }).toBeGreaterThan(0);
    (await net.dial(listener.address, dialOptions)).close(true);
    for (const socket of silent) socket.destroy();
    await listener.close();
  });

  test("an address with a fragment, as relays hand them out, can be dialled", async () => {
    const listener = await net.listen("ws://127.0.0.1:0", { ...sizes, onConnection: ended });
    (await net.dial(`${listener.address}/#ag1abc`, dialOptions)).close(true);
    await listener.close();
  });
});

describe.skipIf(process.platform === "win32")("socket files", () => {
  test("one left by a process that was killed is replaced", async () => {
    const subject = await atPath("agent.sock");
    const path = subject.address.slice("unix:".length);
    const holder = createServer().listen(path);
    await once(holder, "listening");
    // A killed process leaves the file and nobody behind it; closing without unlinking needs the file moved aside meanwhile.
    await rename(path, `${path}.aside`);
    holder.close();
    await once(holder, "close");
    await rename(`${path}.aside`, path);
    const listener = await net.listen(subject.address, { ...sizes, onConnection: ended });
    (await net.dial(subject.address, dialOptions)).close(true);
    await listener.close();
    await subject.dispose?.();
  });

  test("a file that is no socket is not removed", async () => {
    const subject = await atPath("agent.sock");
    const path = subject.address.slice("unix:".length);
    await writeFile(path, "precious");
    await expect(net.listen(subject.address, { ...sizes, onConnection: ended })).rejects.toMatchObject({ code: "address-in-use" });
    expect((await stat(path)).size).toBe(8);
    await subject.dispose?.();
  });

  test("are for their owner only and gone after the close", async () => {
    const subject = await atPath("agent.sock");
    const path = subject.address.slice("unix:".length);
    const listener = await net.listen(subject.address, { ...sizes, onConnection: ended });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await listener.close();
    expect(await readdir(dirname(path))).toEqual([]);
    await subject.dispose?.();
  });

  test("a long path has the same short place for every process, in a folder of ours", async () => {
    const long = `unix:/nowhere/${"x".repeat(200)}/agent.sock`;
    expect(await socketPath(long)).toBe(await socketPath(long));
    expect(await socketPath(long)).not.toBe(await socketPath(`${long}2`));
    expect((await stat(dirname(await socketPath(long)))).mode & 0o777).toBe(0o700);
  });
});

test("bytes sent are the bytes received also when the sender keeps them", async () => {
  const received: Uint8Array[] = [];
  const listener = await net.listen("ws://127.0.0.1:0", {
    ...sizes,
    onConnection: (connection) => connection.start({ ...ignore, message: (message) => received.push(message) }),
  });
  const connection = await net.dial(listener.address, dialOptions);
  const message = utf8("kept");
  connection.send(message);
  connection.send(message);
  await expect.poll(() => received.length).toBe(2);
  expect(received.map((bytes) => bytes.constructor)).toEqual([Uint8Array, Uint8Array]);
  expect([...received, message]).toEqual([utf8("kept"), utf8("kept"), utf8("kept")]);
  await listener.close();
});

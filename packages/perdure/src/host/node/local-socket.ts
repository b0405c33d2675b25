import { chmod, lstat, rm } from "node:fs/promises";
import type { Server, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { FIXED } from "../../settings/fixed.ts";
import { PerdureError } from "../../wire/error.ts";
import type { Clock } from "../clock.ts";
import { createConnection, type Wire } from "../connection.ts";
import { withDeadline } from "../deadline.ts";
import type { Connection, DialOptions, Listener, ListenOptions } from "../net.ts";
import { hasSystemCode } from "./file-error.ts";
import { createMessageReader, lengthPrefix } from "./length-prefixed.ts";
import { socketPath } from "./local-socket-path.ts";
import { dialError, listenError } from "./net-error.ts";
import type { NetParts } from "./net-parts.ts";
import { plainBytes } from "./raw-bytes.ts";

export async function dialLocalSocket({ clock, live }: NetParts, address: string, options: DialOptions): Promise<Connection> {
  const path = await socketPath(address);
  const deadline = { timeoutMs: options.timeoutMs, what: `a connection to ${address}`, signal: options.signal };
  return await withDeadline(
    clock,
    deadline,
    (signal) =>
      new Promise<Connection>((resolve, reject) => {
        const socket = connect(path);
        const giveUp = (): void => void socket.destroy();
        signal.addEventListener("abort", giveUp, { once: true });
        const onError = (error: Error): void => reject(dialError(error, address));
        socket.once("error", onError);
        socket.once("connect", () => {
          signal.removeEventListener("abort", giveUp);
          socket.off("error", onError);
          live?.watch(socket, "dialled local socket");
          resolve(connectionOver(clock, socket, address, options.maxMessageBytes));
        });
      }),
  );
}

export async function listenLocalSocket({ clock, live }: NetParts, address: string, options: ListenOptions): Promise<Listener> {
  const path = await socketPath(address);
  // bound: one per process of this machine that has the folder open
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    const connection = connectionOver(clock, socket, address, options.maxMessageBytes);
    connections.add(connection);
    live?.watch(socket, "accepted local socket");
    socket.once("close", () => connections.delete(connection));
    options.onConnection(connection);
  });
  live?.watch(server, "local socket server");
  await listenThere(server, path, address);
  let closing: Promise<void> | undefined;
  return {
    address,
    renewTls: () => {
      throw new PerdureError("bad-argument", `${address} has no certificate to renew`);
    },
    close: () =>
      (closing ??= new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.close();
      })),
  };
}

/** A process that was killed leaves its socket file: it is removed, but only when nobody answers on it. */
async function listenThere(server: Server, path: string, address: string): Promise<void> {
  try {
    await listen(server, path);
  } catch (error) {
    if (!hasSystemCode(error, "EADDRINUSE") || !(await isAbandoned(path))) throw listenError(error, address);
    await rm(path, { force: true }).catch((cause: unknown) => {
      throw listenError(cause, address);
    });
    await listen(server, path).catch((cause: unknown) => {
      throw listenError(cause, address);
    });
  }
  if (process.platform !== "win32") await chmod(path, 0o600);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Only a refused connection says that nobody is there; silence does not, and what is no socket is somebody's file. */
async function isAbandoned(path: string): Promise<boolean> {
  if (process.platform === "win32") return false;
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() !== true) return found === undefined;
  return await new Promise((resolve) => {
    const socket = connect(path);
    const finish = (abandoned: boolean): void => {
      socket.destroy();
      resolve(abandoned);
    };
    socket.setTimeout(FIXED.abandonedSocketMs.value, () => finish(false));
    socket.once("connect", () => finish(false));
    socket.once("error", (error) => finish(hasSystemCode(error, "ECONNREFUSED", "ENOENT")));
  });
}

function connectionOver(clock: Clock, socket: Socket, address: string, maxMessageBytes: number): Connection {
  const wire: Wire = {
    remote: address,
    local: true,
    get queuedBytes() {
      return socket.writableLength;
    },
    send: (message) => {
      socket.cork();
      socket.write(lengthPrefix(message.length));
      socket.write(message, (error) => {
        if (error === undefined || error === null) connection.sent();
      });
      socket.uncork();
    },
    end: () => void socket.end(),
    cut: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
  const connection = createConnection(clock, wire, maxMessageBytes);
  let why = "closed by the other side";
  const reader = createMessageReader(maxMessageBytes, (message) => connection.message(message));
  socket.on("data", (chunk: Buffer) => {
    if (reader.push(plainBytes(chunk))) return;
    why = "a message was too large";
    socket.destroy();
  });
  socket.on("error", (error) => {
    why = `connection failed (${"code" in error ? String(error.code) : error.message})`;
  });
  socket.on("close", () => connection.ended(why));
  return connection;
}

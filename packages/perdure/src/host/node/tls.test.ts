import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect as connectTcp, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, getCACertificates, setDefaultCACertificates, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../log.ts";
import type { Connection, Listener, ListenOptions } from "../net.ts";
import { createNodeClock } from "./clock.ts";
import { createNodeNet } from "./net.ts";
import { createTestAuthority, type TestAuthority } from "./test-certificates.ts";

const clock = createNodeClock();
const net = createNodeNet({ clock, log: silentLog });
const dialOptions = { maxMessageBytes: 1024, timeoutMs: 10_000 };
const before = getCACertificates("default");
let folder: string;
let authority: TestAuthority;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "perdure-tls-"));
  authority = await createTestAuthority(folder);
  setDefaultCACertificates([...before, await readFile(authority.certificateFile, "utf8")]);
});
afterAll(async () => {
  setDefaultCACertificates(before);
  await rm(folder, { recursive: true });
});

/** Listens and sends back whatever comes. */
async function echo(options: Partial<ListenOptions> = {}): Promise<Listener> {
  return await net.listen("wss://localhost:0", {
    maxMessageBytes: 1024,
    tls: await authority.issue(1),
    onConnection: (connection) =>
      connection.start({ message: (message) => connection.send(message.slice()), drained: () => {}, closed: () => {} }),
    ...options,
  });
}

function said(connection: Connection): { next(): Promise<Uint8Array>; readonly ended: Promise<string> } {
  let take = (_message: Uint8Array): void => {};
  const ended = new Promise<string>((resolve) =>
    connection.start({ message: (message) => take(message), drained: () => {}, closed: resolve }),
  );
  return {
    ended,
    next: () =>
      new Promise((resolve) => {
        take = resolve;
      }),
  };
}

async function presented(address: string): Promise<string> {
  const { hostname, port } = new URL(address);
  const socket: TLSSocket = connect({ host: hostname, port: Number(port), servername: "localhost" });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe("WebSockets over TLS", () => {
  it("carry messages both ways, and HTTP on the same port", async () => {
    const listener = await echo({ onRequest: () => new Response("here") });
    expect(listener.address).toMatch(/^wss:\/\/localhost:\d+$/);
    const connection = await net.dial(listener.address, dialOptions);
    const { next, ended } = said(connection);
    const answer = next();
    connection.send(Uint8Array.of(1, 2, 3));
    expect(await answer).toEqual(Uint8Array.of(1, 2, 3));
    expect(await (await fetch(listener.address.replace("wss:", "https:"))).text()).toBe("here");
    await listener.close();
    expect(await ended).toBe("closed by the other side");
  });

  it("show a renewed certificate to who comes, and leave who is there alone", async () => {
    const listener = await echo();
    const connection = await net.dial(listener.address, dialOptions);
    const { next } = said(connection);
    expect(await presented(listener.address)).toBe("01");
    listener.renewTls(await authority.issue(2));
    expect(await presented(listener.address)).toBe("02");
    const answer = next();
    connection.send(Uint8Array.of(9));
    expect(await answer).toEqual(Uint8Array.of(9));
    await listener.close();
  });

  it("keep the certificate they have when the new one cannot be used", async () => {
    const listener = await echo();
    const [one, other] = [await authority.issue(1), await authority.issue(2)];
    for (const unusable of [
      { certificate: one.certificate, key: other.key },
      { certificate: new Uint8Array(0), key: one.key },
      { certificate: one.certificate.subarray(0, 100), key: one.key },
    ]) {
      expect(() => listener.renewTls(unusable)).toThrowError(expect.objectContaining({ code: "bad-argument" }));
    }
    expect(await presented(listener.address)).toBe("01");
    await listener.close();
  });

  it("are not made by who does not trust the authority, nor under another name", async () => {
    const listener = await echo();
    const port = new URL(listener.address).port;
    setDefaultCACertificates(before);
    await expect(net.dial(listener.address, dialOptions)).rejects.toMatchObject({ code: "relay-unreachable" });
    setDefaultCACertificates([...before, await readFile(authority.certificateFile, "utf8")]);
    await expect(net.dial(`wss://127.0.0.2:${port}`, dialOptions)).rejects.toMatchObject({ code: "relay-unreachable" });
    await listener.close();
  });

  it("outlive any number of sockets that say nothing, before TLS or after", { timeout: 60_000 }, async () => {
    const listener = await echo({ onRequest: () => new Response("here") });
    const { hostname, port } = new URL(listener.address);
    const connection = await net.dial(listener.address, dialOptions);
    const { next } = said(connection);
    const idle: Socket[] = [];
    try {
      // More than a listener keeps of them (1,024), so that the oldest are cut.
      for (let opened = 0; opened < 1100; opened++) {
        const socket = connectTcp({ host: hostname, port: Number(port) });
        socket.on("error", () => {});
        idle.push(socket);
        if (opened % 20 === 0) await once(socket, "connect");
      }
      await expect
        .poll(() => idle.filter((socket) => socket.destroyed || socket.readableEnded).length, { timeout: 30_000 })
        .toBeGreaterThan(0);
      const answer = next();
      connection.send(Uint8Array.of(5));
      expect(await answer).toEqual(Uint8Array.of(5));
      expect(await (await fetch(listener.address.replace("wss:", "https:"))).text()).toBe("here");
    } finally {
      for (const socket of idle) socket.destroy();
      await listener.close();
    }
  });

  it("need a certificate, and plain ones have no use for it", async () => {
    const onConnection = (): void => {};
    await expect(net.listen("wss://127.0.0.1:0", { maxMessageBytes: 9, onConnection })).rejects.toMatchObject({ code: "bad-argument" });
    const tls = await authority.issue(1);
    await expect(net.listen("ws://127.0.0.1:0", { maxMessageBytes: 9, onConnection, tls })).rejects.toMatchObject({ code: "bad-argument" });
  });
});

describe("dialling where others say", () => {
  for (const address of [
    "ws://127.0.0.1:9",
    "ws://[::1]:9",
    "ws://[::ffff:127.0.0.1]:9",
    "ws://10.0.0.1:9",
    "ws://0x7f.1:9",
    "ws://2130706433:9",
  ]) {
    it(`goes nowhere near ${address}`, async () => {
      await expect(net.dial(address, { ...dialOptions, publicOnly: true })).rejects.toMatchObject({ code: "peer-forbidden" });
    });
  }

  it("looks at what a name stands for, and without the rule goes there", async () => {
    const listener = await net.listen("ws://localhost:0", { maxMessageBytes: 1024, onConnection: () => {} });
    await expect(net.dial(listener.address, { ...dialOptions, publicOnly: true })).rejects.toMatchObject({ code: "peer-forbidden" });
    (await net.dial(listener.address, dialOptions)).close(true);
    await listener.close();
  });
});

import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { testService } from "../../proxy/test-service.ts";
import { systemClock } from "./clock.ts";
import { createRawFetch, RAW_FETCH_SETTINGS } from "./raw-fetch.ts";

/** What is written for each connection, in order. */
async function written(...answers: readonly string[]) {
  let nth = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => {
      const answer = answers[nth++];
      if (answer === undefined) socket.destroy();
      else socket.write(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    connections: () => nth,
    [Symbol.dispose]: () => void server.close(),
  };
}

describe("the raw fetch", () => {
  it("gives a service up that falls silent within its answer", async () => {
    using service = await written("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf");
    using raw = createRawFetch(systemClock, { ...RAW_FETCH_SETTINGS, silenceMs: 100 });
    const answer = await raw.fetch(service.url);
    await expect(answer.text()).rejects.toThrow("was silent for 100 ms");
  });

  it.each([
    ["a status that is none", "HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n"],
    ["no HTTP", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
    ["a head without an end", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}`],
    ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"],
    ["an end before the beginning", ""],
  ])("calls %s unreachable", async (_, bytes) => {
    using service = await written(bytes);
    using raw = createRawFetch(systemClock, { ...RAW_FETCH_SETTINGS, answerMs: 300 });
    await expect(raw.fetch(service.url, { method: "POST" })).rejects.toMatchObject({ code: bytes === "" ? "no-answer" : "unreachable" });
  });

  it("sends again what may be sent twice, when the connection was closed meanwhile, and nothing else", async () => {
    using service = await written();
    using raw = createRawFetch(systemClock);
    await expect(raw.fetch(service.url)).rejects.toMatchObject({ code: "unreachable" });
    expect(service.connections()).toBe(2);
    await expect(raw.fetch(service.url, { method: "POST" })).rejects.toMatchObject({ code: "unreachable" });
    expect(service.connections()).toBe(3);
  });

  it("uses a connection for many requests, and listens no more to one that is done", async () => {
    const ports = new Set<string>();
    await using service = await testService((asked, response) => {
      ports.add(String(asked.headers["x-port"]));
      response.end("{}");
    });
    const warnings: unknown[] = [];
    const warned = (warning: Error): void => void warnings.push(warning);
    process.on("warning", warned);
    using raw = createRawFetch(systemClock);
    for (let nth = 0; nth < 30; nth++) expect(await (await raw.fetch(service.url)).text()).toBe("{}");
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", warned);
    expect(warnings).toEqual([]);
  });

  it("sends nothing where its signal says so before", async () => {
    await using service = await testService((_, response) => response.end());
    using raw = createRawFetch(systemClock);
    await expect(raw.fetch(service.url, { signal: AbortSignal.abort(new RangeError("not any more")) })).rejects.toThrow("not any more");
    expect(service.asked).toEqual([]);
  });
});

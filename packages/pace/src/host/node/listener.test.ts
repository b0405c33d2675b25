import { connect, type Socket } from "node:net";
import { describe, expect, it } from "vitest";
import type { Answer, Ask } from "../../proxy/exchange.ts";
import { talk } from "../../proxy/test-service.ts";
import { systemClock } from "./clock.ts";
import { LISTENER_SETTINGS, type Listener, type ListenerSettings, listen } from "./listener.ts";

const OK: Answer = { status: 200, fields: [], body: "ok" };

async function listening(
  answer: (ask: Ask) => Promise<Answer>,
  settings: Partial<ListenerSettings> = {},
  faults: unknown[] = [],
): Promise<Listener & AsyncDisposable> {
  const listener = await listen(
    { ...LISTENER_SETTINGS, host: "127.0.0.1", port: 0, ...settings },
    { clock: systemClock, answer, fault: (error) => void faults.push(error) },
  );
  return { ...listener, [Symbol.asyncDispose]: () => listener.close(0) };
}

function sends(url: string, text: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write(text, () => resolve(socket)));
    socket.on("error", () => undefined);
  });
}

describe("a listener", () => {
  it("holds back a stream that nobody reads, and gives up whoever goes on not reading", async () => {
    let made = 0;
    const reason = Promise.withResolvers<string>();
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        made += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
      cancel: (why) => reason.resolve(String(why)),
    });
    await using listener = await listening(async () => ({ ...OK, body }), { stallMs: 200 });
    const socket = await sends(listener.url, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.pause();
    await reason.promise;
    // What sockets hold on their way, and no more.
    expect(made).toBeLessThan(20_000_000);
    socket.destroy();
  });

  it("cuts off whoever does not come to the end of a head", async () => {
    await using listener = await listening(async () => OK, { headMs: 100 });
    const socket = await sends(listener.url, "GET / HTTP/1.1\r\nhost:");
    const heard = new Promise<string>((resolve) => socket.once("data", (text) => resolve(text.toString())));
    expect(await heard).toMatch(/^HTTP\/1.1 408/);
  });

  it("tells of its own faults, and not to the client what they are", async () => {
    const faults: unknown[] = [];
    const fault = new Error("a secret of the proxy's");
    await using listener = await listening(() => Promise.reject(fault), {}, faults);
    const heard = await talk(listener.url, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(heard).toMatch(/^HTTP\/1.1 500/);
    expect(heard).toContain("pace-error: fault");
    expect(heard).not.toContain("secret");
    expect(faults).toEqual([fault]);
  });

  it("answers requests that come one behind the other in their order", async () => {
    await using listener = await listening(async ({ target }) => {
      await new Promise((resolve) => setTimeout(resolve, target === "/1" ? 50 : 0));
      return { ...OK, body: target };
    });
    const heard = await talk(listener.url, "GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    expect(heard.indexOf("/1")).toBeGreaterThan(0);
    expect(heard.indexOf("/2")).toBeGreaterThan(heard.indexOf("/1"));
  });

  it("lets nobody in beyond the most connections", async () => {
    await using listener = await listening(async () => OK, { mostConnections: 2 });
    const held = [await sends(listener.url, ""), await sends(listener.url, "")];
    expect(await talk(listener.url, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).toBe("");
    for (const socket of held) socket.destroy();
  });

  it("closes when those who are being answered have had their time, and not before", async () => {
    const came = Promise.withResolvers<void>();
    const listener = await listening(() => {
      came.resolve();
      return new Promise(() => undefined);
    });
    const socket = await sends(listener.url, "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    const ended = new Promise<number>((resolve) => socket.once("close", () => resolve(performance.now())));
    await came.promise;
    const from = performance.now();
    await listener.close(300);
    expect((await ended) - from).toBeGreaterThan(250);
  });
});

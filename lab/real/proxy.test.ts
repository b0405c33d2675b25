import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { createDraws, type LinkProfile } from "../../packages/perdure/src/host/simulated/index.ts";
import { goodProfile, type Line, openLine } from "./proxy.ts";

const nowMs = (): number => performance.now();

/** Something that answers with what it is sent, and a line to it. */
async function ground(): Promise<
  { readonly line: Line; readonly there: LinkProfile; readonly dial: () => Promise<Socket> } & AsyncDisposable
> {
  const taken = new Set<Socket>();
  const server = createServer((socket) => {
    taken.add(socket.on("error", () => {}));
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const there = goodProfile();
  const line = await openLine({ profiles: { there, back: goodProfile() }, draws: createDraws("line"), nowMs });
  line.lead((server.address() as AddressInfo).port);
  return {
    line,
    there,
    dial: async () => {
      const socket = connect({ port: line.port, host: "127.0.0.1" });
      await once(socket, "connect");
      return socket;
    },
    [Symbol.asyncDispose]: async () => {
      await line[Symbol.asyncDispose]();
      for (const socket of taken) socket.destroy();
      server.close();
    },
  };
}

/** Resolves with what comes back, or with the code of the error. */
const echo = async (socket: Socket, text: string): Promise<string> => {
  socket.write(text);
  return await new Promise((resolve) => {
    socket.once("data", (bytes) => resolve(bytes.toString()));
    socket.once("error", (error) => resolve(String((error as NodeJS.ErrnoException).code)));
  });
};

/** What comes back within a while that is long for this machine, or that nothing does. */
const echoSoon = async (socket: Socket, text: string): Promise<string> =>
  await Promise.race([echo(socket, text), new Promise<string>((resolve) => setTimeout(() => resolve("nothing"), 250))]);

test("a line carries, and late when it is slow", async () => {
  await using place = await ground();
  const socket = await place.dial();
  expect(await echo(socket, "one")).toBe("one");
  Object.assign(place.there, { latencyMs: 120 });
  const begun = nowMs();
  expect(await echo(socket, "two")).toBe("two");
  expect(nowMs() - begun).toBeGreaterThan(115);
});

test("a narrow line takes as long as its bytes do", async () => {
  await using place = await ground();
  const socket = await place.dial();
  Object.assign(place.there, { bytesPerSecond: 20_000 });
  const begun = nowMs();
  let came = 0;
  const all = new Promise<void>((resolve) => {
    socket.on("data", (bytes) => {
      came += bytes.length;
      if (came === 6000) resolve();
    });
  });
  socket.write("x".repeat(6000));
  await all;
  expect(nowMs() - begun).toBeGreaterThan(290);
});

test("what is cut is reset, and the next connection is as good as any", async () => {
  await using place = await ground();
  const socket = await place.dial();
  await echo(socket, "one");
  const broken = once(socket, "error");
  expect(place.line.cut()).toBe(1);
  expect(await broken).toMatchObject([{ code: "ECONNRESET" }]);
  expect(await echo(await place.dial(), "two")).toBe("two");
});

test("a line that is down keeps what was sent until it is up", async () => {
  await using place = await ground();
  const socket = await place.dial();
  await echo(socket, "one");
  place.there.down = true;
  const answer = echo(socket, "two");
  expect(await Promise.race([answer, new Promise((resolve) => setTimeout(() => resolve("nothing"), 150))])).toBe("nothing");
  place.there.down = false;
  place.line.touched();
  expect(await answer).toBe("two");
});

test("a half-open connection says nothing, also not when its other end closes", async () => {
  await using place = await ground();
  const socket = await place.dial();
  await echo(socket, "one");
  expect(place.line.doom("near", "swallowed")).toBe(1);
  place.line.doom("far", "swallowed");
  expect(await echoSoon(socket, "two")).toBe("nothing");
  expect(socket.destroyed).toBe(false);
});

test("who is dead answers nothing, and once it is back it knows of no connection", async () => {
  await using place = await ground();
  const socket = await place.dial();
  await echo(socket, "one");
  place.line.silence();
  expect(await echoSoon(socket, "two")).toBe("nothing");
  expect(await echoSoon(await place.dial(), "three")).toBe("nothing");
  place.line.unsilence();
  expect(await echo(socket, "four")).toBe("ECONNRESET");
});

test("a middlebox forgets who is idle, and tells when it is one that does", async () => {
  await using place = await ground();
  const [silent, told] = [await place.dial(), await place.dial()];
  for (const socket of [silent, told]) await echo(socket, "one");
  Object.assign(place.there.middlebox, { forgetsAfterMs: 50 });
  await new Promise((resolve) => setTimeout(resolve, 80));
  expect(await echoSoon(silent, "two")).toBe("nothing");
  Object.assign(place.there.middlebox, { resets: true });
  expect(await echo(told, "two")).toBe("ECONNRESET");
});

test("where nobody listens a connection is refused", async () => {
  await using place = await ground();
  place.line.lead(undefined);
  const socket = connect({ port: place.line.port, host: "127.0.0.1" });
  expect(await new Promise((resolve) => socket.once("error", resolve))).toMatchObject({ code: "ECONNRESET" });
});

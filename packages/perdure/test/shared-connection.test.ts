/** Agents of one program on one connection, over real sockets: one socket, breaks and all. */
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Agent, openAgent } from "../src/agent/index.ts";
import { openRelay, type Relay } from "../src/relay/index.ts";
import { until } from "./test-stage.ts";

const TEST_MS = 60_000;

let place: string;
let relay: Relay;
let door: Server;
let address: string;
/** Of the agents, each with its other half to the relay. */
const sockets = new Set<Socket>();
let opened = 0;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "perdure-shared-"));
  relay = await openRelay({ folder: join(place, "relay"), listen: "ws://127.0.0.1:0" });
  const port = Number(new URL(relay.address).port);
  opened = 0;
  door = createServer((socket) => {
    opened++;
    const onward = connect(port, "127.0.0.1");
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
  address = relay.address.replace(`:${port}`, `:${(door.address() as AddressInfo).port}`);
});

afterEach(async () => {
  await relay.drain();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => door.close(resolve));
  await rm(place, { recursive: true, force: true, maxRetries: 3 });
});

const names = ["anna", "ben", "cleo"];
const openAll = (settings: Record<string, number> = {}): Promise<Agent[]> =>
  Promise.all(names.map((name) => openAgent(join(place, name), { join: address, name, strangers: "welcome", settings })));
const allThere = async (agents: readonly Agent[]): Promise<boolean> =>
  (await Promise.all(agents.map((agent) => agent.status()))).every(({ relay: { connected } }) => connected);

test("three agents are one socket, come back on one when it breaks, and each leaves by itself", { timeout: TEST_MS }, async () => {
  const got: string[] = [];
  const agents = await openAll();
  await until("all are there", () => allThere(agents), String);
  expect([sockets.size, relay.status().connections]).toEqual([1, 3]);
  const [anna, ben, cleo] = agents as [Agent, Agent, Agent];
  const serving = ben.serve(async (mail) => void got.push(await mail.text()));

  await anna.send("@ben", "before");
  await until(
    "it arrived",
    () => got.length === 1,
    () => got.join(),
  );
  for (const socket of sockets) socket.destroy();
  await cleo.send("@ben", "after");
  await until(
    "that too",
    () => got.length === 2,
    () => got.join(),
  );
  await until("all are there again", () => allThere(agents), String);
  expect([sockets.size, relay.status().connections, got]).toEqual([1, 3, ["before", "after"]]);

  // The one that dialled may be any of them.
  await anna.close();
  await cleo.send("@ben", "without anna");
  await until(
    "the third",
    () => got.length === 3,
    () => got.join(),
  );
  expect([sockets.size, relay.status().connections]).toEqual([1, 2]);
  await cleo.close();
  await ben.close();
  await serving.catch(() => undefined);
  await until(
    "the socket is closed",
    () => sockets.size === 0,
    () => String(sockets.size),
  );
});

test("agentsPerConnection 1: a socket for each", { timeout: TEST_MS }, async () => {
  const agents = await openAll({ agentsPerConnection: 1 });
  await until("all are there", () => allThere(agents), String);
  expect(sockets.size).toBe(3);
  expect(opened).toBeGreaterThanOrEqual(3);
  for (const agent of agents) await agent.close();
});

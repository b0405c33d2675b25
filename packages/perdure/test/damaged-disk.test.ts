/** Bytes on an agent's disk change by themselves: what can be made again is, what cannot ends and says so, and everything else goes on. */
import { expect, test } from "vitest";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { RECENT_BYTES } from "../src/agent/recent-payloads.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, EVERYTHING, type World } from "../src/host/simulated/index.ts";
import { openRelayWith } from "../src/relay/open-relay.ts";
import { isPerdureError } from "../src/wire/error.ts";

const hash = createNodeHost().crypto.hash;
const RECORD_HEADER = 12;

/** The newest file of anna's log, and how much of it there is. */
function newest(world: World): { readonly path: string; readonly size: number } {
  const [last] = [...world.disk("anna").disk.image(EVERYTHING)]
    .filter(([path]) => path.endsWith(".log"))
    .sort(([a], [b]) => (a < b ? 1 : -1));
  return { path: last?.[0] as string, size: last?.[1].length ?? 0 };
}

test.each([
  ["the envelope of a message", "done", ["before", "damaged", "whole"]],
  ["the envelope of a message and what it was made of", "lost", ["before", "whole"]],
] as const)("%s: it ends as %s", async (what, state, arrived) => {
  const world = createWorld({ seed: "damage", hash, cryptoOrder: "at-once" });
  const errors: string[] = [];
  let damages = 0;
  world.onLog((host, level, event) => {
    if (host !== "anna") return;
    if (level === "error") errors.push(event);
    if (event === "agent.damaged") damages++;
  });
  const relay = await world.complete(openRelayWith({ host: world.host("relay"), folder: "post", listen: "ws://127.0.0.1:4410" }));
  const settings = { ackTimeoutMs: 500, probeTimeoutMs: 500 };
  const open = (name: string) =>
    world.complete(openAgentWith(world.host(name), "home", { join: relay.address, name, strangers: "welcome", settings }));
  const [anna, desk] = [await open("anna"), await open("desk")];
  const heard: string[] = [];
  void desk
    .serve(async (mail) => {
      if (mail.sizeBytes < RECENT_BYTES) heard.push(await mail.text());
    })
    .catch(() => undefined);
  await world.complete((await world.complete(anna.send("@desk", "before"))).until("done"));
  world.partition("anna", "relay");
  world.network.cut("anna", "relay");
  await world.run({ untilMs: world.nowMs + 1000 });
  const before = newest(world);
  const first = await world.complete(anna.send("@desk", "damaged"));
  await world.run({ untilMs: world.nowMs + 5000 });
  const after = newest(world);
  expect(after.path).toBe(before.path);
  // What was written a moment ago is remembered: this takes its place.
  await world.complete(anna.send("@desk", new Uint8Array(RECENT_BYTES)));
  await world.run({ untilMs: world.nowMs + 5000 });
  // The envelope is the last thing written; a byte of everything else stands before it.
  const from = state === "done" ? after.size - 200 : before.size;
  for (let offset = from; offset < after.size; offset += RECORD_HEADER) world.disk("anna").disk.rot(after.path, offset, 1);
  const second = await world.complete(anna.send("@desk", "whole"));
  world.heal("anna", "relay");
  await world.complete(second.until("done"));
  const end = first.until("done").then(
    () => "done",
    (error: unknown) => (isPerdureError(error) ? error.code : String(error)),
  );
  expect([what, await world.complete(end)]).toEqual([what, state]);
  await world.run({ untilMs: world.nowMs + 5000 });
  expect([...heard].sort()).toEqual([...arrived].sort());
  expect(errors).toEqual([]);
  expect(damages).toBe(state === "done" ? 1 : 2);
});

test("a read that fails as a message of several parts becomes whole delays it, and not until the session ends", async () => {
  const world = createWorld({ seed: "unread", hash, cryptoOrder: "at-once" });
  const held: unknown[] = [];
  world.onLog((host, level, event, fields) => {
    if (host !== "desk") return;
    if (level === "error") held.push(event);
    if (event === "agent.held") held.push(fields.code);
  });
  const relay = await world.complete(openRelayWith({ host: world.host("relay"), folder: "post", listen: "ws://127.0.0.1:4410" }));
  const settings = { diskRetryMs: 500 };
  const open = (name: string) =>
    world.complete(openAgentWith(world.host(name), "home", { join: relay.address, name, strangers: "welcome", settings }));
  const [anna, desk] = [await open("anna"), await open("desk")];
  const heard: number[] = [];
  void desk.serve(async (mail) => void heard.push((await mail.bytes()).length)).catch(() => undefined);
  await world.complete((await world.complete(anna.send("@desk", "before"))).until("done"));
  world.disk("desk").failReads = 1;
  const long = await world.complete(anna.send("@desk", new Uint8Array(3_000_000)));
  await world.complete(long.until("done"));
  expect(held).toEqual(["disk-failed"]);
  expect(heard).toEqual([6, 3_000_000]);
});

import { expect, test } from "vitest";
import type { Agent } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createWorld, type SimulatedDisk, type World } from "../src/host/simulated/index.ts";
import { openRelayWith, type Relay } from "../src/relay/open-relay.ts";
import type { PerdureError } from "../src/wire/error.ts";
import { codeOf } from "./test-stage.ts";

const LISTEN = "ws://127.0.0.1:4410";
const SETTINGS = { redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };

interface Scene {
  readonly world: World;
  readonly writer: Agent;
  readonly disk: SimulatedDisk;
  readonly handled: string[];
  reopen(): Promise<Agent>;
  settle(until: () => boolean): Promise<void>;
}

/** A relay, a desk that handles what comes, and a writer whose disk the test breaks. */
async function scene(seed: number): Promise<Scene> {
  const world = createWorld({ seed, hash: createNodeHost().crypto.hash });
  const open = async (): Promise<{ readonly relay: Relay; readonly desk: Agent; readonly writer: Agent }> => {
    const relay = await openRelayWith({ host: world.host("relay"), folder: "post", listen: LISTEN });
    const desk = await openAgentWith(world.host("desk"), "home", {
      join: relay.address,
      name: "desk",
      strangers: "welcome",
      settings: SETTINGS,
    });
    const writer = await openAgentWith(world.host("writer"), "home", { join: relay.address, strangers: "welcome", settings: SETTINGS });
    return { relay, desk, writer };
  };
  const { desk, writer } = await world.complete(open());
  const handled: string[] = [];
  desk
    .serve(async (mail) => {
      handled.push(await mail.text());
    })
    .catch((error: unknown) => handled.push(String(error)));
  return {
    world,
    writer,
    disk: world.disk("writer"),
    handled,
    reopen: () => world.complete(openAgentWith(world.host("writer"), "home", { settings: SETTINGS })),
    async settle(until) {
      await world.run({ untilMs: world.nowMs + 60_000, until });
      expect(until()).toBe(true);
    },
  };
}

for (const [fault, code] of [
  ["full", "disk-full"],
  ["read-only", "read-only"],
  ["failing", "disk-failed"],
] as const) {
  test(`a ${fault} disk refuses a message with ${code}, keeps nothing of it, and sends again when it is well`, async () => {
    const { world, writer, disk, handled, settle } = await scene(7);
    const breakIt = (broken: boolean): void => {
      if (fault === "full") disk.capacityBytes = broken ? 0 : Number.POSITIVE_INFINITY;
      if (fault === "read-only") disk.readOnly = broken;
      if (fault === "failing") disk.failWrites = broken ? 1 : 0;
    };
    await world.complete(writer.send("@desk", "before"));
    await settle(() => handled.length === 1);
    await world.run({ untilMs: world.nowMs + 5000 });
    breakIt(true);
    const error = await world.complete(writer.send("@desk", "refused").catch((caught: unknown) => caught));
    expect(codeOf(error)).toBe(code);
    expect(await world.complete(writer.outbox())).toHaveLength(1);
    expect(error).toMatchObject({ retry: "after", hint: expect.any(String) });
    breakIt(false);
    await world.run({ untilMs: world.nowMs + 2 * ((error as PerdureError).afterMs ?? 0) });
    await world.complete(writer.send("@desk", "taken"));
    await settle(() => handled.length > 1);
    expect(handled).toEqual(["before", "taken"]);
  });
}

test("a message that send has resolved for survives the loss of power, and is handled once", async () => {
  const { world, writer, handled, reopen, settle } = await scene(11);
  const sent = await world.complete(writer.send("@desk", "kept"));
  world.crash("writer", { keep: "synced" });
  const again = await reopen();
  const handle = await world.complete(again.sent(sent.id));
  expect((await world.complete(handle.until("done"))).state).toBe("done");
  await settle(() => handled.length > 0);
  expect(handled).toEqual(["kept"]);
});

test("two processes of one machine share an agent in a simulated world too", async () => {
  const { world, writer, handled, settle } = await scene(13);
  const guest = await world.complete(openAgentWith(world.host("second", { disk: "writer" }), "home", { settings: SETTINGS }));
  expect((await world.complete(guest.status())).role).toBe("guest");
  await world.complete(guest.send("@desk", "from the guest"));
  world.crash("writer", { keep: "all" });
  await world.complete(guest.send("@desk", "from the new holder"));
  await settle(() => handled.length === 2);
  expect(handled).toEqual(["from the guest", "from the new holder"]);
  expect(await Promise.race([writer.status().catch(codeOf), Promise.resolve("silent")])).toBe("silent");
});

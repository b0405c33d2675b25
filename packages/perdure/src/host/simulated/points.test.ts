import { expect, test } from "vitest";
import { openAgentWith } from "../../agent/open-agent.ts";
import { openRelayWith } from "../../relay/open-relay.ts";
import { createBrowserHost } from "../browser/index.ts";
import { codeOf } from "../conformance/subject.ts";
import type { Host } from "../host.ts";
import { createNodeHash } from "../node/hash.ts";
import { createNodeHost } from "../node/node-host.ts";
import { IN_A_WORLD, POINTS, type PointName, rarely, refuseArmed } from "../points.ts";
import { createWorld } from "./world.ts";

const NAMES = Object.keys(POINTS) as PointName[];

test("no machine but a simulated one misbehaves", () => {
  const platform = { storage: undefined } as unknown as NonNullable<Parameters<typeof createBrowserHost>[0]>["platform"];
  for (const host of [createNodeHost(), createBrowserHost(platform === undefined ? {} : { platform })]) {
    expect("points" in host).toBe(false);
    for (const name of NAMES) expect(rarely(host.points, name)).toBe(false);
  }
});

test("a machine that is to misbehave and is of no world is refused by agents and relays", async () => {
  const armed: Host = { ...createNodeHost(), points: { misbehaves: () => true } as unknown as NonNullable<Host["points"]> };
  expect(await codeOf(openAgentWith(armed, "/nowhere"))).toBe("bad-argument");
  expect(await codeOf(openRelayWith({ host: armed, folder: "/nowhere", listen: "ws://127.0.0.1:0" }))).toBe("bad-argument");
  expect(() => refuseArmed({ points: { [IN_A_WORLD]: true, misbehaves: () => true } })).not.toThrow();
});

test("of a world only processes begun since it was armed do, at the points that were, and it is counted", () => {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  expect("points" in world.host("before")).toBe(false);
  world.arm(new Map([["deliver-one", 0.5]]));
  const { points } = world.host("after");
  const answers = Array.from({ length: 1000 }, () => rarely(points, "deliver-one"));
  const count = answers.filter(Boolean).length;
  expect(count).toBeGreaterThan(400);
  expect(count).toBeLessThan(600);
  expect(rarely(points, "mail-one")).toBe(false);
  expect([...world.misbehaved]).toEqual([["deliver-one", count]]);
  expect(rarely(world.host("before").points, "deliver-one")).toBe(false);
});

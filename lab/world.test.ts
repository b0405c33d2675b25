/** What the worlds of the lab are made of: every kind of fault is drawn, rare things happen, and processes die in calls of their ports. */
import { expect, test } from "vitest";
import { createNodeCrypto } from "../packages/perdure/src/host/node/crypto.ts";
import { POINTS, type PointName } from "../packages/perdure/src/host/points.ts";
import { createDraws, createWorld, type World } from "../packages/perdure/src/host/simulated/index.ts";
import { utf8 } from "../packages/perdure/src/wire/bytes.ts";
import { createBitRot } from "./bit-rot.ts";
import { walkPortCrashes } from "./port-crash.ts";
import type { Recorder } from "./recorder.ts";
import { runSeed } from "./seed.ts";
import { drawCensus } from "./town.ts";
import { putBehindTranslators } from "./translators.ts";
import { drawWeather, FAULT_KINDS } from "./weather.ts";

const hash = createNodeCrypto().hash;
const PATIENCE_MS = 15 * 60_000;
const NAMES = Object.keys(POINTS) as PointName[];

test("in a hundred seeds every kind of fault is drawn, also of a relay and of an agent where it can happen to both", () => {
  const census = drawCensus(2, 3, true);
  const drawn = new Map<string, number>();
  for (let seed = 0; seed < 100; seed++) {
    const draws = createDraws(`weather ${seed}`);
    for (const { kind, host } of drawWeather({ draws, census, fromMs: 0, untilMs: 300_000 })) {
      const key = `${kind} ${host.startsWith("relay") ? "relay" : "agent"}`;
      drawn.set(key, (drawn.get(key) ?? 0) + 1);
    }
  }
  for (const kind of FAULT_KINDS)
    expect([kind, (drawn.get(`${kind} relay`) ?? 0) + (drawn.get(`${kind} agent`) ?? 0) > 20]).toEqual([kind, true]);
  for (const kind of ["bit-rot", "call-crash", "read-fails", "suspend", "slow-reader"])
    expect([kind, drawn.has(`${kind} relay`), drawn.has(`${kind} agent`)]).toEqual([kind, true, true]);
});

test("half of the towns have agents behind translators: alone, together, and behind a carrier", () => {
  const chains = new Set<string>();
  let without = 0;
  for (let seed = 0; seed < 60; seed++) {
    const world = createWorld({ seed, hash });
    const { agents } = drawCensus(2, 4, true);
    putBehindTranslators(world, { agents });
    const all = agents.map((name) =>
      world.network.realms
        .chainOf(name)
        .map(({ address }) => address.replace(/ of .*/, ""))
        .join(" < "),
    );
    if (all.every((chain) => chain === "")) without++;
    for (const chain of all) chains.add(chain);
  }
  expect(without).toBeGreaterThan(20);
  expect(without).toBeLessThan(45);
  expect([...chains].sort()).toEqual(["", "home", "home < carrier", "office", "office < carrier"]);
});

test("a rotten byte reads otherwise until it is mended, and what was written anew stays as written", async () => {
  const world = createWorld({ seed: 1, hash });
  const rot = createBitRot(world);
  const write = async (text: string): Promise<void> => {
    const file = await world.host("a").files.open("/data/x", "write");
    await file.write(0, utf8(text));
    await file.sync();
  };
  const read = async (files = world.host("a").files): Promise<string> =>
    new TextDecoder().decode(await (await files.open("/data/x", "read")).read(0, 100));
  expect(rot.strike("a", 4)).toBeUndefined();
  await world.complete(write("good"));
  const putRight = rot.strike("a", 2);
  expect(rot.isRotten("a")).toBe(true);
  expect(await world.complete(read())).not.toBe("good");
  putRight?.();
  expect([await world.complete(read()), rot.mend("a")]).toEqual(["good", false]);
  rot.strike("a", 2);
  rot.strike("a", 4);
  world.crash("a", { keep: "synced" });
  expect([rot.mend("a"), await world.complete(read())]).toEqual([true, "good"]);
  rot.strike("a", 2);
  await world.complete(write("else"));
  expect([rot.mend("a"), await world.complete(read())]).toEqual([true, "else"]);
});

test("a town whose disks rot loses what it says it lost, and nothing else", { timeout: PATIENCE_MS }, async () => {
  const town = {
    minutes: 1,
    hostile: "nobody",
    disaster: "none",
    kinds: ["bit-rot", "relay-kill", "agent-kill", "partition"],
    calmMs: 1200,
  } as const;
  const damaged: string[] = [];
  const nothing = (): void => {};
  const note = (what: string): void => void (what.includes("-damaged") && damaged.push(what));
  const recorder = new Proxy({ note }, { get: (target, name) => Reflect.get(target, name) ?? nothing }) as unknown as Recorder;
  const { broken, counts } = await runSeed({ seed: 1, hash, recorder, ...town });
  expect(broken).toBeUndefined();
  expect(counts.byEnd["done"]).toBeGreaterThan(20);
  expect((counts.byEnd["lost"] ?? 0) + damaged.length).toBeGreaterThan(0);
});

test("a town in which everything rare happens often keeps every invariant", { timeout: PATIENCE_MS }, async () => {
  let world: World | undefined;
  const nothing = (): void => {};
  const armed = {
    watch: (watched: World) => {
      world = watched;
      watched.arm(new Map(NAMES.map((name) => [name, 0.3])));
    },
  };
  const recorder = new Proxy(armed, { get: (target, name) => Reflect.get(target, name) ?? nothing }) as unknown as Recorder;
  const town = { minutes: 0.5, relays: 2, hostile: "nobody", disaster: "none" } as const;
  const { broken } = await runSeed({ seed: 6, hash, recorder, ...town });
  expect(broken).toBeUndefined();
  const happened = world?.misbehaved ?? new Map();
  expect(NAMES.filter((name) => !happened.has(name)).length).toBeLessThanOrEqual(3);
});

test("a relay dies in calls of its ports, and nothing breaks", { timeout: PATIENCE_MS }, async () => {
  const all = await walkPortCrashes({ seed: 1, hosts: ["relay-0"], every: 37, print: () => {} });
  expect(all.flatMap(({ phase, broken }) => broken.map((each) => ({ phase, ...each })))).toEqual([]);
  expect(all.map(({ phase, calls }) => [phase, calls > 0])).toEqual([
    ["running", true],
    ["opening", true],
  ]);
});

import { expect, test } from "vitest";
import { createNodeHash } from "../node/hash.ts";
import { manyPerTurn, type Pace } from "./pace.ts";
import { createWorld, type World } from "./world.ts";

const FOLLOWERS = 20;
/** Events of the story below are over by then, virtual milliseconds. */
const LONG_MS = 1000;

/** Runs every promise job, as the lab does it. */
function drain(): void {
  (Reflect.get(process, "_tickCallback") as () => void).call(process);
}

function makeWorld(pace?: Pace): World {
  return createWorld({ seed: "pace", hash: createNodeHash(), ...(pace === undefined ? {} : { pace }) });
}

/** Hosts that wait for timers, disks and cryptography, one chain each: the order in which they come to an end. */
async function story(world: World): Promise<readonly string[]> {
  const ended: string[] = [];
  for (let number = 0; number < FOLLOWERS; number++) {
    const { clock, files, crypto, random } = world.host(`h${number}`);
    const live = async (): Promise<void> => {
      const file = await files.open("/data/x", "write");
      for (let round = 0; round < 5; round++) {
        const sealed = await crypto.aead.seal(random.bytes(32), random.bytes(10 + round), new Uint8Array(0));
        await file.write(round * 100, sealed);
        await file.sync();
        await new Promise<void>((resolve) => void clock.after(1 + (sealed[0] as number) / 50, resolve));
      }
      ended.push(`h${number} at ${clock.monotonicMs()}`);
    };
    live().catch((error: unknown) => ended.push(String(error)));
  }
  await world.run({ untilMs: LONG_MS });
  return ended;
}

test("many events in one turn make the history that one event a turn makes", async () => {
  const slow = makeWorld();
  const fast = makeWorld(manyPerTurn(drain));
  const ended = await story(slow);
  expect(await story(fast)).toEqual(ended);
  expect(ended).toHaveLength(FOLLOWERS);
  expect([fast.historyHash, fast.events]).toEqual([slow.historyHash, slow.events]);
});

test("without the drain what follows from an event comes late, and the history is another", async () => {
  const slow = makeWorld();
  const careless = makeWorld(manyPerTurn(() => {}));
  const ended = await story(slow);
  expect(await story(careless)).not.toEqual(ended);
});

test("what an event or a hook throws ends the run; a run stops after the step that makes it so", async () => {
  for (const pace of [undefined, manyPerTurn(drain)]) {
    const world = makeWorld(pace);
    let ran = 0;
    for (let event = 0; event < 1000; event++) world.after(event, "count", () => void ran++);
    expect(await world.run({ until: () => ran === 10 })).toEqual({ why: "until", events: 10 });
    expect(await world.run({ maxEvents: 5 })).toEqual({ why: "events", events: 5 });
    expect(await world.run({ untilMs: 599.5 })).toEqual({ why: "time", events: 585 });
    world.after(0, "fail", () => {
      throw new Error("an event failed");
    });
    await expect(world.run({})).rejects.toThrow("an event failed");
    world.afterStep(() => {
      throw new Error("a hook failed");
    });
    await expect(world.run({})).rejects.toThrow("a hook failed");
  }
});

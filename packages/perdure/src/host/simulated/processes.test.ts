import { describe, expect, test } from "vitest";
import { utf8 } from "../../wire/bytes.ts";
import { codeOf } from "../conformance/subject.ts";
import type { Host } from "../host.ts";
import { createNodeHash } from "../node/hash.ts";
import type { World } from "./world.ts";
import { createWorld } from "./world.ts";

const makeWorld = (seed = 1): World => createWorld({ seed, hash: createNodeHash() });
const pass = (world: World, ms: number): Promise<unknown> => world.run({ untilMs: world.nowMs + ms });

describe("a machine that sleeps", () => {
  test.each(["stands", "goes-on"] as const)("has a date that goes on, and timers as its monotonic clock says: %s", async (monotonic) => {
    const world = makeWorld();
    const { clock } = world.host("a");
    const [wallMs, monotonicMs] = [clock.wallMs(), clock.monotonicMs()];
    const ran: [string, number][] = [];
    const note = (label: string): void => void ran.push([label, Math.round(world.nowMs)]);
    clock.after(5000, () => note("due while it sleeps"));
    clock.after(30_000, () => note("due later"));
    clock.after(5000, () => note("taken back"))();
    await pass(world, 1000);
    world.suspend("a", monotonic);
    await pass(world, 10_000);
    expect(ran).toEqual([]);
    world.resume("a");
    expect(clock.wallMs() - wallMs).toBe(11_000);
    expect(clock.monotonicMs() - monotonicMs).toBe(monotonic === "stands" ? 1000 : 11_000);
    await pass(world, 60_000);
    expect(ran).toEqual(
      monotonic === "stands"
        ? [
            ["due while it sleeps", 15_000],
            ["due later", 40_000],
          ]
        : [
            ["due while it sleeps", 11_000],
            ["due later", 30_000],
          ],
    );
  });

  test("twice in a row has both rests to wait", async () => {
    const world = makeWorld();
    let ranAtMs = 0;
    world.host("a").clock.after(5000, () => {
      ranAtMs = world.nowMs;
    });
    for (let count = 0; count < 2; count++) {
      await pass(world, 1000);
      world.suspend("a", "stands");
      await pass(world, 10_000);
      world.resume("a");
    }
    await pass(world, 60_000);
    expect(Math.round(ranAtMs)).toBe(25_000);
  });
});

describe("a crash within the k-th call of a port", () => {
  const day = async ({ files, clock, crypto }: Host): Promise<void> => {
    const file = await files.open("/data/x", "write");
    await file.write(0, utf8("one"));
    await file.sync();
    clock.after(10, () => {});
    await crypto.signatures.load(new Uint8Array(32));
    await file.write(3, utf8("two"));
    await files.rename("/data/x", "/data/y");
  };

  test("leaves what the calls before it did, and nothing of it", async () => {
    const left: string[] = [];
    for (let calls = 1; calls <= 8; calls++) {
      const world = makeWorld();
      const host = world.host("a");
      world.atCall("a", calls, () => world.crash("a"));
      let ended = false;
      void day(host).then(() => {
        ended = true;
      });
      await pass(world, 1000);
      expect(ended).toBe(calls > 7);
      world.crash("a");
      const { files } = world.host("a");
      const names = await world.complete(files.list("/data"));
      const size = names.length === 0 ? 0 : await world.complete(files.open(`/data/${names[0]}`, "read").then((file) => file.size()));
      left.push(`${names.join()} ${size}`);
    }
    expect(left).toEqual([" 0", "x 0", "x 3", "x 3", "x 3", "x 3", "x 6", "y 6"]);
  });

  test("comes to the next process where none runs", async () => {
    const world = makeWorld();
    world.host("a");
    world.crash("a");
    let ran = 0;
    world.atCall("a", 2, () => {
      ran = world.callsOf("a");
    });
    await world.complete(day(world.host("a")));
    expect(ran).toBe(2);
  });

  test("can be taken back, and does not outlive its process", async () => {
    const world = makeWorld();
    let ran = 0;
    world.host("a");
    world.atCall("a", 1, () => void ran++);
    world.atCall("a", 1, undefined);
    await world.complete(day(world.host("a")));
    expect(world.callsOf("a")).toBe(7);
    world.atCall("a", 1, () => void ran++);
    world.crash("a");
    await world.complete(world.host("a").files.list("/data"));
    expect(ran).toBe(0);
  });
});

test("a disk whose reads fail says so, as often as it was told, and reads well after that", async () => {
  const world = makeWorld();
  const { files } = world.host("a");
  const work = async (): Promise<void> => {
    const file = await files.open("/data/x", "write");
    await file.write(0, utf8("text"));
    world.disk("a").failReads = 2;
    expect(await codeOf(file.read(0, 4))).toBe("disk-failed");
    expect(await codeOf(file.read(0, 4))).toBe("disk-failed");
    expect(await file.read(0, 4)).toEqual(utf8("text"));
  };
  await world.complete(work());
});

import { describe, expect, test } from "vitest";
import type { Connection } from "../net.ts";
import { createNodeHash } from "../node/hash.ts";
import { createWorld, type World } from "./world.ts";

const MINUTE = 60_000;
const MAX_AGE_MS = 47 * MINUTE;

interface End {
  readonly connection: Connection;
  messages: number;
  readonly closedAtMs: number[];
}

const pass = (world: World, ms: number): Promise<unknown> => world.run({ untilMs: world.nowMs + ms });

/** A connection from host "a" to host "b", which both use every minute. */
async function busyLine(middlebox: { readonly maxAgeMs?: number; readonly resets?: boolean }): Promise<{ world: World; a: End; b: End }> {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  Object.assign(world.network.link("a", "b").middlebox, middlebox);
  const hear = (connection: Connection): End => {
    const end: End = { connection, messages: 0, closedAtMs: [] };
    connection.start({
      message: () => {
        end.messages++;
      },
      drained: () => {},
      closed: () => void end.closedAtMs.push(world.nowMs),
    });
    return end;
  };
  let b: End | undefined;
  const onConnection = (connection: Connection): void => {
    b = hear(connection);
  };
  const { address } = await world.complete(world.host("b").net.listen("ws://b:0", { maxMessageBytes: 100, onConnection }));
  const a = hear(await world.complete(world.host("a").net.dial(address, { timeoutMs: 1000, maxMessageBytes: 100 })));
  await world.run({ until: () => b !== undefined });
  return { world, a, b: b as End };
}

async function talk(world: World, ends: readonly End[], minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    for (const { connection } of ends) connection.send(Uint8Array.of(1));
    await pass(world, MINUTE);
  }
}

describe("a middlebox with a maximum age", () => {
  test("lets a busy connection die without a word", async () => {
    const { world, a, b } = await busyLine({ maxAgeMs: MAX_AGE_MS });
    await talk(world, [a, b], 60);
    expect([a.closedAtMs, b.closedAtMs]).toEqual([[], []]);
    expect([a.messages, b.messages]).toEqual([47, 47]);
  });

  test("tells both ends at that age, used or not, where it resets", async () => {
    const { world, a, b } = await busyLine({ maxAgeMs: MAX_AGE_MS, resets: true });
    await pass(world, 60 * MINUTE);
    for (const { closedAtMs } of [a, b]) {
      expect(closedAtMs).toHaveLength(1);
      expect(Math.abs((closedAtMs[0] as number) - MAX_AGE_MS)).toBeLessThan(1000);
    }
  });

  test("judges connections that are open when the limit comes, and none once it went", async () => {
    const { world, a, b } = await busyLine({});
    const { middlebox } = world.network.link("a", "b");
    await pass(world, 20 * MINUTE);
    Object.assign(middlebox, { maxAgeMs: MAX_AGE_MS, resets: true });
    world.network.touched();
    await pass(world, 20 * MINUTE);
    Object.assign(middlebox, { maxAgeMs: Number.POSITIVE_INFINITY, resets: false });
    world.network.touched();
    await talk(world, [a, b], 20);
    expect([a.closedAtMs, b.closedAtMs, a.messages]).toEqual([[], [], 20]);
    Object.assign(middlebox, { maxAgeMs: MAX_AGE_MS, resets: true });
    world.network.touched();
    await pass(world, MINUTE);
    expect([a.closedAtMs.length, b.closedAtMs.length]).toEqual([1, 1]);
  });
});

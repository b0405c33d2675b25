import { expect, test } from "vitest";
import { createNodeCrypto } from "../../packages/perdure/src/host/node/crypto.ts";
import { createWorld } from "../../packages/perdure/src/host/simulated/index.ts";
import { createEventLog, type EventLog, firstDifference } from "./event-log.ts";

const { hash } = createNodeCrypto();

/** A world of ticks; `odd` says which tick draws a number, which changes nothing but what comes later. */
async function ticks(odd: number): Promise<EventLog> {
  const world = createWorld({ seed: 1, hash });
  const log = createEventLog();
  world.watch({ event: (label, process) => log.note(world, label, process) });
  const host = world.host("anna");
  const tick = (number: number): void => {
    if (number > 40) return;
    if (number === odd) host.log.write("info", "something else");
    host.clock.after(10, () => tick(number + 1));
  };
  tick(1);
  await world.run({ untilMs: 1000 });
  return log;
}

test("two runs of the same have no difference", async () => {
  expect(firstDifference(await ticks(0), await ticks(0))).toBeUndefined();
});

test("the first difference names the event, its process, its time, and what came before", async () => {
  const found = firstDifference(await ticks(0), await ticks(20));
  expect(found?.inTheEventBefore).toBe(true);
  expect(found?.before.at(-1)).toMatchObject({ number: 19, atMs: 190, process: "anna" });
  expect(found?.first).toMatchObject({ number: 20, atMs: 200 });
  expect(found?.first?.historyHash).not.toBe(found?.second?.historyHash);
});

test("a run that ends earlier differs where it ends", async () => {
  const whole = await ticks(0);
  const short: EventLog = { ...whole, length: 30, at: (index) => (index < 30 ? whole.at(index) : undefined) };
  expect(firstDifference(whole, short)).toMatchObject({ first: { number: 31 }, second: undefined });
});

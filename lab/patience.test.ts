import { expect, test } from "vitest";
import { createNodeHash } from "../packages/perdure/src/host/node/hash.ts";
import { createWorld } from "../packages/perdure/src/host/simulated/index.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { patiently } from "./patience.ts";

const failing = (error: PerdureError, times: number) => {
  let tries = 0;
  return {
    work: async (): Promise<string> => {
      if (++tries <= times) throw error;
      return "done";
    },
    tries: () => tries,
  };
};

test("who is told to try again later does so, a while later, and not for ever", async () => {
  const world = createWorld({ seed: 1, hash: createNodeHash() });
  const busy = new PerdureError("too-busy", "not now", { retry: "after" });
  const twice = failing(busy, 2);
  expect(await patiently(world, twice.work)).toBe("done");
  expect([twice.tries(), world.nowMs]).toEqual([3, 1000]);
  const always = failing(busy, Number.POSITIVE_INFINITY);
  await expect(patiently(world, always.work)).rejects.toBe(busy);
  expect(always.tries()).toBe(20);
});

test("what may not be tried again is not", async () => {
  const wrong = failing(new PerdureError("bad-argument", "no", { retry: "never" }), 1);
  await expect(patiently(createWorld({ seed: 1, hash: createNodeHash() }), wrong.work)).rejects.toMatchObject({ code: "bad-argument" });
  expect(wrong.tries()).toBe(1);
});

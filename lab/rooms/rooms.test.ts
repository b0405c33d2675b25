import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../packages/perdure/src/host/node/crypto.ts";
import { ROOMS } from "./index.ts";
import { leastSteps, parted, type Room, visit } from "./room.ts";

const { hash } = createNodeCrypto();
const SEEDS = 12;

describe("rooms", () => {
  for (const room of ROOMS)
    it(`${room.name}: ${room.about}`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) expect(await visit(room, seed, hash), `seed ${seed}`).toBeUndefined();
    });

  it("of what breaks, the fewest steps are told", async () => {
    const numbers: Room<number> = {
      name: "numbers",
      about: "at most one is above 9",
      draw: (draws) => Array.from({ length: 40 }, () => draws.below(12)),
      run: async (steps) => {
        if (steps.filter((step) => step > 9).length > 1) parted("two are above 9");
      },
    };
    const broken = await visit(numbers, 1, hash);
    if (broken === undefined) throw new Error("seed 1 does not break");
    const least = await leastSteps(numbers, 1, hash, broken);
    expect(least.what).toContain("two are above 9");
    expect(least.steps).toHaveLength(2);
  });
});

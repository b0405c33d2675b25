import { describe, expect, it } from "vitest";
import { createNodeCrypto } from "../../packages/perdure/src/host/node/crypto.ts";
import { ROOMS } from "./index.ts";
import { leastSteps, parted, type Room, visit } from "./room.ts";
import { soundRooms, visitSoundRooms } from "./sound-rooms.ts";

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

describe("rooms with something planted", () => {
  const rates = { names: ["rates"], patienceMs: 30_000 };

  it("a room that breaks by it is named", async () => {
    const planted = {
      id: "a",
      why: "",
      file: "protocol/limits/gcra.ts",
      find: "const intervalMs = 1000 / perSecond;",
      put: "const intervalMs = 999 / perSecond;",
    };
    expect(await visitSoundRooms(planted, 2, rates)).toMatchObject({ seed: 1, by: "room rates" });
    expect(await soundRooms(2, ["rates"])).toMatchObject({ names: ["rates"] });
  });

  it("one that waits for what never comes hangs, and is not taken for sound", async () => {
    const planted = {
      id: "b",
      why: "",
      file: "protocol/evidence/verify-evidence.ts",
      find: "  const { bundles, parties } = await readBundles(crypto, items);",
      put: "  await new Promise(() => {});\n  const { bundles, parties } = await readBundles(crypto, items);",
    };
    expect(await visitSoundRooms(planted, 1, { ...rates, names: ["evidence"] })).toMatchObject({ by: "hangs" });
  });

  it("what cannot be loaded is noticed by no room", async () => {
    const planted = { id: "c", why: "", file: "protocol/limits/gcra.ts", find: "const LOOKS = 8;", put: "const LOOKS = eight;" };
    await expect(visitSoundRooms(planted, 1, rates)).rejects.toThrow("cannot be loaded");
  });
});

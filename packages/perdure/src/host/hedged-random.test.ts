import { describe, expect, it } from "vitest";
import type { Clock } from "./clock.ts";
import { createHedgedRandom } from "./hedged-random.ts";
import { createNodeHash } from "./node/hash.ts";
import { createDraws } from "./simulated/index.ts";

const hash = createNodeHash();

/** A machine as its snapshot has it: the same numbers each time it is started. */
function restored(wallMs: number, monotonicMs = 5): ReturnType<typeof createHedgedRandom> {
  const clock = { wallMs: () => wallMs, monotonicMs: () => monotonicMs } as Clock;
  return createHedgedRandom({ random: { bytes: createDraws("snapshot").bytes }, clock, hash });
}

describe("hedged random bytes", () => {
  it("differ between two starts of one snapshot, where the machine's own are the same", () => {
    expect(createDraws("snapshot").bytes(16)).toEqual(createDraws("snapshot").bytes(16));
    expect(restored(1000).bytes(16)).not.toEqual(restored(1001).bytes(16));
    expect(restored(1000, 5).bytes(16)).not.toEqual(restored(1000, 6).bytes(16));
  });

  it("differ from draw to draw although the machine gives the same again", () => {
    const clock = { wallMs: () => 1, monotonicMs: () => 1 } as Clock;
    const stuck = createHedgedRandom({ random: { bytes: (count) => new Uint8Array(count) }, clock, hash });
    expect(stuck.bytes(16)).not.toEqual(stuck.bytes(16));
  });

  it("differ between two machines at one time", () => {
    const clock = { wallMs: () => 1, monotonicMs: () => 1 } as Clock;
    const [one, other] = ["one", "other"].map((label) => createHedgedRandom({ random: createDraws(label), clock, hash }).bytes(32));
    expect(one).not.toEqual(other);
  });

  it.each([0, 1, 31, 32, 33, 8160, 8161, 70_000])("come %i at a time", (count) => {
    expect(restored(1).bytes(count)).toHaveLength(count);
  });
});

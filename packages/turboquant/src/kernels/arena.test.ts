import { expect, it } from "vitest";
import { Arena } from "./arena.ts";
import { createKernels } from "./load.ts";

it("what is done as a whole and throws leaves no memory taken, and zeros", () => {
  const arena = new Arena(createKernels().memory);
  arena.allocate(100);
  const before = arena.usedBytes;
  const refused = (): unknown =>
    arena.whole(() => {
      for (const sizeBytes of [1000, 100_000]) {
        const at = arena.allocate(sizeBytes);
        arena.views.u8.fill(7, at, at + sizeBytes);
      }
      throw new Error("refused");
    });
  expect(refused).toThrow("refused");
  expect(arena.usedBytes).toBe(before);
  const at = arena.whole(() => arena.allocate(110_000));
  expect(at).toBe(before);
  expect(arena.views.u8.subarray(at, arena.usedBytes).some((byte) => byte !== 0)).toBe(false);
});

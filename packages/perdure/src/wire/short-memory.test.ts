import { expect, test } from "vitest";
import { shortMemory } from "./short-memory.ts";

test("short messages lie side by side, and nobody's bytes are another's", () => {
  const sizes = [65, 100, 2048, 64, 1000, 2049];
  const memories = Array.from({ length: 50 }, () => sizes.map((size) => shortMemory(size))).flat();
  for (const [index, memory] of memories.entries()) {
    expect(memory.length).toBe(sizes[index % sizes.length]);
    expect(memory.every((byte) => byte === 0)).toBe(true);
    memory.fill((index % 255) + 1);
  }
  for (const [index, memory] of memories.entries()) expect(memory.every((byte) => byte === (index % 255) + 1)).toBe(true);
  const [one, other] = [memories[0] as Uint8Array, memories[1] as Uint8Array];
  expect(one.buffer).toBe(other.buffer);
});

test("what keeps a short message keeps little more, and a long one has memory of its own", () => {
  expect(shortMemory(2049).buffer.byteLength).toBe(2049);
  expect(shortMemory(2048).buffer.byteLength).toBe(16 * 1024);
});

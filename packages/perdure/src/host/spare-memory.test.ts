import fc from "fast-check";
import { expect, it } from "vitest";
import { SpareMemory, type SparePiece } from "./spare-memory.ts";

const KIB = 1024;
const LONGEST = 512 * KIB;

const take = (memory: SpareMemory, bytes = LONGEST): SparePiece => {
  const piece = memory.take(bytes);
  return piece ?? expect.fail("no piece");
};

it("what is given back is used again, for whatever fits into it", () => {
  const memory = new SpareMemory();
  const [one, other] = [take(memory), take(memory, 64 * KIB)];
  expect([one.length, other.length, one === other]).toEqual([LONGEST, LONGEST, false]);
  memory.giveBack(other);
  memory.giveBack(one);
  expect([take(memory, 64 * KIB), take(memory)]).toEqual([one, other]);
});

it("there is none for little, nor for more than a piece has", () => {
  const memory = new SpareMemory();
  expect([memory.take(64 * KIB - 1), memory.take(LONGEST + 1)]).toEqual([undefined, undefined]);
});

it("nobody has a piece that another has, also when it was given back twice or everything was let go of", () => {
  const steps = fc.array(fc.oneof({ weight: 8, arbitrary: fc.constantFrom("take", "give-back", "give-back-twice") }, fc.constant("clear")));
  fc.assert(
    fc.property(steps, (all) => {
      const memory = new SpareMemory();
      const taken: SparePiece[] = [];
      for (const step of all) {
        if (step === "clear") memory.clear();
        else if (step === "take") taken.push(take(memory));
        else {
          const piece = taken.shift();
          if (piece === undefined) continue;
          memory.giveBack(piece);
          if (step === "give-back-twice") memory.giveBack(piece);
        }
        expect(new Set(taken).size).toBe(taken.length);
        expect(taken.every(({ length }) => length === LONGEST)).toBe(true);
      }
    }),
  );
});

it("eight pieces wait at most", () => {
  const memory = new SpareMemory();
  const taken = Array.from({ length: 20 }, () => take(memory));
  for (const piece of taken) memory.giveBack(piece);
  const again = Array.from({ length: 20 }, () => take(memory));
  expect(again.filter((piece) => taken.includes(piece)).length).toBe(8);
});

it("what waits goes back to the system at once, and what somebody has stays as it is", () => {
  const memory = new SpareMemory();
  const [waiting, inUse] = [take(memory), take(memory).fill(7)];
  memory.giveBack(waiting);
  memory.clear();
  expect([waiting.length, waiting.buffer.byteLength]).toEqual([0, 0]);
  expect(inUse).toEqual(new Uint8Array(LONGEST).fill(7));
  memory.giveBack(inUse);
  expect(take(memory)).toBe(inUse);
});

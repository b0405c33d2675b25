import { expect, test } from "vitest";
import { type Bytes, hex } from "../wire/bytes.ts";
import { createUndecided } from "./undecided.ts";

const id = (number: number): Bytes => new Uint8Array(32).fill(number & 255, 0, 16).fill(number >> 8, 16);
const bundle = (number: number): Bytes => new Uint8Array(64).fill(number);

function stand() {
  const pinned = new Map<string, Bytes>();
  const undecided = createUndecided({ bundle: (idRaw) => pinned.get(hex(idRaw)) });
  return { undecided, pin: (idRaw: Bytes, state: Bytes) => void pinned.set(hex(idRaw), state) };
}

test("mail of who was not known is delivered again once somebody says who that is", () => {
  const { undecided, pin } = stand();
  undecided.hold(id(1), undefined);
  expect(undecided.release(id(1))).toBe(false);
  pin(id(1), bundle(1));
  expect([undecided.release(id(2)), undecided.release(id(1)), undecided.release(id(1))]).toEqual([false, true, false]);
});

test("what is pinned again as it was brings no mail again, however often", () => {
  const { undecided, pin } = stand();
  for (let round = 0; round < 3; round++) {
    pin(id(1), bundle(1));
    undecided.hold(id(1), bundle(1));
    expect(undecided.release(id(1))).toBe(false);
  }
  pin(id(1), bundle(2));
  expect(undecided.release(id(1))).toBe(true);
});

test("what was judged by less counts, also when more was judged by all that is known", () => {
  const { undecided, pin } = stand();
  undecided.hold(id(1), undefined);
  pin(id(1), bundle(1));
  undecided.hold(id(1), bundle(1));
  expect(undecided.release(id(1))).toBe(true);
});

test("whoever makes up senders makes this agent remember no more than so many", () => {
  const { undecided, pin } = stand();
  for (let number = 0; number < 3000; number++) {
    undecided.hold(id(number), undefined);
    pin(id(number), bundle(1));
  }
  const released = Array.from({ length: 3000 }, (_, number) => undecided.release(id(number)));
  expect([released.filter(Boolean).length, released.at(-1)]).toEqual([1024, true]);
});

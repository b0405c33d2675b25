/** Memory that ends where a test says. */
import { vi } from "vitest";
import { TurboQuantError } from "../error.ts";
import { Arena } from "../kernels/arena.ts";
import type { Memory } from "../kernels/kernels.ts";
import { createKernels } from "../kernels/load.ts";

/** Does something as if no memory could be larger than `mostBytes`. */
export function withMemoryUpTo<Result>(mostBytes: number, act: () => Result): Result {
  const memories = Object.getPrototypeOf(createKernels("simd").memory) as Memory;
  const { grow } = memories;
  const spy = vi.spyOn(memories, "grow").mockImplementation(function (this: Memory, pages: number) {
    if (this.buffer.byteLength + pages * 65_536 > mostBytes) throw new RangeError("Unable to grow instance memory");
    return grow.call(this, pages);
  });
  try {
    return act();
  } finally {
    spy.mockRestore();
  }
}

/** Says yes or no to each request of any index for memory, from when this is made until mocks are restored. */
export class WatchedMemory {
  /** Sizes that there was room for since this was last emptied. */
  readonly taken: number[] = [];
  #last: Arena | undefined;
  #isRefused: (sizeBytes: number) => boolean = () => false;
  #refusals = 0;

  constructor() {
    const watch = (arena: Arena, sizeBytes: number): void => this.#watch(arena, sizeBytes);
    const { allocate } = Arena.prototype;
    vi.spyOn(Arena.prototype, "allocate").mockImplementation(function (this: Arena, sizeBytes: number) {
      watch(this, sizeBytes);
      return allocate.call(this, sizeBytes);
    });
  }

  /** By the index that asked for memory last. */
  get usedBytes(): number {
    return this.#last?.usedBytes ?? 0;
  }

  get refusals(): number {
    return this.#refusals;
  }

  refuse(isRefused: (sizeBytes: number) => boolean): void {
    this.#isRefused = isRefused;
  }

  /** There is room for so many requests, and none for the next or what is as large: what is refused takes nothing away from what is smaller. */
  endAfter(requests: number): void {
    let [left, least] = [requests, Number.POSITIVE_INFINITY];
    this.refuse((sizeBytes) => {
      if (left-- === 0) least = sizeBytes;
      return sizeBytes >= least;
    });
  }

  lift(): void {
    this.refuse(() => false);
  }

  #watch(arena: Arena, sizeBytes: number): void {
    this.#last = arena;
    if (this.#isRefused(sizeBytes)) {
      this.#refusals++;
      throw new TurboQuantError("full", `no memory for ${sizeBytes} bytes`, "Use less.");
    }
    this.taken.push(sizeBytes);
  }
}

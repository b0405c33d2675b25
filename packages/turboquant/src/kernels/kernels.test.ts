import { describe, expect, it } from "vitest";
import { isTurboQuantError } from "../error.ts";
import { createNormals } from "../test-vectors.ts";
import type { Kernels } from "./kernels.ts";
import { createKernels, type KernelChoice } from "./load.ts";

const ROOM = 16_384;
const ROWS = 64;

/** The same bytes in the memory of each kind, what a step gives, and what it leaves behind. */
function sameOnAll(fill: (memory: ArrayBuffer) => void, step: (kernels: Kernels) => unknown): unknown {
  const found = (["plain", "simd", "relaxed"] as const).map((kind) => {
    const kernels = createKernels(kind);
    kernels.memory.grow(2);
    fill(kernels.memory.buffer);
    return { gives: step(kernels), leaves: Buffer.from(kernels.memory.buffer).toString("base64") };
  });
  const [plain, ...others] = found;
  for (const other of others) expect(other).toEqual(plain);
  return plain?.gives;
}

function fillWithNormals(seed: number, count: number) {
  return (memory: ArrayBuffer): void => {
    const normal = createNormals(seed);
    new Float32Array(memory, 0, count).set(Float32Array.from({ length: count }, normal));
  };
}

function fillWithBytes(seed: number) {
  return (memory: ArrayBuffer): void => {
    let state = seed;
    const bytes = new Uint8Array(memory);
    for (let at = 0; at < bytes.length; at++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
      bytes[at] = state >>> 24;
    }
  };
}

describe("kernels of every kind leave the same bytes behind", () => {
  it.each([32, 48, 80, 96, 384, 512, 1536])("that turn %i coordinates", (size) => {
    const signs = (memory: ArrayBuffer): void => {
      fillWithBytes(size)(memory);
      fillWithNormals(size, size)(memory);
      // Only the uppermost bit of a sign says anything.
      const flips = new Uint32Array(memory, ROOM, size);
      for (let at = 0; at < size; at++) flips[at] = ((flips[at] as number) & 0x8000_0000) >>> 0;
    };
    sameOnAll(signs, (kernels) => {
      const base = size % 12 === 0 ? 12 : size % 20 === 0 ? 20 : 1;
      kernels.signedSylvester(0, size, size / base, ROOM);
      if (base === 12) kernels.across12(0, (4 * size) / base);
      if (base === 20) kernels.across20(0, (4 * size) / base);
      kernels.scale(0, size, Math.fround(1 / Math.sqrt(size)));
      kernels.multiply(0, size, 1 / 3);
      return kernels.sumOfSquares(0, size);
    });
  });

  it.each([8, 48, 192, 200, 1024])("that count differences in rows of %i bytes", (stride) => {
    const found = sameOnAll(fillWithBytes(stride), (kernels) => {
      kernels.hamming(0, stride, stride, ROWS, 2 * ROOM, 8 * ROOM);
      kernels.hamming(0, stride, 8, ROWS, 2 * ROOM, 8 * ROOM + 4096);
      return [...new Uint16Array(kernels.memory.buffer, 8 * ROOM, ROWS)];
    });
    expect(new Set(found as readonly number[]).size).toBeGreaterThan(1);
  });

  it.each([8, 24, 32, 48, 96])("that sum up what the signs of rows of %i bytes choose", (columns) => {
    const fill = (memory: ArrayBuffer): void => {
      fillWithBytes(columns)(memory);
      const table = new Uint8Array(memory, 2 * ROOM, 32 * columns);
      for (let at = 0; at < table.length; at++) table[at] = (table[at] as number) & 31;
    };
    const found = sameOnAll(fill, (kernels) => {
      kernels.look(0, columns, ROWS / 32, 2 * ROOM, 8 * ROOM);
      return [...new Uint16Array(kernels.memory.buffer, 8 * ROOM, ROWS)];
    }) as readonly number[];
    expect(new Set(found).size).toBeGreaterThan(ROWS / 8);
  });

  it("that sum up the most there can be", () => {
    const columns = 96;
    const found = sameOnAll(
      (memory) => new Uint8Array(memory, ROOM, 32 * columns).fill(31),
      (kernels) => {
        kernels.look(0, columns, 2, ROOM, 2 * ROOM);
        return [...new Uint16Array(kernels.memory.buffer, 2 * ROOM, ROWS)];
      },
    );
    expect(found).toEqual(Array.from({ length: ROWS }, () => 2 * 31 * columns));
  });

  it("that gather the signs of rows that stand in lots", () => {
    const columns = 24;
    const rowOf = (memory: ArrayBuffer, row: number): readonly number[] =>
      Array.from({ length: columns }, (_, column) => new Uint8Array(memory)[(row & 32) * columns + (row & 31) + 32 * column] as number);
    sameOnAll(fillWithBytes(3), (kernels) => {
      const rows = [0, 31, 32, 63, 5];
      const list = new Uint32Array(kernels.memory.buffer, 7 * ROOM, 10);
      for (const [nth, row] of rows.entries()) list[2 * nth] = (row & 32) * columns + (row & 31);
      kernels.gather(7 * ROOM, rows.length, columns, 8 * ROOM);
      for (const [nth, row] of rows.entries()) {
        expect(list[2 * nth]).toBe(8 * ROOM + nth * columns);
        expect([...new Uint8Array(kernels.memory.buffer, 8 * ROOM + nth * columns, columns)]).toEqual(rowOf(kernels.memory.buffer, row));
      }
      return undefined;
    });
  });

  it("that sum up what a row has wholly unlike the query", () => {
    const stride = 1024;
    const found = sameOnAll(
      (memory) => new Uint8Array(memory, 0, stride).fill(255),
      (kernels) => {
        kernels.hamming(0, stride, stride, 1, ROOM, 2 * ROOM);
        return new Uint16Array(kernels.memory.buffer, 2 * ROOM, 1)[0];
      },
    );
    expect(found).toBe(8 * stride);
  });

  it.each([0, 1, 2, 3])("that multiply bytes with %i planes besides the signs", (planes) => {
    sameOnAll(withList(planes), (kernels) => {
      const { u8, i8 } = { u8: new Uint8Array(kernels.memory.buffer), i8: new Int8Array(kernels.memory.buffer) };
      for (let at = 0; at < 16; at++) u8[ROOM + at] = (u8[ROOM + at] as number) & 127;
      for (let at = 2 * ROOM; at < 2 * ROOM + 1536; at++) i8[at] = Math.max(-127, i8[at] as number);
      kernels.dotsOfBytes(7 * ROOM, 5, 2 * ROOM, 1, 95, planes, 192, ROOM, 8 * ROOM);
      return [...new Int32Array(kernels.memory.buffer, 8 * ROOM, 5)];
    });
  });

  it.each([0, 1, 3, 4, 7])("that multiply words with %i planes besides the signs", (planes) => {
    sameOnAll(withList(planes), (kernels) => {
      // The room of sixteen bytes is theirs: what it is left with says nothing.
      kernels.dotsOfWords(7 * ROOM, 5, 2 * ROOM, 0, 24, planes, 192, ROOM, 9 * ROOM, 8 * ROOM);
      new Uint8Array(kernels.memory.buffer, 9 * ROOM, 16).fill(0);
      return [...new Int32Array(kernels.memory.buffer, 8 * ROOM, 5)];
    });
  });

  it("that weigh, count and collect keys", () => {
    const fill = (memory: ArrayBuffer): void => {
      fillWithBytes(5)(memory);
      const keys = new Uint16Array(memory, 0, 800);
      for (let at = 0; at < 800; at++) keys[at] = (keys[at] as number) & 1023;
      fillWithNormals(6, 800)(memory.slice(0));
      new Float32Array(memory, ROOM, 800).set(Float32Array.from({ length: 800 }, createNormals(6)));
      new Uint32Array(memory, 4 * ROOM, 4096).fill(0);
    };
    const found = sameOnAll(fill, (kernels) => {
      kernels.weigh(0, ROOM, 800, Math.fround(1.03), Math.fround(0.0021), Math.fround(2000.3), Math.fround(411.7), 4000);
      new Uint16Array(kernels.memory.buffer, 0, 800)[17] = 65_535;
      kernels.histogram(0, 800, 4 * ROOM, 4000);
      const count = kernels.collect(0, 800, 1500, 2100, 6 * ROOM);
      return {
        count,
        places: [...new Uint32Array(kernels.memory.buffer, 6 * ROOM, count)],
        counts: [...new Uint32Array(kernels.memory.buffer, 4 * ROOM, 4001)],
      };
    }) as { readonly count: number; readonly counts: readonly number[] };
    expect(found.count).toBe(found.counts.slice(1500, 2101).reduce((sum, each) => sum + each, 0));
    expect(found.counts.reduce((sum, each) => sum + each, 0)).toBe(799);
  });

  function withList(planes: number) {
    return (memory: ArrayBuffer): void => {
      fillWithBytes(planes + 77)(memory);
      const list = Array.from({ length: 5 }, (_, nth) => [3 * ROOM + nth * 192, 4 * ROOM + nth * 192 * planes]).flat();
      new Uint32Array(memory, 7 * ROOM, 10).set(list);
      new Int32Array(memory, 8 * ROOM, 5).fill(0);
    };
  }
});

describe("kernels", () => {
  it("are the best there are unless said, and refused where nobody knows them", () => {
    expect(createKernels().kind).toBe("relaxed");
    expect(() => createKernels("fast" as KernelChoice)).toThrow(
      expect.toSatisfy((error) => isTurboQuantError(error) && error.code === "bad-argument"),
    );
  });
});

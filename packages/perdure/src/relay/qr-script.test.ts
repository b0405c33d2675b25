import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { QR_SCRIPT } from "./qr-script.ts";

type Modules = readonly (readonly boolean[])[];

const qrModules = runInNewContext(`${QR_SCRIPT.replace("export ", "")}\nqrModules`) as (bytes: Uint8Array) => Modules | undefined;

/** Reads a code back as a camera would once it has the modules, error correction left out: nothing here is damaged. */
function read(modules: Modules): Uint8Array {
  const size = modules.length;
  const version = (size - 17) / 4;
  const dark = (x: number, y: number): number => (modules[y]?.[x] === true ? 1 : 0);
  let format = 0;
  for (let at = 14; at >= 8; at--) format = (format << 1) | dark(8, size - 15 + at);
  for (let at = 7; at >= 0; at--) format = (format << 1) | dark(size - 1 - at, 8);
  format ^= 0x5412;
  const mask = (format >> 10) & 7;
  expect(format >> 13).toBe(1);
  const flips = [
    (x: number, y: number) => (x + y) % 2,
    (_x: number, y: number) => y % 2,
    (x: number) => x % 3,
    (x: number, y: number) => (x + y) % 3,
    (x: number, y: number) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
    (x: number, y: number) => ((x * y) % 2) + ((x * y) % 3),
    (x: number, y: number) => (((x * y) % 2) + ((x * y) % 3)) % 2,
    (x: number, y: number) => (((x + y) % 2) + ((x * y) % 3)) % 2,
  ];
  const centres: number[] = [];
  if (version > 1) {
    const count = Math.floor(version / 7) + 2;
    const step = Math.ceil((size - 13) / (count * 2 - 2)) * 2;
    centres.push(6);
    for (let at = count - 2; at >= 0; at--) centres.push(size - 7 - at * step);
  }
  const reserved = (x: number, y: number): boolean => {
    if (x === 6 || y === 6) return true;
    if ((x < 9 && y < 9) || (x > size - 9 && y < 9) || (x < 9 && y > size - 9)) return true;
    if (version >= 7 && ((x < 6 && y > size - 12) || (y < 6 && x > size - 12))) return true;
    const last = size - 7;
    return centres.some((cx) =>
      centres.some(
        (cy) =>
          !((cx === 6 && cy === 6) || (cx === 6 && cy === last) || (cx === last && cy === 6)) &&
          Math.abs(x - cx) <= 2 &&
          Math.abs(y - cy) <= 2,
      ),
    );
  };
  const bits: number[] = [];
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < size; step++) {
      const y = ((right + 1) & 2) === 0 ? size - 1 - step : step;
      for (const x of [right, right - 1]) if (!reserved(x, y)) bits.push(dark(x, y) ^ (flips[mask]?.(x, y) === 0 ? 1 : 0));
    }
  }
  const words = Array.from({ length: Math.floor(bits.length / 8) }, (_, at) =>
    bits.slice(at * 8, at * 8 + 8).reduce((all, bit) => all * 2 + bit, 0),
  );
  const [check, blocks] = LEVEL_L[version - 1] ?? [0, 1];
  const short = Math.floor(words.length / blocks) - check;
  const longFrom = blocks - (words.length % blocks);
  const parts: number[][] = Array.from({ length: blocks }, () => []);
  let at = 0;
  for (let row = 0; row <= short; row++)
    for (let block = 0; block < blocks; block++) if (row < short || block >= longFrom) parts[block]?.push(words[at++] ?? 0);
  const data = parts.flat();
  const text = data.map((word) => word.toString(2).padStart(8, "0")).join("");
  expect(text.slice(0, 4)).toBe("0100");
  const lengthBits = version < 10 ? 8 : 16;
  const length = Number.parseInt(text.slice(4, 4 + lengthBits), 2);
  return Uint8Array.from({ length }, (_, byte) => Number.parseInt(text.slice(4 + lengthBits + byte * 8, 12 + lengthBits + byte * 8), 2));
}

/** Error correction words per block and blocks of level L, by version (ISO/IEC 18004, table 9). */
const LEVEL_L: readonly (readonly [number, number])[] = [
  [7, 1],
  [10, 1],
  [15, 1],
  [20, 1],
  [26, 1],
  [18, 2],
  [20, 2],
  [24, 2],
  [30, 2],
  [18, 4],
  [20, 4],
  [24, 4],
  [26, 4],
  [30, 4],
  [22, 6],
  [24, 6],
  [28, 6],
  [30, 6],
  [28, 7],
  [28, 8],
  [28, 8],
  [28, 9],
  [30, 9],
  [30, 10],
  [26, 12],
];

describe("the QR codes of the invite page", () => {
  it("read back as what went in, at every size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 1273 }), (bytes) => {
        const modules = qrModules(bytes);
        expect(modules).toBeDefined();
        expect(read(modules ?? [])).toEqual(bytes);
      }),
      { numRuns: 60 },
    );
  });

  it.each([17, 32, 53, 78, 106, 134, 154, 192, 230, 271, 321, 367, 425, 458, 520, 586, 644, 718, 792, 858, 929, 1003, 1091, 1171, 1273])(
    "fill a version to its last byte with %i",
    (length) => {
      const full = qrModules(new Uint8Array(length).fill(65));
      const over = qrModules(new Uint8Array(length + 1).fill(65));
      expect(full).toBeDefined();
      expect(over?.length ?? Number.POSITIVE_INFINITY).toBeGreaterThan(full?.length ?? 0);
      expect(read(full ?? [])).toEqual(new Uint8Array(length).fill(65));
    },
  );

  it("are nothing when there is too much to show", () => expect(qrModules(new Uint8Array(1274))).toBeUndefined());

  it("carry the error correction of a published example", () => {
    // 10 check words for 16 data words are not level L; the generator of 7 is in ISO/IEC 18004, annex A: x^7 + 127x^6 + 122x^5 + …
    const checkWords = runInNewContext(`${QR_SCRIPT.replace("export ", "")}\ncheckWords`) as (
      data: readonly number[],
      count: number,
    ) => number[];
    expect([...checkWords([1], 7)]).toEqual([127, 122, 154, 164, 11, 68, 117]);
    expect([...checkWords([32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17], 10)]).toEqual([
      196, 35, 39, 119, 235, 215, 231, 226, 93, 23,
    ]);
  });
});

/** Indexes for tests: what the planes say means nothing here. */
import fc from "fast-check";
import { createNormals } from "../test-vectors.ts";
import { type IndexHeader, planeCoordinates, rowBytes, type SegmentColumns, type VectorId } from "./segment.ts";

export function testHeader(header: Partial<IndexHeader> = {}): IndexHeader {
  return { dim: 64, bits: 4, from: 4, seed: 7n, scale: "unbiased", metric: "cosine", originals: false, ...header };
}

/** Columns full of bits, the same for the same `seed`. */
export function testColumns(header: IndexHeader, ids: readonly VectorId[], { bits = header.bits, seed = 1 } = {}): SegmentColumns {
  const normal = createNormals(seed);
  const count = ids.length;
  return {
    ...{ count, bits, from: header.from, ids },
    scales: Float32Array.from({ length: count }, normal),
    planes: planeCoordinates(header.dim, bits).map((coordinates) => testPlane(count, coordinates, seed)),
    ...(header.originals ? { originals: Float32Array.from({ length: count * header.dim }, normal) } : {}),
  };
}

function testPlane(count: number, coordinates: number, seed: number): Uint8Array {
  const width = rowBytes(coordinates);
  const plane = new Uint8Array(count * width);
  for (let at = 0; at < plane.length; at++) plane[at] = Math.imul(at + seed * 7919, 0x9e37_79b1) >>> 24;
  if (coordinates % 8 !== 0)
    for (let row = 1; row <= count; row++) plane[row * width - 1] = (plane[row * width - 1] as number) & ((1 << (coordinates % 8)) - 1);
  return plane;
}

export function testIds(count: number, first = 0): readonly number[] {
  return Array.from({ length: count }, (_, nth) => first + nth);
}

const widths = fc.oneof(
  fc.integer({ min: 1, max: 8 }),
  fc.integer({ min: 4, max: 31 }).map((quarters) => quarters / 4),
);

export const anyHeader: fc.Arbitrary<IndexHeader> = fc
  .record({
    dim: fc.integer({ min: 2, max: 80 }),
    widths: fc.tuple(widths, widths),
    seed: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    scale: fc.constantFrom("raw", "norm", "unbiased", "mse"),
    metric: fc.constantFrom("cosine", "dot"),
    centered: fc.boolean(),
    originals: fc.boolean(),
  })
  .map(({ dim, widths: [one, other], centered, ...rest }) => ({
    ...rest,
    ...{ dim, bits: Math.min(one, other), from: Math.max(one, other) },
    ...(centered ? { center: Float32Array.from({ length: dim }, createNormals(dim)) } : {}),
  }));

export const anyId: fc.Arbitrary<VectorId> = fc.oneof(
  fc.nat(300),
  fc.maxSafeNat(),
  fc.string({ unit: "grapheme", maxLength: 12 }),
  fc.constantFrom("", "\uFEFFid", "\0", "é".repeat(512)),
);

/** What ids a segment has: alike, rising, or of all sorts. */
export const anyIds: fc.Arbitrary<readonly VectorId[]> = fc.oneof(
  fc.uniqueArray(anyId, { minLength: 1, maxLength: 40 }),
  fc.uniqueArray(fc.nat(10_000), { minLength: 1, maxLength: 40 }),
  fc.uniqueArray(fc.maxSafeNat(), { minLength: 1, maxLength: 40 }).map((ids) => ids.toSorted((one, other) => one - other)),
  fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(2 ** 40)).map(([count, first]) => testIds(count, first)),
);

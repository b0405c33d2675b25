import { expect, test } from "vitest";
import { isTurboQuantError } from "../src/error.ts";

/** What a program without types may hand over by mistake. */
export const GARBAGE = {
  undefined: undefined,
  null: null,
  NaN: Number.NaN,
  "-1": -1,
  "1.5": 1.5,
  Infinity: Number.POSITIVE_INFINITY,
  '"8"': "8",
  '""': "",
  true: true,
  "5n": 5n,
  symbol: Symbol("s"),
  function: () => true,
  "{}": {},
  "[]": [],
  '[1, "2"]': [1, "2"],
  "8 texts": [..."12345678"],
  "text of 8": "12345678",
  nested: Array.from({ length: 8 }, () => [1]),
  sparse: Object.assign(new Array<number>(8), { 0: 1 }),
  "8 nulls": new Array<null>(8).fill(null),
  "{ length: 8 }": { length: 8 },
  Map: new Map([["dim", 8]]),
  Set: new Set([1]),
  promise: Promise.resolve(1),
  bare: Object.create(null) as object,
  DataView: new DataView(new ArrayBuffer(8)),
  ArrayBuffer: new ArrayBuffer(8),
  BigInt64Array: new BigInt64Array(8),
  Int8Array: new Int8Array(8),
  "vector of NaN": new Float32Array(8).fill(Number.NaN),
  vector: Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8),
} as const;

export type GarbageName = keyof typeof GARBAGE;

/** Any argument: what is called has types, and whoever calls it here has none. */
type Call = (garbage: never) => unknown;

/** What was let through; everything else was refused as it should be. */
async function letThrough(call: Call): Promise<readonly GarbageName[]> {
  const passed: GarbageName[] = [];
  for (const [name, garbage] of Object.entries(GARBAGE) as [GarbageName, never][]) {
    try {
      await call(garbage);
      passed.push(name);
    } catch (error) {
      if (!isTurboQuantError(error)) throw new Error(`${name} ended in ${String(error)}`, { cause: error });
      expect(["bad-argument", "bad-vector", "bad-code"]).toContain(error.code);
      expect(error.hint).toMatch(/^[A-Z].*\.$/);
      expect(error.message + error.hint).not.toMatch(/\[object|undefined coordinates|Symbol\(/);
    }
  }
  return passed;
}

/** `passing`: everything else is to be refused with an error of ours that has a hint. */
export function sweep(calls: readonly (readonly [name: string, passing: readonly GarbageName[], call: Call])[]): void {
  test.each(calls)("%s: passes %j", async (_, passing, call) => {
    expect(await letThrough(call)).toEqual(passing);
  });
}

/** The options of `make`, one after the other, beside those that it needs. */
export function options(
  of: string,
  base: object,
  make: (options: never) => unknown,
  passing: Readonly<Record<string, readonly GarbageName[]>>,
): void {
  sweep(
    Object.entries(passing).map(([name, pass]) => [`${of}({ ${name} })`, pass, (garbage) => make({ ...base, [name]: garbage } as never)]),
  );
}

/** Of an index in memory, whether or not a file is behind it: what may stand in place of each of its options. */
export const INDEX_OPTIONS: Readonly<Record<string, readonly GarbageName[]>> = {
  dim: [],
  bits: ["undefined", "1.5"],
  seed: ["undefined", "5n"],
  metric: ["undefined"],
  center: ["undefined", "Int8Array", "vector"],
  originals: ["undefined", "true"],
  flatUpTo: ["undefined", "Infinity"],
  kernels: ["undefined"],
};

/** A set of vectors as files in the run's folder, which every process reads by rows: a set need not fit into the memory of each. */
import { closeSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { VectorSet } from "./data.ts";
import { createTruth, type Nearest } from "./truth.ts";

export interface Settled {
  readonly name: string;
  readonly dim: number;
  readonly count: number;
  readonly queries: number;
  readonly folder: string;
}

/** What the queries find, exactly. */
export interface SettledTruth {
  readonly settled: Settled;
  readonly nearest: readonly Nearest[];
}

const ROWS_AT_ONCE = 500;
const BYTES = Float32Array.BYTES_PER_ELEMENT;
/** More than are asked for: those as near as the last of them count too. */
const KEPT = 32;

/** Writes base and queries, and finds what is nearest on the way. */
export function settle(set: VectorSet, folder: string): SettledTruth {
  const { name, dim, count, queries } = set;
  const settled: Settled = { name, dim, count, queries, folder };
  const asked = new Float32Array(queries * dim);
  for (let nth = 0; nth < queries; nth++) set.query(nth, asked.subarray(nth * dim, (nth + 1) * dim));
  writeRows(join(folder, "queries.f32"), (write) => write(asked));
  const truth = createTruth(asked, dim, KEPT);
  writeRows(join(folder, "base.f32"), (write) => {
    for (let first = 0; first < count; first += ROWS_AT_ONCE) {
      const rows = new Float32Array(Math.min(ROWS_AT_ONCE, count - first) * dim);
      for (let at = 0; at < rows.length; at += dim) {
        const vector = rows.subarray(at, at + dim);
        set.base(first + at / dim, vector);
        truth.see(first + at / dim, vector);
      }
      write(rows);
    }
  });
  return { settled, nearest: Array.from({ length: queries }, (_, nth) => truth.nearest(nth)) };
}

export function readQueries({ folder, dim, queries }: Settled): readonly Float32Array[] {
  const bytes = readFileSync(join(folder, "queries.f32"));
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from({ length: queries }, (_, nth) => all.slice(nth * dim, (nth + 1) * dim));
}

/** In order; the array is filled anew for the next ones. */
export function* baseRows({ folder, dim, count }: Settled): Generator<{ readonly first: number; readonly rows: Float32Array }> {
  const file = openSync(join(folder, "base.f32"), "r");
  try {
    const room = new Float32Array(ROWS_AT_ONCE * dim);
    for (let first = 0; first < count; first += ROWS_AT_ONCE) {
      const rows = room.subarray(0, Math.min(ROWS_AT_ONCE, count - first) * dim);
      readWhole(file, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength), first * dim * BYTES);
      yield { first, rows };
    }
  } finally {
    closeSync(file);
  }
}

function readWhole(file: number, into: Uint8Array, position: number): void {
  for (let at = 0; at < into.length; ) {
    const read = readSync(file, into, at, into.length - at, position + at);
    if (read === 0) throw new Error("the file of vectors is shorter than it was written");
    at += read;
  }
}

function writeRows(path: string, fill: (write: (rows: Float32Array) => void) => void): void {
  const file = openSync(path, "w");
  try {
    fill((rows) => {
      const bytes = new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength);
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    });
  } finally {
    closeSync(file);
  }
}

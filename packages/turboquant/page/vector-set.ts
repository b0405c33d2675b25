/** The vectors a page works on: as they are compared, and as many as it can hold. */

import { compared } from "../src/measuring/metric.ts";
import type { ByteSource } from "../src/reading/byte-source.ts";
import { openVectors } from "../src/reading/open-vectors.ts";
import { sampleSet } from "./sample-set.ts";

export interface VectorSet {
  readonly name: string;
  /** What the file was taken for. */
  readonly says: string;
  readonly dim: number;
  readonly rows: readonly Float32Array[];
  /** Beside `rows`, where the file has them. */
  readonly ids: readonly (string | number)[];
  /** The file has more than fit. */
  readonly cut: boolean;
}

/** 160 MB of floats: what a phone's tab bears. */
const MOST_NUMBERS = 40_000_000;

export function madeUpSet(): VectorSet {
  const { dim, rows } = sampleSet();
  return {
    name: "A made-up set",
    says: "seeded, the same each time",
    dim,
    rows: rows.map((row) => compared(row, "cosine")),
    ids: [],
    cut: false,
  };
}

/** Throws as `openVectors` does. `tell` the share that was read. */
export async function readSet(file: File, dim: number | undefined, tell: (share: number) => Promise<void>): Promise<VectorSet> {
  const source: ByteSource = { name: file.name, size: file.size, read: (from) => piecesOf(file.slice(from)) };
  const vectors = await openVectors(source, dim === undefined || !/\.f32$/i.test(file.name) ? {} : { dim });
  const most = Math.floor(MOST_NUMBERS / vectors.dim);
  const rows: Float32Array[] = [];
  const ids: (string | number)[] = [];
  for await (const batch of vectors.batches()) {
    for (let row = 0; row < batch.count && rows.length < most; row++) {
      const from = row * vectors.dim;
      rows.push(compared(batch.values.slice(from, from + vectors.dim), "cosine"));
      if (batch.ids !== undefined) ids.push(batch.ids[row] ?? "");
    }
    if (rows.length === most) break;
    await tell(batch.bytesRead / file.size);
  }
  return { name: file.name, says: vectors.says, dim: vectors.dim, rows, ids, cut: rows.length === most };
}

/** Not every browser lets a stream be iterated. */
async function* piecesOf(blob: Blob): AsyncGenerator<Uint8Array> {
  const reader = blob.stream().getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel();
  }
}

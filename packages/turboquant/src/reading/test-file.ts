/** Files that a test holds in its hand. */
import type { ByteSource } from "./byte-source.ts";
import { openVectors } from "./open-vectors.ts";
import type { ReadingOptions, VectorBatch } from "./vector-file.ts";

/** `piece`: how many bytes come at once. */
export function fileOf(name: string, content: string | Uint8Array, piece = 1000): ByteSource {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return {
    name,
    size: bytes.length,
    read: async function* (from) {
      for (let at = from; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    },
  };
}

export interface Read {
  readonly rows: readonly (readonly number[])[];
  readonly ids: readonly (string | number)[];
  readonly says: string;
  readonly batches: readonly VectorBatch[];
}

export async function readAll(source: ByteSource, options?: ReadingOptions): Promise<Read> {
  const file = await openVectors(source, options);
  const batches: VectorBatch[] = [];
  for await (const batch of file.batches()) batches.push(batch);
  const rows = batches.flatMap(({ count, values }) =>
    Array.from({ length: count }, (_, row) => [...values.subarray(row * file.dim, (row + 1) * file.dim)]),
  );
  return { rows, ids: batches.flatMap(({ ids }) => ids ?? []), says: file.says, batches };
}

export interface NpyParts {
  readonly descr?: string;
  readonly order?: string;
  readonly shape?: string;
  readonly version?: number;
  readonly data?: Uint8Array;
}

/** As numpy writes it; by default one row of two 32-bit floats. */
export function npyBytes({
  descr = "'<f4'",
  order = "False",
  shape = "(1, 2)",
  version = 1,
  data = new Uint8Array(8),
}: NpyParts): Uint8Array {
  const lengthBytes = version === 1 ? 2 : 4;
  const dict = `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;
  const padded = `${dict.padEnd(Math.ceil((9 + lengthBytes + dict.length) / 64) * 64 - 9 - lengthBytes)}\n`;
  const head = new Uint8Array(8 + lengthBytes + padded.length);
  head.set([0x93, ...new TextEncoder().encode("NUMPY"), version, 0]);
  const view = new DataView(head.buffer);
  if (version === 1) view.setUint16(8, padded.length, true);
  else view.setUint32(8, padded.length, true);
  head.set(new TextEncoder().encode(padded), 8 + lengthBytes);
  const bytes = new Uint8Array(head.length + data.length);
  bytes.set(head);
  bytes.set(data, head.length);
  return bytes;
}

/** Rows that all have the same number of bytes, whatever pieces the bytes come in. */
import { TurboQuantError } from "../error.ts";
import type { ByteSource } from "./byte-source.ts";
import { badNumber, type NumberForm } from "./number-form.ts";
import type { VectorBatch } from "./vector-file.ts";

export interface FixedRows {
  readonly source: ByteSource;
  /** Where the first row begins. */
  readonly from: number;
  readonly count: number;
  readonly dim: number;
  readonly form: NumberForm;
  /** In front of each row, and who looks at them. */
  readonly before?: { readonly bytes: number; readonly check: (view: DataView, at: number, row: number) => void };
}

/** What is read at once: enough that the pauses between do not count, little beside any memory. */
const BATCH_BYTES = 1 << 20;

export async function* fixedRows({ source, from, count, dim, form, before }: FixedRows): AsyncGenerator<VectorBatch> {
  const ahead = before?.bytes ?? 0;
  const rowBytes = ahead + dim * form.bytes;
  const room = new Uint8Array(Math.min(count, Math.max(1, Math.floor(BATCH_BYTES / rowBytes))) * rowBytes);
  const view = new DataView(room.buffer);
  let first = 0;
  let filled = 0;

  const batch = (): VectorBatch => {
    const rows = filled / rowBytes;
    const values = new Float32Array(rows * dim);
    for (let row = 0; row < rows; row++) {
      before?.check(view, row * rowBytes, first + row);
      const start = row * rowBytes + ahead;
      for (let at = 0; at < dim; at++) {
        const value = form.read(view, start + at * form.bytes);
        values[row * dim + at] = value;
        if (!Number.isFinite(values[row * dim + at])) throw badNumber(first + row + 1, at + 1, String(value));
      }
    }
    first += rows;
    filled = 0;
    return { first: first - rows, count: rows, values, bytesRead: from + first * rowBytes };
  };

  for await (const chunk of source.read(from)) {
    for (let at = 0; at < chunk.length && first < count; ) {
      const piece = chunk.subarray(at, at + Math.min(room.length, (count - first) * rowBytes) - filled);
      room.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled === room.length || filled === (count - first) * rowBytes) yield batch();
    }
  }
  if (first < count)
    throw new TurboQuantError(
      "bad-input",
      `the file ends in row ${first + Math.floor(filled / rowBytes) + 1} of ${count}`,
      "It became shorter while it was read.",
    );
}

/** Vectors of a file as plain values to compare. */
import type { RangeSource } from "./index-file.ts";
import { type IndexReader, readIndexFile } from "./index-reader.ts";
import { type IndexHeader, planeCoordinates, rowBytes, type SegmentColumns, type VectorId } from "./segment.ts";

export interface Row {
  readonly id: VectorId;
  readonly bits: number;
  readonly from: number;
  readonly scale: number;
  readonly planes: readonly string[];
  readonly original?: readonly number[];
}

export function rowsOf({ dim }: IndexHeader, columns: SegmentColumns): readonly Row[] {
  const { count, bits, from, ids, scales, planes, originals } = columns;
  return Array.from({ length: count }, (_, row) => ({
    ...{ id: ids[row] as VectorId, bits, from, scale: scales[row] as number },
    planes: planeCoordinates(dim, bits).map((coordinates, nth) => {
      const width = rowBytes(coordinates);
      return Buffer.from((planes[nth] as Uint8Array).subarray(row * width, (row + 1) * width)).toString("hex");
    }),
    ...(originals === undefined ? {} : { original: [...originals.subarray(row * dim, (row + 1) * dim)] }),
  }));
}

export async function rowsRead(reader: IndexReader): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for await (const columns of reader.columns()) rows.push(...rowsOf(reader.header, columns));
  return rows;
}

export async function rowsIn(source: RangeSource): Promise<readonly Row[]> {
  return await rowsRead(await readIndexFile(source));
}

/** A vector with fewer bits. */
export function narrower({ dim }: IndexHeader, row: Row, bits: number, scale: number): Row {
  const planes = planeCoordinates(dim, bits).map((coordinates, nth) => {
    const bytes = Buffer.from((row.planes[nth] as string).slice(0, rowBytes(coordinates) * 2), "hex");
    const last = bytes.length - 1;
    if (coordinates % 8 !== 0) bytes[last] = (bytes[last] as number) & ((1 << (coordinates % 8)) - 1);
    return bytes.toString("hex");
  });
  return { ...row, bits, scale, planes };
}

/** Segments made full: vectors of several of the same width, in their order, put into as few as hold them. */
import type { IndexHeader, SegmentColumns, VectorId } from "./segment.ts";
import { MOST_ROWS, planeCoordinates, rowBytes } from "./segment.ts";

export async function* packed(header: IndexHeader, all: AsyncIterable<SegmentColumns>): AsyncIterable<SegmentColumns> {
  let builder: SegmentBuilder | undefined;
  for await (const columns of all) {
    if (builder !== undefined && (builder.bits !== columns.bits || builder.from !== columns.from)) {
      if (builder.count > 0) yield builder.take();
      builder = undefined;
    }
    builder ??= createSegmentBuilder(header, columns.bits, columns.from);
    for (let row = 0; row < columns.count; row++) {
      if (builder.count === MOST_ROWS) yield builder.take();
      builder.add(columns, row);
    }
  }
  if (builder !== undefined && builder.count > 0) yield builder.take();
}

interface SegmentBuilder {
  readonly bits: number;
  readonly from: number;
  readonly count: number;
  /** Takes one vector over; in the place of one with the same id, where that is here already. */
  add(columns: SegmentColumns, row: number): void;
  /** What was added, which begins anew. */
  take(): SegmentColumns;
}

function createSegmentBuilder({ dim, originals: withOriginals }: IndexHeader, bits: number, from: number): SegmentBuilder {
  const widths = planeCoordinates(dim, bits).map(rowBytes);
  const scales = new Float32Array(MOST_ROWS);
  const planes = widths.map((width) => new Uint8Array(MOST_ROWS * width));
  const originals = withOriginals ? new Float32Array(MOST_ROWS * dim) : undefined;
  const rows = new Map<VectorId, number>();
  return {
    bits,
    from,
    get count() {
      return rows.size;
    },
    add: (columns, row) => {
      const id = columns.ids[row] as VectorId;
      const to = rows.get(id) ?? rows.size;
      rows.set(id, to);
      scales[to] = columns.scales[row] as number;
      for (const [nth, width] of widths.entries())
        planes[nth]?.set((columns.planes[nth] as Uint8Array).subarray(row * width, (row + 1) * width), to * width);
      if (columns.originals !== undefined) originals?.set(columns.originals.subarray(row * dim, (row + 1) * dim), to * dim);
    },
    take: () => {
      const count = rows.size;
      const taken = {
        ...{ count, bits, from },
        ids: [...rows.keys()],
        scales: scales.slice(0, count),
        planes: planes.map((plane, nth) => plane.slice(0, count * (widths[nth] as number))),
        ...(originals === undefined ? {} : { originals: originals.slice(0, count * dim) }),
      };
      rows.clear();
      return taken;
    },
  };
}

/** LanceDB: product quantisation in cells (IVF_PQ), with the vectors themselves on disk to rank again. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { loadPeer } from "../../peer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";

interface Row {
  readonly id: number;
  readonly vector: Float32Array;
}

interface VectorQuery {
  distanceType(metric: string): VectorQuery;
  nprobes(cells: number): VectorQuery;
  limit(count: number): VectorQuery;
  select(columns: readonly string[]): VectorQuery;
  refineFactor(factor: number): VectorQuery;
  toArray(): Promise<readonly { readonly id: number }[]>;
}

interface Table {
  add(rows: readonly Row[]): Promise<unknown>;
  createIndex(column: string, options: { readonly config: unknown }): Promise<void>;
  query(): { nearestTo(query: Float32Array): VectorQuery };
}

interface Lance {
  connect(folder: string): Promise<{ createTable(name: string, rows: readonly Row[]): Promise<Table> }>;
  readonly Index: { ivfPq(options: { readonly distanceType: string; readonly maxIterations: number }): unknown };
}

/** How many times as many as wanted are ranked by the vectors themselves; 0: none. */
const FACTORS = [0, 3, 10, 30];
/** More than it makes of sets of this size as it comes: what is lost is lost to the codes. */
const CELLS = 60;
/** Of the 50 it would go: those behind change next to nothing, and take minutes. */
const ROUNDS_OF_TRAINING = 10;
/** Fewer cannot be learnt from: 256 centres want as many vectors. */
const LEAST_FOR_INDEX = 256;

export const openLanceDb: OpenSystem = async ({ dim, count }, folder) => {
  const { connect, Index } = await loadPeer<Lance>("@lancedb/lancedb");
  const database = await connect(folder);
  let table: Table | undefined;
  return {
    told: `IVF_PQ, dot; partitions by the number of rows and a byte for 16 coordinates as it comes, ${ROUNDS_OF_TRAINING} rounds of training; LANCE_CPU_THREADS=1`,
    insert: async (first, rows) => {
      const many = Array.from({ length: rows.length / dim }, (_, nth) => ({
        id: first + nth,
        vector: rows.slice(nth * dim, (nth + 1) * dim),
      }));
      if (table === undefined) table = await database.createTable("vectors", many);
      else await table.add(many);
    },
    finish: async () => {
      if (table === undefined) throw new Error("nothing was inserted");
      const filled = table;
      if (count >= LEAST_FOR_INDEX)
        await filled.createIndex("vector", { config: Index.ivfPq({ distanceType: "dot", maxIterations: ROUNDS_OF_TRAINING }) });
      return FACTORS.map(
        (factor): Way<Float32Array, readonly { readonly id: number }[]> => ({
          name: factor === 0 ? "codes alone" : `refine ${factor}`,
          prepare: (query) => query,
          search: (query) => {
            const plain = filled.query().nearestTo(query).distanceType("dot").nprobes(CELLS).limit(K).select(["id", "_distance"]);
            return (factor === 0 ? plain : plain.refineFactor(factor)).toArray();
          },
          ids: (rows) => rows.map(({ id }) => Number(id)),
        }),
      );
    },
    add: async (id, vector) => {
      await table?.add([{ id, vector }]);
    },
    diskBytes: () => bytesIn(folder),
  };
};

function bytesIn(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}

/** hnswlib: the graph that others are measured by, 32-bit floats. */
import { statSync } from "node:fs";
import { join } from "node:path";
import { loadPeer } from "../../peer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";

interface Found {
  readonly neighbors: readonly number[];
}

interface Graph {
  initIndex(maxElements: number, links: number, widthOfAdding: number, seed: number): void;
  addPoint(vector: readonly number[], label: number): void;
  searchKnn(query: readonly number[], k: number): Found;
  setEf(width: number): void;
  writeIndexSync(path: string): void;
}

interface Hnswlib {
  readonly default: { readonly HierarchicalNSW: new (space: string, dim: number) => Graph };
}

const LINKS = 16;
const WIDTH_OF_ADDING = 128;
const WIDTHS_OF_SEARCHING = [16, 32, 64, 128, 256, 512];
const SEED = 100;
/** For what is added after the end. */
const SPARE = 1;

export const openHnswlib: OpenSystem = async ({ dim, count }, folder) => {
  const { HierarchicalNSW } = (await loadPeer<Hnswlib>("hnswlib-node")).default;
  const graph = new HierarchicalNSW("ip", dim);
  graph.initIndex(count + SPARE, LINKS, WIDTH_OF_ADDING, SEED);
  const saved = join(folder, "graph.hnswlib");
  return {
    told: `HNSW, f32, M ${LINKS}, efConstruction ${WIDTH_OF_ADDING}; takes arrays of numbers, which queries are before they are timed`,
    insert: (first, rows) => {
      for (let at = 0; at < rows.length; at += dim) graph.addPoint(Array.from(rows.subarray(at, at + dim)), first + at / dim);
    },
    finish: async () => {
      graph.writeIndexSync(saved);
      return WIDTHS_OF_SEARCHING.map(
        (width): Way<readonly number[], Found> => ({
          name: `ef ${width}`,
          prepare: (query) => Array.from(query),
          search: (query) => {
            graph.setEf(width);
            return graph.searchKnn(query, K);
          },
          ids: ({ neighbors }) => neighbors,
        }),
      );
    },
    add: (id, vector) => graph.addPoint(Array.from(vector), id),
    diskBytes: () => statSync(saved).size,
  };
};

/** edgevec: HNSW in WebAssembly, with bits beside the floats. */
import { readFileSync } from "node:fs";
import { loadPeer, peerFile } from "../../peer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";

interface Hit {
  readonly id: number;
}

interface Graph {
  insert(vector: Float32Array): number;
  enableBQ(): void;
  search(query: Float32Array, k: number): readonly Hit[];
  searchBQRescored(query: Float32Array, k: number, factor: number): readonly Hit[];
  serializedSize(): number;
}

interface Config {
  metric: string;
  m: number;
  m0: number;
  ef_construction: number;
  ef_search: number;
}

interface EdgeVec {
  initSync(module: { readonly module: Uint8Array }): unknown;
  getSimdBackend(): string;
  readonly EdgeVecConfig: new (dimensions: number) => Config;
  readonly EdgeVec: new (config: Config) => Graph;
}

const LINKS = 16;
const WIDTH_OF_ADDING = 128;
const WIDTH_OF_SEARCHING = 64;
const FACTORS = [1, 3, 10, 30];

export const openEdgeVec: OpenSystem = async ({ dim }) => {
  const peer = await loadPeer<EdgeVec>("edgevec");
  peer.initSync({ module: readFileSync(peerFile("edgevec", "edgevec_bg.wasm")) });
  const config = new peer.EdgeVecConfig(dim);
  // Its cosine and dot of this version do not find a vector by itself; of vectors of length one the distance says the same.
  config.metric = "l2";
  config.m = LINKS;
  config.m0 = 2 * LINKS;
  config.ef_construction = WIDTH_OF_ADDING;
  config.ef_search = WIDTH_OF_SEARCHING;
  const graph = new peer.EdgeVec(config);
  graph.enableBQ();
  /** It gives ids of its own. */
  const idOf = new Map<number, number>();
  const insertOne = (id: number, vector: Float32Array): void => {
    idOf.set(graph.insert(vector), id);
  };
  const wayOf = (name: string, search: (query: Float32Array) => readonly Hit[]): Way<Float32Array, readonly Hit[]> => ({
    name,
    prepare: (query) => query,
    search,
    ids: (hits) => hits.map(({ id }) => idOf.get(id) ?? -1),
  });
  return {
    told: `HNSW, f32 and bits, M ${LINKS}, efConstruction ${WIDTH_OF_ADDING}, L2, its backend calls itself ${peer.getSimdBackend()}`,
    insert: (first, rows) => {
      for (let at = 0; at < rows.length; at += dim) insertOne(first + at / dim, rows.subarray(at, at + dim));
    },
    finish: async () => [
      // How far it looks is said before it is built, and building takes longest of all: one setting.
      wayOf(`ef ${WIDTH_OF_SEARCHING}`, (query) => graph.search(query, K)),
      ...FACTORS.map((factor) => wayOf(`bits, rescored x ${factor}`, (query) => graph.searchBQRescored(query, K, factor))),
    ],
    add: insertOne,
    toldBytes: () => graph.serializedSize(),
  };
};

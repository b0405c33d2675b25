/** usearch: HNSW over four kinds of numbers, and a plain scan of 32-bit floats or of bytes. */
import { rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { loadPeer } from "../../peer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";
import { byteScale, toBytes } from "./int8.ts";

interface Matches {
  readonly keys: BigUint64Array;
}

interface GraphOptions {
  readonly dimensions: number;
  readonly metric: string;
  readonly quantization: string;
  readonly connectivity: number;
  readonly expansion_add: number;
  readonly expansion_search: number;
  readonly multi: boolean;
}

interface Graph {
  add(keys: BigUint64Array, rows: Float32Array, threads: number): void;
  search(query: Float32Array, k: number, threads: number): Matches;
  save(path: string): void;
  load(path: string): void;
}

interface Usearch {
  readonly default: {
    readonly Index: new (options: GraphOptions) => Graph;
    exactSearch(rows: Rows, query: Rows, dimensions: number, k: number, metric: string, threads: number): Matches;
  };
}

type Rows = Float32Array | Int8Array;

const ONE_THREAD = 1;
const LINKS = 16;
const WIDTH_OF_ADDING = 128;
const WIDTHS_OF_SEARCHING = [16, 32, 64, 128, 256, 512];
const OWN_WIDTH = 64;

export const openUsearchGraph =
  (quantization: "f32" | "bf16" | "f16" | "i8"): OpenSystem =>
  async ({ dim }, folder) => {
    const { Index } = (await loadPeer<Usearch>("usearch")).default;
    const graphOf = (width: number): Graph =>
      new Index({
        dimensions: dim,
        metric: "cos",
        quantization,
        connectivity: LINKS,
        expansion_add: WIDTH_OF_ADDING,
        expansion_search: width,
        multi: false,
      });
    const graph = graphOf(OWN_WIDTH);
    const saved = join(folder, "graph.usearch");
    let diskBytes = 0;
    const wayOf = (width: number, of: Graph): Way<Float32Array, Matches> => ({
      name: `expansion ${width}`,
      prepare: (query) => query,
      search: (query) => of.search(query, K, ONE_THREAD),
      ids: numbersOf,
    });
    return {
      told: `HNSW, ${quantization}, connectivity ${LINKS}, expansion_add ${WIDTH_OF_ADDING}, threads 1`,
      insert: (first, rows) => graph.add(keysFrom(first, rows.length / dim), rows, ONE_THREAD),
      async finish() {
        graph.save(saved);
        diskBytes = statSync(saved).size;
        return WIDTHS_OF_SEARCHING.map((width) => {
          let loaded: Graph | undefined;
          // How far it looks is said when it is made: the others are read back, after what it takes was measured.
          const find = (query: Float32Array): Matches => {
            if (loaded === undefined) {
              loaded = width === OWN_WIDTH ? graph : graphOf(width);
              if (width !== OWN_WIDTH) loaded.load(saved);
            }
            return loaded.search(query, K, ONE_THREAD);
          };
          return { ...wayOf(width, graph), search: find };
        });
      },
      add: (id, vector) => graph.add(keysFrom(id, 1), vector, ONE_THREAD),
      diskBytes: () => diskBytes,
      close: () => rmSync(saved, { force: true }),
    };
  };

export const openUsearchExact =
  (numbers: "f32" | "i8"): OpenSystem =>
  async ({ dim, count }) => {
    const { exactSearch } = (await loadPeer<Usearch>("usearch")).default;
    const all: Rows = numbers === "f32" ? new Float32Array(count * dim) : new Int8Array(count * dim);
    let scale: number | undefined;
    const prepare = (query: Float32Array): Rows => (scale === undefined ? query : toBytes(query, scale));
    return {
      told: `plain scan, ${numbers === "f32" ? "f32" : "bytes by one scale for all (ours), inner product"}, threads 1`,
      insert: (first, rows) => {
        if (numbers === "i8") scale ??= byteScale(rows);
        all.set(prepare(rows), first * dim);
      },
      finish: async () => [
        {
          name: "all of them",
          prepare,
          search: (query: Rows) => exactSearch(all, query, dim, K, "ip", ONE_THREAD),
          ids: numbersOf,
        },
      ],
    };
  };

function keysFrom(first: number, count: number): BigUint64Array {
  return BigUint64Array.from({ length: count }, (_, nth) => BigInt(first + nth));
}

function numbersOf({ keys }: Matches): readonly number[] {
  return Array.from(keys, Number);
}

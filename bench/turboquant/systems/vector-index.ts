/** Ours: the index of @perdure/turboquant, in memory. */
import { createVectorIndex, type SearchResult, type VectorIndex, type VectorIndexOptions } from "../../../packages/turboquant/src/index.ts";
import { K, type OpenSystem, type Way } from "../system.ts";

type Ask = { readonly recall: number } | { readonly candidates: number };

const RECALLS = [0.9, 0.95, 0.99];
/** For what lies between and beyond the recalls that are asked for. */
const CANDIDATES = [20, 50, 100, 200, 500, 1000, 4000];
/** Of so many of the first vectors the mean is taken off all. */
const CENTRE_OF = 64;

export interface IndexChoice extends Pick<VectorIndexOptions, "bits" | "originals"> {
  /** Takes the mean of the first vectors for its centre. */
  readonly centred?: boolean;
}

export const openVectorIndex =
  ({ centred = false, ...options }: IndexChoice): OpenSystem =>
  ({ dim }) => {
    let index: VectorIndex | undefined;
    const open = (rows: Float32Array): VectorIndex =>
      createVectorIndex({ dim, ...options, ...(centred ? { center: meanOf(rows, dim) } : {}) });
    const opened = (): VectorIndex => {
      if (index === undefined) throw new Error("nothing was inserted");
      return index;
    };
    return {
      told: [
        `${options.bits} bits`,
        ...(options.originals === true ? ["and the vectors themselves, which have the last word"] : []),
        ...(centred ? [`the mean of the first ${CENTRE_OF} for a centre`] : []),
        "kernels as they are best here",
      ].join(", "),
      insert: (first, rows) => {
        index ??= open(rows);
        const ids = Array.from({ length: rows.length / dim }, (_, nth) => first + nth);
        index.addBatch(ids, rows);
      },
      finish: async () => [
        ...RECALLS.map((recall) => ({ ...wayOf(opened(), `recall ${recall}`, { recall }), asked: recall })),
        ...CANDIDATES.map((candidates) => wayOf(opened(), `${candidates} candidates`, { candidates })),
      ],
      add: (id, vector) => opened().add(id, vector),
      toldBytes: () => {
        const { codes, ids, originals } = opened().stats().bytes;
        return codes + ids + originals;
      },
    };
  };

function wayOf(index: VectorIndex, name: string, ask: Ask): Way<Float32Array, SearchResult> {
  return {
    name,
    prepare: (query) => query,
    search: (query) => index.search(query, { k: K, ...ask }),
    ids: ({ hits }) => hits.map(({ id }) => Number(id)),
    expected: ({ expectedRecall }) => expectedRecall,
  };
}

function meanOf(rows: Float32Array, dim: number): Float32Array {
  const count = Math.min(CENTRE_OF, rows.length / dim);
  const mean = new Float32Array(dim);
  for (let at = 0; at < count * dim; at++) mean[at % dim] = (mean[at % dim] as number) + (rows[at] as number) / count;
  return mean;
}

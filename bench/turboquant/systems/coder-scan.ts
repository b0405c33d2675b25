/** What codes of other laws find: all of a plain array, each by its inner product, in plain TypeScript and without an index. */
import { createAbsmax, type VectorCoder } from "../../absmax.ts";
import { trainProductQuantizer } from "../../product-quantizer.ts";
import { K, type OpenSystem, type Way } from "../system.ts";
import { createTopOf } from "./top-of.ts";

/** What a coder needs to know before it can begin. */
type MakeCoder = (dim: number, learnFrom: Float32Array) => VectorCoder;

interface Law {
  readonly told: string;
  readonly make: MakeCoder;
}

/** More make it slower to learn, and hardly better. */
const LEARN_FROM = 4_000;
const COORDINATES_OF_A_PIECE = 2;
const BITS_OF_A_PIECE = 8;

export const absmax = (bits: number): Law => ({
  told: `integers of ${bits} bits by the largest coordinate`,
  make: (dim) => createAbsmax({ dim, bits }),
});

export const productQuantizer: Law = {
  told: `product quantisation, ${BITS_OF_A_PIECE} bits for ${COORDINATES_OF_A_PIECE} coordinates, learnt from ${LEARN_FROM} of the vectors`,
  make: (dim, learnFrom) => trainProductQuantizer(learnFrom, dim, { subspaces: dim / COORDINATES_OF_A_PIECE, bits: BITS_OF_A_PIECE }),
};

export const openScanOf =
  ({ told, make }: Law): OpenSystem =>
  ({ dim }) => {
    let rows: Float32Array[] = [];
    let coder: VectorCoder | undefined;
    const codes: Uint8Array[] = [];
    const add = (_id: number, vector: Float32Array): void => {
      if (coder !== undefined) codes.push(coder.encode(vector));
    };
    return {
      told: `${told}; codes in an array, plain TypeScript, no index`,
      insert: (_first, more) => {
        for (let at = 0; at < more.length; at += dim) rows.push(more.slice(at, at + dim));
      },
      finish: async () => {
        const learnFrom = rows.slice(0, LEARN_FROM);
        const matrix = new Float32Array(learnFrom.length * dim);
        for (const [nth, row] of learnFrom.entries()) matrix.set(row, nth * dim);
        const made = make(dim, matrix);
        coder = made;
        for (const row of rows) codes.push(made.encode(row));
        rows = [];
        return [wayOf(made, codes)];
      },
      add,
      toldBytes: () => codes.length * (coder?.codeBytes ?? 0),
    };
  };

function wayOf(coder: VectorCoder, codes: readonly Uint8Array[]): Way<Float32Array, readonly number[]> {
  return {
    name: "all of them",
    prepare: (query) => query,
    search: (query) => {
      const asked = coder.query(query);
      const top = createTopOf(K);
      for (const [id, code] of codes.entries()) top.see(id, asked.dot(code));
      return top.ids();
    },
    ids: (found) => found,
  };
}

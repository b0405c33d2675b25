/** Files of vectors that other programs wrote: .npy, .fvecs and separated values, in pieces of any length. */
import type { Bytes } from "../packages/perdure/src/wire/bytes.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { isTurboQuantError } from "../packages/turboquant/src/error.ts";
import { openVectors } from "../packages/turboquant/src/reading/open-vectors.ts";
import { fileOf, npyBytes } from "../packages/turboquant/src/reading/test-file.ts";
import type { Decoder } from "./decoder.ts";

const MAX_BYTES = 4096;
const REFUSALS = new Set(["bad-input", "bad-argument"]);

const bytesOf = (text: string): Bytes => new TextEncoder().encode(text);
const ints = (...numbers: readonly number[]): Bytes => new Uint8Array(Int32Array.from(numbers).buffer);

export function vectorFileDecoders(): readonly Decoder[] {
  return [
    {
      name: "vectors as npy",
      take: (input) => takeFile("x.npy", input),
      seeds: [
        npyBytes({ shape: "(2, 2)", data: new Uint8Array(16) }),
        npyBytes({ descr: "'>f2'", version: 2, shape: "(3, 4)", data: new Uint8Array(24) }),
        npyBytes({ descr: "'<u8'", version: 3, shape: "(1, 3)", data: new Uint8Array(24) }),
      ],
      words: ["'<f8'", "'|i1'", "True", "(1, 8192)", "(99999999999999, 2)", ", "].map(bytesOf),
      maxBytes: MAX_BYTES,
    },
    {
      name: "vectors as fvecs",
      take: (input) => takeFile("x.fvecs", input),
      seeds: [ints(2, 0, 0, 2, 0, 0), ints(3, 0, 0, 0)],
      words: [ints(2), ints(-1), ints(8192), Uint8Array.of(0, 0, 0xc0, 0x7f)],
      maxBytes: MAX_BYTES,
    },
    {
      name: "vectors as csv",
      take: (input) => takeFile("x.csv", input),
      seeds: ["1,2\n3,4\n", 'id,v\n1,"[1, 2]"\n2,"[3, 4]"\n', "the 1 2\r\nof 3 4\r\n", ',0,1\na,1.5,"2"\nb,-1e-5,.5\n'].map(bytesOf),
      words: ['""', '","', '"[', ']"', "\r\n", "\ufeff", "nan", "1e999", "0x1", "\t", ";"].map(bytesOf),
      maxBytes: MAX_BYTES,
      share: 2,
    },
  ];
}

/** What is read says the same in whatever pieces it comes, and is what it has to be. */
async function takeFile(name: string, input: Bytes): Promise<undefined> {
  const whole = await readIn(name, input, input.length + 1);
  const inPieces = await readIn(name, input, 1 + (input.length % 13));
  if (whole.shown !== inPieces.shown) throw new RangeError(`in pieces it is read as ${inPieces.shown}, at once as ${whole.shown}`);
  if (whole.refused !== undefined) throw new PerdureError("malformed", whole.refused);
  return undefined;
}

interface Found {
  readonly shown: string;
  readonly refused?: string;
}

async function readIn(name: string, input: Bytes, piece: number): Promise<Found> {
  const rows: string[] = [];
  try {
    const file = await openVectors(fileOf(name, input, piece));
    let next = 0;
    for await (const { first, count, values, ids, bytesRead } of file.batches()) {
      const fits = first === next && values.length === count * file.dim && (ids?.length ?? count) === count && bytesRead <= input.length;
      if (!fits || file.dim < 2 || file.dim > 8192 || file.hasIds !== (ids !== undefined) || !values.every(Number.isFinite))
        throw new RangeError("a batch is not what it has to be");
      next += count;
      for (let row = 0; row < count; row++)
        rows.push(JSON.stringify([ids?.[row], ...values.subarray(row * file.dim, (row + 1) * file.dim)]));
    }
    if (file.count !== undefined && next !== file.count) throw new RangeError(`${next} rows were read of ${file.count}`);
    return { shown: rows.join("\n") };
  } catch (error) {
    if (!isTurboQuantError(error) || !REFUSALS.has(error.code)) throw error;
    // What came before it may have been handed on or not, by how the pieces fell.
    return { shown: error.message, refused: error.message };
  }
}

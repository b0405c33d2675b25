/**
 * Integers by the largest coordinate, the plainest way to few bits and a peer for benchmarks: x_i is about max|x| / (2^(bits-1) - 1) times a whole
 * number, which takes `bits` bits; the step takes four bytes.
 */
import { bitsAt, putBits } from "../packages/turboquant/src/codec/bit-string.ts";

/** What the peers of benchmarks have in common with the codec. */
export interface VectorCoder {
  readonly codeBytes: number;
  encode(vector: ArrayLike<number>): Uint8Array;
  decode(code: Uint8Array): Float32Array;
  query(vector: ArrayLike<number>): { dot(code: Uint8Array): number };
}

export interface AbsmaxOptions {
  readonly dim: number;
  /** Per coordinate, 2 to 8. */
  readonly bits: number;
}

const STEP_BYTES = 4;

export function createAbsmax({ dim, bits }: AbsmaxOptions): VectorCoder {
  if (!(Number.isInteger(bits) && bits >= 2 && bits <= 8)) throw new RangeError(`absmax: bits is ${bits}, not a whole number from 2 to 8`);
  const largest = 2 ** (bits - 1) - 1;
  const stepAt = Math.ceil((bits * dim) / 8);
  const codeBytes = stepAt + STEP_BYTES;
  const stepOf = (code: Uint8Array): number => new DataView(code.buffer, code.byteOffset + stepAt).getFloat32(0, true);
  /** Whole numbers are kept as what they are above the least. */
  const whole = (code: Uint8Array, at: number): number => bitsAt(code, at * bits, bits) - largest;
  return {
    codeBytes,
    encode: (vector) => {
      let most = 0;
      for (let at = 0; at < dim; at++) most = Math.max(most, Math.abs(vector[at] as number));
      const step = Math.fround(most / largest);
      const code = new Uint8Array(codeBytes);
      new DataView(code.buffer).setFloat32(stepAt, step, true);
      for (let at = 0; at < dim; at++) {
        const nearest = step > 0 ? Math.round((vector[at] as number) / step) : 0;
        putBits(code, at * bits, bits, Math.max(-largest, Math.min(largest, nearest)) + largest);
      }
      return code;
    },
    decode: (code) => {
      const step = stepOf(code);
      return Float32Array.from({ length: dim }, (_, at) => whole(code, at) * step);
    },
    query: (vector) => ({
      dot: (code) => {
        let sum = 0;
        for (let at = 0; at < dim; at++) sum += whole(code, at) * (vector[at] as number);
        return sum * stepOf(code);
      },
    }),
  };
}

/**
 * TurboQuant for inner products as it was published (TurboQuant_prod, arXiv 2504.19874, algorithm 2): all bits but one go to the codec with the
 * paper's scale, and the last keeps the signs of a random sketch S of what the codec left over, r = x - x~:
 *
 *   <y, x> is about <y, x~> + factor * |r| * <S y, sign(S r)>        right on average over S, for every y
 *
 * With a single bit it is the sketch of x itself (QJL, arXiv 2406.03482). It is here to be compared with: the codec's `unbiased` scale is
 * right on average as well, takes four bytes less, and errs less at every width.
 *
 *   code   ceil(bits * d / 8) + 8 bytes, with a single bit + 4
 *     values       (bits - 1) * d bits: what the codec writes, without its scale
 *     signs        d bits, set where a coordinate of S r is negative
 *     sizes        |x| / sqrt(d), unless bits is 1; |r| / sqrt(d): 32-bit floats, little-endian
 */
import { checkWhole, refuse, shown } from "../argument.ts";
import { bitsAt, putBits } from "../codec/bit-string.ts";
import { checkCode } from "../codec/code.ts";
import { createQuantizer, type Query } from "../codec/quantizer.ts";
import { MAX_DIM, MIN_DIM } from "../codec/quantizer-options.ts";
import { createRandomBits } from "../codec/random-bits.ts";
import { MAX_FLOAT } from "../codec/vector.ts";
import { TurboQuantError } from "../error.ts";
import { checkOptions, type OptionNames, optionNames } from "../options.ts";
import { createSketch, type SketchKind } from "./sketch.ts";
import { ofUnitSize, rootMeanSquare } from "./vector-size.ts";

export interface InnerProductOptions {
  /** Coordinates, 2 to 8,192; with a Gaussian sketch, which is a matrix of dim * dim floats, to 4,096. */
  readonly dim: number;
  /** Per coordinate, the one of the sketch included: a whole number from 1 to 9. */
  readonly bits: number;
  /** Of the rotation and of the sketch; 0 unless said. */
  readonly seed?: number | bigint;
  /** `gaussian`, the paper's, unless said; `orthogonal` errs less and costs d log d instead of d^2. */
  readonly sketch?: SketchKind;
}

export interface InnerProductQuantizer {
  readonly dim: number;
  readonly bits: number;
  readonly seed: bigint;
  readonly sketch: SketchKind;
  /** Of one code. */
  readonly codeBytes: number;
  /** Throws `bad-vector` for another number of coordinates, NaN, or an infinity. */
  encode(vector: ArrayLike<number>): Uint8Array;
  /** What the codec kept and what the sketch says of the rest: right on average, and far from the vector. Throws `bad-code`. */
  decode(code: Uint8Array): Float32Array;
  /** Inner products of one vector with many codes. Throws `bad-vector`. */
  query(vector: ArrayLike<number>): Query;
}

const OPTIONS: OptionNames = optionNames<InnerProductOptions>({ dim: true, bits: true, seed: true, sketch: true });
const MAX_BITS = 9;
/** 64 MiB of floats. */
const MAX_GAUSSIAN_DIM = 4096;
const FLOAT_BYTES = 4;
/** Signs that are looked up at once. */
const OCTET = 8;
/** So that the sketch has nothing to do with the rotation of the same seed. */
const SKETCH_STREAM = 0x736b_6574_6368n;

/** Throws `bad-argument`. */
export function createInnerProductQuantizer(options: InnerProductOptions): InnerProductQuantizer {
  checkOptions("createInnerProductQuantizer", options, OPTIONS);
  const { dim, bits, seed = 0, sketch: kind = "gaussian" } = options;
  checkDimensions(dim, bits, kind);
  // One that refuses whatever seed it must, also where the sketch is all there is.
  const codec = createQuantizer({ dim, bits: Math.max(1, bits - 1), seed, scale: "raw" });
  const sketch = createSketch(kind, dim, createRandomBits(codec.seed ^ SKETCH_STREAM).next());
  const signsAt = (bits - 1) * dim;
  const sizesAt = Math.ceil((bits * dim) / 8);
  const codeBytes = sizesAt + (bits === 1 ? 1 : 2) * FLOAT_BYTES;
  /** Of what the sketch says, for a rest of length sqrt(d). */
  const factor = sketch.factor * Math.sqrt(dim);
  const values = createValues(codec, signsAt);

  const sizesOf = (code: Uint8Array): { readonly size: number; readonly restSize: number } => {
    checkCode(code, codeBytes);
    const view = new DataView(code.buffer, code.byteOffset);
    const size = bits === 1 ? 0 : view.getFloat32(sizesAt, true);
    const restSize = view.getFloat32(codeBytes - FLOAT_BYTES, true);
    if (!(size >= 0 && size <= MAX_FLOAT && restSize >= 0 && restSize <= MAX_FLOAT))
      throw new TurboQuantError("bad-code", "a size in a code is no length", "Its bytes were changed.");
    return { size, restSize };
  };

  return {
    dim,
    bits,
    seed: codec.seed,
    sketch: kind,
    codeBytes,
    encode: (vector) => {
      const size = rootMeanSquare(vector, dim);
      const unit = ofUnitSize(vector, size);
      const code = new Uint8Array(codeBytes);
      let rest = unit;
      if (bits > 1) {
        code.set(codec.encode(unit).subarray(0, -FLOAT_BYTES));
        const kept = codec.decode(values.of(code));
        rest = unit.map((value, at) => value - (kept[at] as number));
      }
      const sketched = sketch.apply(rest);
      for (let at = 0; at < dim; at++) if ((sketched[at] as number) < 0) putBits(code, signsAt + at, 1, 1);
      const view = new DataView(code.buffer);
      if (bits > 1) view.setFloat32(sizesAt, size, true);
      view.setFloat32(codeBytes - FLOAT_BYTES, size * rootMeanSquare(rest, dim), true);
      return code;
    },
    decode: (code) => {
      const { size, restSize } = sizesOf(code);
      const kept = bits > 1 ? codec.decode(values.of(code)) : new Float32Array(dim);
      const signs = Float32Array.from({ length: dim }, (_, at) => (bitsAt(code, signsAt + at, 1) === 1 ? -1 : 1));
      const rest = sketch.transposed(signs);
      return kept.map((value, at) => clamped(value * size + (rest[at] as number) * factor * restSize));
    },
    query: (vector) => {
      const size = rootMeanSquare(vector, dim);
      const unit = ofUnitSize(vector, size);
      const query = bits > 1 ? codec.query(unit) : undefined;
      const sums = sumsBySigns(sketch.apply(unit));
      return {
        dot: (code) => {
          const sizes = sizesOf(code);
          let rest = 0;
          for (const [nth, byOctet] of sums.entries()) {
            const from = nth * OCTET;
            rest += byOctet[bitsAt(code, signsAt + from, Math.min(OCTET, dim - from))] as number;
          }
          const kept = query === undefined ? 0 : query.dot(values.of(code)) * sizes.size;
          return size * (kept + rest * factor * sizes.restSize);
        },
      };
    },
  };
}

/** For every eight coordinates their sum by which of them are taken as negative: a bit of the place each. */
function sumsBySigns(sketched: Float32Array): readonly Float64Array[] {
  return Array.from({ length: Math.ceil(sketched.length / OCTET) }, (_, nth) => {
    const few = sketched.subarray(nth * OCTET, (nth + 1) * OCTET);
    const sums = new Float64Array(2 ** few.length);
    sums[0] = few.reduce((sum, value) => sum + value, 0);
    for (const [at, value] of few.entries())
      for (let place = 0; place < 2 ** at; place++) sums[place + 2 ** at] = (sums[place] as number) - 2 * value;
    return sums;
  });
}

interface Values {
  /** The codec's part of a code as a code of the codec, with a scale of one. Holds until it is asked again. */
  of(code: Uint8Array): Uint8Array;
}

function createValues({ codeBytes }: { readonly codeBytes: number }, bitCount: number): Values {
  const room = new Uint8Array(codeBytes);
  const bytes = codeBytes - FLOAT_BYTES;
  new DataView(room.buffer).setFloat32(bytes, 1, true);
  const shared = bitCount % 8;
  return {
    of: (code) => {
      room.set(code.subarray(0, bytes));
      // The signs begin within the last byte.
      if (shared > 0) room[bytes - 1] = (room[bytes - 1] as number) & ((1 << shared) - 1);
      return room;
    },
  };
}

/** Among the largest numbers there are, what is nearest to a vector may be no number any more. */
function clamped(value: number): number {
  return Math.max(-MAX_FLOAT, Math.min(MAX_FLOAT, value));
}

function checkDimensions(dim: number, bits: number, kind: SketchKind): void {
  checkWhole("dim", dim, MIN_DIM, MAX_DIM);
  checkWhole("bits", bits, 1, MAX_BITS);
  if (kind !== "gaussian" && kind !== "orthogonal") refuse(`sketch is ${shown(kind)}`, "It is gaussian or orthogonal.");
  if (kind === "gaussian" && dim > MAX_GAUSSIAN_DIM)
    refuse(`dim is ${dim}`, `A Gaussian sketch has at most ${MAX_GAUSSIAN_DIM}; take an orthogonal one.`);
}

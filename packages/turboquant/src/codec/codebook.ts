/**
 * Lloyd-Max codebooks of the law that a coordinate of a randomly rotated vector has: for a vector of length sqrt(d) in d dimensions
 * the density of each coordinate is proportional to (1 - t^2/d)^((d-3)/2), which tends to that of N(0,1) (TurboQuant, arXiv 2504.19874,
 * lemma 1). The law is symmetric, so a codebook is its positive half; the sign is a bit of its own.
 *
 * Nothing but the five operations that IEEE 754 rounds correctly is used (no `exp`, no `pow`), in one order: the codebooks, and so the
 * codes, are the same bytes on every engine.
 */
export interface Codebook {
  readonly bits: number;
  /** 2^(bits-1) values, rising: what a coordinate is taken for, where its length is one on average. */
  readonly centroids: Float32Array;
  /** Between one centroid and the next. */
  readonly borders: Float32Array;
  /** Mean squared error of a coordinate, of 1. */
  readonly distortion: number;
}

/** Cells the law is summed up in; the error of a centroid is of the order of the square of their width. */
const CELLS = 32_768;
/** Beyond it lies less than 2^-64 of any of the laws. */
const FARTHEST = 9.5;
/** A centroid moves less than this in a round: about what a 32-bit number can say of it. */
const SETTLED = 1e-7;
/** The finest codebook needs a few hundred. */
const MAX_ROUNDS = 20_000;

/**
 * Of `from` bits unless it is `bits`: then cells of the finer codebook are put together, as many as one bit less and less leaves apart, each with the mean of what falls into it.
 */
export function createCodebook(dim: number, bits: number, from = bits): Codebook {
  const name = `${dim} ${bits} ${from}`;
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const codebook = from === bits ? lloydMax(dim, bits) : merged(dim, createCodebook(dim, from), bits);
  if (KNOWN.size >= MOST_KNOWN) KNOWN.clear();
  KNOWN.set(name, codebook);
  return codebook;
}

/** The finest takes a tenth of a second to find, and a program has few dimensions and widths: a codebook says the same whoever asks, and nobody changes it. */
const KNOWN = new Map<string, Codebook>();
const MOST_KNOWN = 64;

function merged(dim: number, finer: Codebook, bits: number): Codebook {
  const law = lawOf(dim, (density) => density);
  const [count, each] = [2 ** (bits - 1), 2 ** (finer.bits - bits)];
  const borders = Float32Array.from({ length: count - 1 }, (_, nth) => finer.borders[(nth + 1) * each - 1] as number);
  const edges = [0, ...borders, law.end];
  const centroids = Array.from({ length: count }, (_, nth) => law.mean(edges[nth] as number, edges[nth + 1] as number));
  return { bits, centroids: Float32Array.from(centroids), borders, distortion: distortionOf(law, centroids, edges) };
}

function lloydMax(dim: number, bits: number): Codebook {
  const law = lawOf(dim, (density) => density);
  const count = 2 ** (bits - 1);
  // Where cells are many, their borders share out the cube root of the density (Panter and Dite 1951): from there it is not far.
  const guess = lawOf(dim, cubeRoot);
  const shares = Array.from({ length: count + 1 }, (_, nth) => quantile(guess, nth / count));
  let centroids: readonly number[] = shares.slice(1).map((share, nth) => law.mean(shares[nth] as number, share));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = centroids.map((_, nth) => law.mean(borderBelow(centroids, nth), borderAbove(law, centroids, nth)));
    const moved = next.reduce((most, value, nth) => Math.max(most, Math.abs(value - (centroids[nth] as number))), 0);
    centroids = next;
    if (moved < SETTLED) break;
  }
  const rounded = Float32Array.from(centroids);
  return {
    bits,
    centroids: rounded,
    borders: Float32Array.from({ length: count - 1 }, (_, nth) => borderBelow([...rounded], nth + 1)),
    distortion: distortionOf(law, centroids, [0, ...centroids.map((_, nth) => borderAbove(law, centroids, nth))]),
  };
}

/** The half of a law to the right of zero. */
interface Law {
  readonly end: number;
  /** Of what lies between. */
  mass(from: number, to: number): number;
  mean(from: number, to: number): number;
  readonly square: number;
}

function lawOf(dim: number, of: (density: number) => number): Law {
  const end = Math.min(FARTHEST, Math.sqrt(dim));
  const width = end / CELLS;
  /** Sums of mass and moment of all cells before. */
  const [masses, moments] = [new Float64Array(CELLS + 1), new Float64Array(CELLS + 1)];
  let square = 0;
  for (let cell = 0; cell < CELLS; cell++) {
    const middle = (cell + 0.5) * width;
    const mass = of(halfPower(1 - (middle * middle) / dim, dim - 3));
    masses[cell + 1] = (masses[cell] as number) + mass;
    moments[cell + 1] = (moments[cell] as number) + mass * middle;
    square += mass * middle * middle;
  }
  const all = masses[CELLS] as number;
  const sumUpTo = (sums: Float64Array, at: number): number => {
    const place = Math.min(CELLS, at / width);
    const cell = Math.min(CELLS - 1, Math.floor(place));
    const before = sums[cell] as number;
    return before + (place - cell) * ((sums[cell + 1] as number) - before);
  };
  return {
    end,
    mass: (from, to) => (sumUpTo(masses, to) - sumUpTo(masses, from)) / all,
    mean: (from, to) => {
      const mass = sumUpTo(masses, to) - sumUpTo(masses, from);
      return mass > 0 ? (sumUpTo(moments, to) - sumUpTo(moments, from)) / mass : (from + to) / 2;
    },
    square: square / all,
  };
}

/** `base` to half of a whole exponent, of which -1 is the least. */
function halfPower(base: number, exponent: number): number {
  if (exponent < 0) return 1 / Math.sqrt(base);
  let result = exponent % 2 === 1 ? Math.sqrt(base) : 1;
  let factor = base;
  for (let left = Math.floor(exponent / 2); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}

/** By Newton: `Math.cbrt` is not the same everywhere. */
function cubeRoot(value: number): number {
  let root = value > 1 ? value : 1;
  for (;;) {
    const next = root - (root - value / (root * root)) / 3;
    if (!(next < root)) return root;
    root = next;
  }
}

function quantile(law: Law, share: number): number {
  let [low, high] = [0, law.end];
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2;
    if (law.mass(0, middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function borderBelow(centroids: readonly number[], nth: number): number {
  return nth === 0 ? 0 : ((centroids[nth - 1] as number) + (centroids[nth] as number)) / 2;
}

function borderAbove(law: Law, centroids: readonly number[], nth: number): number {
  return nth === centroids.length - 1 ? law.end : borderBelow(centroids, nth + 1);
}

/** E[(t - c)^2] = E[t^2] - sum over cells of mass * (2 * mean * c - c^2). Cells lie between one edge and the next. */
function distortionOf(law: Law, centroids: readonly number[], edges: readonly number[]): number {
  const explained = centroids.reduce((sum, centroid, nth) => {
    const [from, to] = [edges[nth] as number, edges[nth + 1] as number];
    return sum + law.mass(from, to) * (2 * law.mean(from, to) - centroid) * centroid;
  }, 0);
  return (law.square - explained) / law.square;
}

/**
 * Codebooks for the angles of PolarQuant (arXiv 2502.02617, lemma 2): a random direction of 2^l coordinates has, at its root, the angle between the
 * lengths of its halves, with a density proportional to sin(2 psi)^(2^(l-1)-1) from 0 to a right angle; at the leaves (l = 1), all directions of
 * the plane alike.
 *
 * An angle is never computed: a point is placed by which borders it lies beyond, the sign of one cross product each. That, and series for
 * sine and cosine in place of `Math.sin`, make the codes the same bytes on every engine.
 */
export interface AngleCodebook {
  readonly bits: number;
  /** Cosine and sine of what each place is taken for. */
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
  /** Mean cosine of what an angle is off by: what is left of a length in the direction it had. */
  readonly kept: number;
  /** Of the point's direction; at a level above the first neither of the two is negative. */
  place(x: number, y: number): number;
}

/** Cells the law is summed up in. */
const CELLS = 8192;
/** Of an angle, in a round. */
const SETTLED = 1e-12;
/** The finest codebook needs a few thousand. */
const MAX_ROUNDS = 20_000;

/** `level`: 1 for pairs of coordinates, 2 for pairs of their lengths, and so on. */
export function createAngleCodebook(level: number, bits: number): AngleCodebook {
  return level === 1 ? evenCodebook(bits) : peakedCodebook(2 ** (level - 1) - 1, bits);
}

/** Equal arcs, from the first axis on. */
function evenCodebook(bits: number): AngleCodebook {
  const count = 2 ** bits;
  const arc = (2 * Math.PI) / count;
  const borders = createBorders(Array.from({ length: count / 2 - 1 }, (_, nth) => (nth + 1) * arc));
  return {
    ...taken(Array.from({ length: count }, (_, nth) => (nth + 0.5) * arc)),
    bits,
    kept: sine(arc / 2) / (arc / 2),
    // Below the first axis as the point opposite, half of the arcs further on.
    place: (x, y) => (y < 0 || (y === 0 && x < 0) ? count / 2 + borders.below(-x, -y) : borders.below(x, y)),
  };
}

function peakedCodebook(exponent: number, bits: number): AngleCodebook {
  const law = lawOf(exponent);
  const count = 2 ** bits;
  // Where cells are many, their borders share out the cube root of the density (Panter and Dite 1951): from about there it is not far.
  const guess = lawOf(Math.round(exponent / 3));
  let angles: readonly number[] = Array.from({ length: count }, (_, nth) => guess.quantile((nth + 0.5) / count));
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const cells = cellsOf(angles);
    const next = angles.map((_, nth) => law.mean(cells[nth] as number, cells[nth + 1] as number));
    const moved = next.reduce((most, angle, nth) => Math.max(most, Math.abs(angle - (angles[nth] as number))), 0);
    angles = next;
    if (moved < SETTLED) break;
  }
  const borders = createBorders(cellsOf(angles).slice(1, -1));
  return { ...taken(angles), bits, kept: law.kept(angles), place: borders.below };
}

const RIGHT_ANGLE = Math.PI / 2;

/** Where cells begin, and where the last ends. */
function cellsOf(angles: readonly number[]): readonly number[] {
  const between = angles.slice(1).map((angle, nth) => (angle + (angles[nth] as number)) / 2);
  return [0, ...between, RIGHT_ANGLE];
}

function taken(angles: readonly number[]): Pick<AngleCodebook, "cosines" | "sines"> {
  return { cosines: Float64Array.from(angles, (angle) => sine(angle + RIGHT_ANGLE)), sines: Float64Array.from(angles, sine) };
}

interface Borders {
  /** How many of them a point of the upper half of the plane lies beyond. */
  below(x: number, y: number): number;
}

/** `angles`: rising, between 0 and two right angles. */
function createBorders(angles: readonly number[]): Borders {
  const { cosines, sines } = taken(angles);
  return {
    below: (x, y) => {
      let [low, high] = [0, angles.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((cosines[middle] as number) * y - (sines[middle] as number) * x > 0) low = middle + 1;
        else high = middle;
      }
      return low;
    },
  };
}

interface Law {
  mean(from: number, to: number): number;
  quantile(share: number): number;
  /** Mean cosine of the way from an angle to the nearest of these. */
  kept(angles: readonly number[]): number;
}

function lawOf(exponent: number): Law {
  const width = RIGHT_ANGLE / CELLS;
  const middleOf = (cell: number): number => (cell + 0.5) * width;
  const density = Float64Array.from({ length: CELLS }, (_, cell) => power(sine(2 * middleOf(cell)), exponent));
  /** Sums of mass and moment of all cells before. */
  const [masses, moments] = [new Float64Array(CELLS + 1), new Float64Array(CELLS + 1)];
  for (const [cell, mass] of density.entries()) {
    masses[cell + 1] = (masses[cell] as number) + mass;
    moments[cell + 1] = (moments[cell] as number) + mass * middleOf(cell);
  }
  const sumUpTo = (sums: Float64Array, angle: number): number => {
    const place = Math.min(CELLS, angle / width);
    const cell = Math.min(CELLS - 1, Math.floor(place));
    const before = sums[cell] as number;
    return before + (place - cell) * ((sums[cell + 1] as number) - before);
  };
  const all = masses[CELLS] as number;
  return {
    mean: (from, to) => {
      const mass = sumUpTo(masses, to) - sumUpTo(masses, from);
      return mass > 0 ? (sumUpTo(moments, to) - sumUpTo(moments, from)) / mass : (from + to) / 2;
    },
    quantile: (share) => {
      const cell = masses.findIndex((mass) => mass >= share * all);
      return (cell - 0.5) * width;
    },
    kept: (angles) => {
      const cells = cellsOf(angles);
      let nth = 0;
      return density.reduce((sum, mass, cell) => {
        while (middleOf(cell) > (cells[nth + 1] as number)) nth++;
        return sum + (mass / all) * sine(middleOf(cell) - (angles[nth] as number) + RIGHT_ANGLE);
      }, 0);
    },
  };
}

function power(base: number, exponent: number): number {
  let result = 1;
  let factor = base;
  for (let left = exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= factor;
    factor *= factor;
  }
  return result;
}

/** By its series, up to what a float can no longer tell. Of at most a turn and a half. */
export function sine(angle: number): number {
  const turned = angle > Math.PI ? angle - 2 * Math.PI : angle;
  let [sum, term] = [turned, turned];
  for (let nth = 2; ; nth += 2) {
    term *= (-turned * turned) / (nth * (nth + 1));
    if (sum + term === sum) return sum;
    sum += term;
  }
}

/**
 * The way of one query through cells, and when it has gone far enough. Of the vectors that have a given cosine to the query each cell has a share: what is found in some cells tells how much there is
 * in all. What the law of shares says is held against what was there for vectors of the index.
 */
import type { Group } from "./blocks.ts";
import { expectedRecall } from "./error-law.ts";

/** Where in the order of cells it is asked how many of the best are passed: from four cells on, twice as many each time. */
const DEPTHS = 12;
/** No law is as sharp as none at all. */
export const LEAST_SPREAD = 1e-3;
/** Cells that a search looks at first, and by how much more each time. */
const FIRST_CELLS = 4;
/** Or one in so many, where there are many. */
const FIRST_OF = 64;
/** Of those that were found, so many are asked which cells one like it could be in. */
const ASKED = 3;
/** The order of cells is made again when what is looked for has moved so far. */
const MOVED = 0.02;
/** Cells with less than e to this of what the best has have nothing. */
const LEAST_LOG = -30;
/** Cells are put in order by so many steps in a unit, up to this far from the first; together with their numbers that fits the whole numbers of a float. */
const STEPS = 2 ** 14;
const FAR = 2 ** 12;
const MOST_CELLS = 2 ** 26;
const GROWTH = 1.5;

/** What is known of a cell. */
export interface CellMoments {
  readonly group: Group;
  /** Of cosines of its vectors and its middle: how many, their sum and that of their squares. */
  readonly counted: number;
  readonly cosines: number;
  readonly squares: number;
}

/** What all cells have of the vectors at a cosine to a query. */
export class CellShares {
  readonly #cells: readonly CellMoments[];
  /** Of the query and the middles. */
  readonly #cosines: Float64Array;
  /** Of the logarithm of a density: what it has at the mean, and by how much it falls with the square of the distance from it. */
  readonly #tops: Float64Array;
  readonly #falls: Float64Array;
  readonly #means: Float64Array;
  readonly #logs: Float64Array;
  readonly #parts: Float64Array;

  /** `across`: mean square of the cosine of what is left of two vectors across a middle. */
  constructor(cells: readonly CellMoments[], cosines: Float64Array, across: number) {
    this.#cells = cells;
    this.#cosines = cosines;
    const numbers = (): Float64Array => new Float64Array(cells.length);
    [this.#tops, this.#falls, this.#means, this.#logs, this.#parts] = [numbers(), numbers(), numbers(), numbers(), numbers()];
    for (let nth = 0; nth < cells.length; nth++) {
      const { group, counted, cosines: sum, squares } = cells[nth] as CellMoments;
      const cosine = cosines[nth] as number;
      const mean = counted > 0 ? sum / counted : 0;
      const square = counted > 0 ? squares / counted : 0;
      const beside = Math.max(0, 1 - cosine * cosine) * Math.max(0, 1 - square) * across;
      const variance = Math.max(beside + cosine * cosine * Math.max(0, square - mean * mean), LEAST_SPREAD * LEAST_SPREAD);
      this.#means[nth] = cosine * mean;
      this.#falls[nth] = 1 / (2 * variance);
      this.#tops[nth] = Math.log(Math.max(group.blocks.length, Number.MIN_VALUE)) - Math.log(variance) / 2;
    }
  }

  get count(): number {
    return this.#cells.length;
  }

  blocksOf(cell: number): readonly number[] {
    return (this.#cells[cell] as CellMoments).group.blocks;
  }

  /** All cells, those first whose middles are nearest to the query. */
  byCosine(): Uint32Array {
    return inOrder(Uint32Array.from(this.#cells.keys()), this.#cosines, 1);
  }

  /** These cells, those first that have most at a cosine. */
  byDensity(cells: Uint32Array, cosine: number): Uint32Array {
    const most = this.#logsAt(cosine);
    return inOrder(cells, this.#logs, most);
  }

  /** The part of all at a cosine that some cells have, of which this is one where `isOne` has a 1. */
  partOf(isOne: Uint8Array, cosine: number): number {
    const parts = this.partsAt(cosine);
    let theirs = 0;
    for (let cell = 0; cell < isOne.length; cell++) if (isOne[cell] === 1) theirs += parts[cell] as number;
    return theirs;
  }

  /** The part of all at a cosine that each cell has, until this is asked again. */
  partsAt(cosine: number): Float64Array {
    const most = this.#logsAt(cosine);
    let all = 0;
    for (let cell = 0; cell < this.#parts.length; cell++) {
      const less = (this.#logs[cell] as number) - most;
      const density = less < LEAST_LOG ? 0 : Math.exp(less);
      this.#parts[cell] = density;
      all += density;
    }
    for (let cell = 0; cell < this.#parts.length; cell++) this.#parts[cell] = (this.#parts[cell] as number) / all;
    return this.#parts;
  }

  /** The largest of the logarithms of densities. */
  #logsAt(cosine: number): number {
    let most = Number.NEGATIVE_INFINITY;
    for (let cell = 0; cell < this.#logs.length; cell++) {
      const off = cosine - (this.#means[cell] as number);
      const log = (this.#tops[cell] as number) - (this.#falls[cell] as number) * off * off;
      this.#logs[cell] = log;
      if (log > most) most = log;
    }
    return most;
  }
}

/** Cells by what they have of something, the most first: sorted as numbers that have the cell in their last digits, which takes a fifth of the time that comparing takes. */
function inOrder(cells: Uint32Array, of: Float64Array, most: number): Uint32Array {
  const keys = Float64Array.from(
    cells,
    (cell) => Math.floor(Math.min(most - (of[cell] as number), FAR) * STEPS) * MOST_CELLS + cell,
  ).sort();
  return Uint32Array.from(keys, (key) => key % MOST_CELLS);
}

/** Which cells a search has looked at, and what that leaves. */
export class CellWay {
  readonly #shares: CellShares;
  readonly #curve: RecallCurve;
  #waiting: Uint32Array;
  readonly #isPassed: Uint8Array;
  /** The cosine that the order of those waiting was made for; beyond all cosines where it is another order. */
  #orderedAt = 2;

  constructor(shares: CellShares, curve: RecallCurve) {
    this.#shares = shares;
    this.#curve = curve;
    // Where the query itself would stand comes first.
    this.#waiting = shares.byCosine();
    this.#isPassed = new Uint8Array(shares.count);
  }

  get isAtEnd(): boolean {
    return this.#waiting.length === 0;
  }

  /** Blocks of the next cells. `cosine`: of the worst that was found so far, which better ones are looked for. */
  next(cosine?: number): readonly number[] {
    const passed = this.#isPassed.length - this.#waiting.length;
    if (cosine !== undefined && Math.abs(cosine - this.#orderedAt) > MOVED) {
      this.#waiting = this.#shares.byDensity(this.#waiting, cosine);
      this.#orderedAt = cosine;
    }
    const first = Math.max(FIRST_CELLS, Math.ceil(this.#isPassed.length / FIRST_OF));
    const now = this.#waiting.subarray(0, passed === 0 ? first : Math.ceil((GROWTH - 1) * passed));
    this.#waiting = this.#waiting.subarray(now.length);
    for (const cell of now) this.#isPassed[cell] = 1;
    return Array.from(now, (cell) => this.#shares.blocksOf(cell)).flat();
  }

  hasPassed(cell: number): boolean {
    return this.#isPassed[cell] === 1;
  }

  /** What was found has these cosines, the best first: the recall that is expected of it. */
  recallOf(cosines: readonly number[]): number {
    if (this.isAtEnd) return 1;
    const told = this.toldOf(cosines);
    // Vectors of the index had a hand in where middles are, queries had not: where the law says less, it is believed.
    return Math.min(told, recallWhere(this.#curve, told));
  }

  /** What the law says of it. */
  toldOf(cosines: readonly number[]): number {
    const size = Math.ceil(cosines.length / ASKED);
    const chances: number[] = [];
    for (let first = 0; first < cosines.length; first += size) {
      const group = cosines.slice(first, first + size);
      // The worst of a few speaks for them: better ones are where the query is.
      const chance = this.#shares.partOf(this.#isPassed, group.at(-1) as number);
      for (let nth = 0; nth < group.length; nth++) chances.push(chance);
    }
    return expectedRecall(chances);
  }
}

/** The recall that there is, over all witnesses, where the law first says at least so much: rising. */
export type RecallCurve = readonly { readonly told: number; readonly is: number }[];

export type BestInCells = readonly { readonly cell: number; readonly cosine: number }[];

/** What the law says and what there is, wherever a search could stop. */
export function stopsOf(way: CellWay, best: BestInCells): RecallCurve {
  const cosines = best.map(({ cosine }) => cosine);
  const worst = cosines.reduce((so, cosine) => Math.min(so, cosine), 1);
  const stops: { readonly told: number; readonly is: number }[] = [];
  way.next();
  while (!way.isAtEnd) {
    stops.push({ told: way.toldOf(cosines), is: best.filter(({ cell }) => way.hasPassed(cell)).length / best.length });
    way.next(worst);
  }
  return [...stops, { told: 1, is: 1 }];
}

export function curveOf(witnesses: readonly RecallCurve[]): RecallCurve {
  const curve = CURVE.map((told) => {
    const there = witnesses.map((stops) => stops.find((stop) => stop.told >= told)?.is ?? 1);
    return { told, is: there.reduce((sum, is) => sum + is, 0) / there.length };
  });
  // What few witnesses say wavers: more of the law is never less of the best.
  return curve.map(({ told }, nth) => ({ told, is: Math.min(...curve.slice(nth).map(({ is }) => is)) }));
}

/** From a half to all but a thousandth. */
const CURVE = Array.from({ length: 19 }, (_, nth) => 1 - 2 ** (-1 - nth / 2));

function recallWhere(curve: RecallCurve, told: number): number {
  return curve.reduce((so, point) => (point.told <= told ? Math.max(so, point.is) : so), Math.min(told, curve[0]?.is ?? told));
}

/** Over some depths of the order of cells, how many more of the best are passed than the law says. */
export function surplusOf(shares: CellShares, best: BestInCells): number {
  const worst = best.reduce((so, { cosine }) => Math.min(so, cosine), 1);
  const order = shares.byDensity(shares.byCosine(), worst);
  let surplus = 0;
  for (const { cell, cosine } of best) {
    const parts = shares.partsAt(cosine);
    const place = order.indexOf(cell);
    let [passed, at] = [0, 0];
    for (let depth = 0; depth < DEPTHS && FIRST_CELLS * 2 ** depth < order.length; depth++) {
      for (; at < FIRST_CELLS * 2 ** depth; at++) passed += parts[order[at] as number] as number;
      surplus += (place < at ? 1 : 0) - passed;
    }
  }
  return surplus;
}

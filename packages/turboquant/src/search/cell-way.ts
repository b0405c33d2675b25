/**
 * The way of one query through cells, and when it has gone far enough. Of the vectors that have a given cosine to the query each cell has a share: what is found in some cells tells how much there is
 * in all. What the law of shares says is held against what was there for vectors of the index.
 */
import { expectedRecall } from "./error-law.ts";

/** Where in the order of cells it is asked how many of the best are passed: from four cells on, twice as many each time. */
const DEPTHS = 12;
/** No law is as sharp as none at all. */
export const LEAST_SPREAD = 1e-3;
/** Cells that a search looks at first, and by how much more each time. */
const FIRST_CELLS = 4;
const GROWTH = 1.5;

export interface CellShare {
  readonly nth: number;
  readonly blocks: readonly number[];
  readonly count: number;
  /** Of the query and the middle. */
  readonly cosine: number;
  /** Of cosines of the query and the vectors of the cell. */
  readonly mean: number;
  readonly spread: number;
}

/** Which cells a search has looked at, and what that leaves. */
export class CellWay {
  #waiting: readonly CellShare[];
  readonly #passed: CellShare[] = [];

  readonly #curve: RecallCurve;

  constructor(cells: readonly CellShare[], curve: RecallCurve) {
    // Where the query itself would stand comes first.
    this.#waiting = cells.toSorted((left, right) => right.cosine - left.cosine);
    this.#curve = curve;
  }

  get isAtEnd(): boolean {
    return this.#waiting.length === 0;
  }

  /** Blocks of the next cells. `cosine`: of the worst that was found so far, which better ones are looked for. */
  next(cosine?: number): readonly number[] {
    if (cosine !== undefined) this.#waiting = this.#waiting.toSorted((left, right) => logDensity(right, cosine) - logDensity(left, cosine));
    const count = this.#passed.length === 0 ? FIRST_CELLS : Math.ceil((GROWTH - 1) * this.#passed.length);
    const now = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#passed.push(...now);
    return now.flatMap(({ blocks }) => blocks);
  }

  hasPassed(cell: number): boolean {
    return this.#passed.some(({ nth }) => nth === cell);
  }

  /** What was found has these cosines: the recall that is expected of it. */
  recallOf(cosines: readonly number[]): number {
    if (this.isAtEnd) return 1;
    const told = this.toldOf(cosines);
    // Vectors of the index had a hand in where middles are, queries had not: where the law says less, it is believed.
    return Math.min(told, recallWhere(this.#curve, told));
  }

  /** What the law says of it. */
  toldOf(cosines: readonly number[]): number {
    return expectedRecall(
      cosines.map((cosine) => {
        const logs = [this.#passed, this.#waiting].map((cells) => cells.map((cell) => logDensity(cell, cosine)));
        const most = logs.flat().reduce((so, log) => Math.max(so, log), Number.NEGATIVE_INFINITY);
        const [passed, waiting] = logs.map((of) => of.reduce((sum, log) => sum + Math.exp(log - most), 0)) as [number, number];
        return passed / (passed + waiting);
      }),
    );
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
export function surplusOf(cells: readonly CellShare[], best: BestInCells): number {
  const worst = best.reduce((so, { cosine }) => Math.min(so, cosine), 1);
  const order = cells.toSorted((left, right) => logDensity(right, worst) - logDensity(left, worst));
  const placeOf = new Map(order.map(({ nth }, place) => [nth, place]));
  let surplus = 0;
  for (const { cell, cosine } of best) {
    const shares = order.map((each) => logDensity(each, cosine));
    const most = shares.reduce((so, share) => Math.max(so, share), Number.NEGATIVE_INFINITY);
    const all = shares.reduce((sum, share) => sum + Math.exp(share - most), 0);
    let [passed, at] = [0, 0];
    for (let depth = 0; depth < DEPTHS && FIRST_CELLS * 2 ** depth < order.length; depth++) {
      for (; at < FIRST_CELLS * 2 ** depth; at++) passed += Math.exp((shares[at] as number) - most);
      surplus += ((placeOf.get(cell) as number) < at ? 1 : 0) - passed / all;
    }
  }
  return surplus;
}

function logDensity({ count, mean, spread }: CellShare, cosine: number): number {
  const off = (cosine - mean) / spread;
  return Math.log(Math.max(count, Number.MIN_VALUE)) - Math.log(spread) - (off * off) / 2;
}

/**
 * Where there are many vectors, those that are alike stand together, in cells, and a search looks at the cells that are like the query. A cell has a middle: the mean of the signs of its vectors. A
 * vector goes to the cell whose middle it differs from least; a cell that grows too large becomes two.
 *
 * How many cells a search looks at is computed, as the number of candidates is. With a the cosine of query and middle, and r that of the vectors of a cell and its middle, cosines of the query and
 * the vectors of the cell have the mean a r, and a spread that follows from a, r and how far what is left of both across the middle points the same way, which is measured among the vectors. So each
 * cell has its share in the vectors of a given cosine, and what was found in some cells tells how much there is in all.
 */
import type { Encoder } from "../codec/encoder.ts";
import { isTurboQuantError } from "../error.ts";
import type { Kernels } from "../kernels/kernels.ts";
import { SignRows } from "./bisection.ts";
import { BLOCK_ROWS, Blocks, type Group, type Width } from "./blocks.ts";
import { type CellShare, CellWay, curveOf, LEAST_SPREAD, type RecallCurve, stopsOf, surplusOf } from "./cell-way.ts";
import { cosineAt } from "./error-law.ts";
import { LIST, type ListPlace, type Multiplier, putInList } from "./question.ts";

/** Blocks of a cell, at most: then it becomes two. */
const CELL_BLOCKS = 16;
/** Blocks of a cell whose signs stand behind one another. */
const CELL_SHELF = 1;
/** Vectors for each cell that the first middles are made of, and rounds in which they settle. */
const SAMPLED = 32;
const ROUNDS = 4;
/** The law has one number that is measured; it is found by halves. */
const HALVES = 30;

interface Cell {
  group: Group;
  /** Of cosines of its vectors and its middle: how many, their sum and that of their squares. */
  counted: number;
  cosines: number;
  squares: number;
}

export interface CellsInside {
  readonly dim: number;
  readonly blocks: Blocks;
  readonly encoder: Encoder;
  readonly kernels: Kernels;
  readonly place: ListPlace;
  /** Of middles. */
  readonly width: Width;
  readonly multiplier: Multiplier;
  /** A vector stands in another slot now. */
  readonly moved: (from: number, to: number) => void;
}

/** The cell for a vector, and how many of its signs differ from the middle's. */
export interface Nearest {
  readonly cell: number;
  readonly distance: number;
}

export class Cells {
  readonly #inside: CellsInside;
  readonly #rows: SignRows;
  readonly #cells: Cell[] = [];
  /** The nth middle is in the nth slot. */
  readonly #middles: Blocks;
  readonly #middleGroup: Group;
  readonly #signsAt: number;
  readonly #distancesAt: number;
  /** Mean square of the cosine of what is left of two vectors across a middle. */
  #across: number;
  #curve: RecallCurve = [];

  /** For vectors such as these blocks have. */
  constructor(inside: CellsInside, from: readonly number[]) {
    this.#inside = inside;
    const { dim, blocks, encoder } = inside;
    this.#middles = new Blocks(dim, encoder.arena);
    this.#middleGroup = this.#middles.newGroup(CELL_SHELF);
    this.#signsAt = encoder.arena.allocate(blocks.lookStride);
    this.#distancesAt = encoder.arena.allocate(2 * BLOCK_ROWS);
    this.#rows = new SignRows(dim, blocks, inside.kernels, encoder.arena);
    this.#across = 1 / dim;
    const live = from.flatMap((block) => this.#liveIn(block));
    const cells = Math.ceil((2 * live.length) / (CELL_BLOCKS * BLOCK_ROWS));
    const step = Math.max(1, Math.floor(live.length / (cells * SAMPLED)));
    this.#begin(
      live.filter((_, nth) => nth % step === 0),
      cells,
    );
  }

  get count(): number {
    return this.#cells.length;
  }

  /** For the vector that was turned last. */
  nearest(): Nearest {
    const { kernels, encoder, blocks } = this.#inside;
    kernels.signPlane(encoder.turnedAt, blocks.looks, this.#signsAt);
    return this.#nearestTo(this.#signsAt);
  }

  groupOf({ cell }: Nearest): Group {
    return (this.#cells[cell] as Cell).group;
  }

  /** Takes note of a vector that was put into a cell, and makes two of one that is too large. */
  added(nearest: Nearest): void {
    this.#count(nearest);
    if ((this.#cells[nearest.cell] as Cell).group.blocks.length > CELL_BLOCKS) this.#split(nearest.cell);
  }

  /**
   * Puts what a group has into cells, block by block, so that the memory of one serves the next, and gives the group up: true. Where memory ends, the rest stays in the group, and may be looked at there.
   */
  shareOut(flat: Group): boolean {
    const { blocks } = this.#inside;
    const numbers = [...flat.blocks];
    const isDone = asFarAsMemoryGoes(() => {
      for (const [nth, block] of numbers.entries()) {
        for (const slot of this.#liveIn(block)) {
          const nearest = this.#nearestTo(blocks.signsAt(slot));
          this.#move(slot, this.groupOf(nearest));
          this.#count(nearest);
        }
        blocks.giveUp(flat, block);
        if ((nth + 1) % flat.shelfBlocks === 0 || nth === numbers.length - 1) blocks.releaseShelf(flat, CELL_SHELF);
      }
    });
    this.#splitLarge();
    return isDone;
  }

  /** Whether a vector is in a cell. */
  has(slot: number): boolean {
    return this.#cells.some(({ group }) => group === this.#inside.blocks.groupAt(slot >>> 6));
  }

  /** The way of one query through the cells. */
  ask(turned: Float32Array): CellWay {
    return new CellWay(this.#sharesFor(this.#cosinesTo(turned), this.#across), this.#curve);
  }

  /** Of all cells. */
  get blocks(): readonly number[] {
    return this.#cells.flatMap(({ group }) => group.blocks);
  }

  /**
   * Measures how far what is left across a middle points the same way, by vectors of the index and those that are truly the best for each: as many of these have to be passed with so many cells as the
   * law says.
   */
  measure(witnesses: readonly Witness[]): void {
    const cellOf = new Map(this.#cells.map(({ group }, cell) => [group, cell]));
    const known = witnesses.map(({ turned, best }) => ({
      cosines: this.#cosinesTo(turned),
      best: best.map(({ slot, cosine }) => ({ cell: cellOf.get(this.#inside.blocks.groupAt(slot >>> 6)) as number, cosine })),
    }));
    /** By how many more are passed than the law says. */
    const surplus = (across: number): number =>
      known.reduce((sum, { cosines, best }) => sum + surplusOf(this.#sharesFor(cosines, across), best), 0);
    let [low, high] = [Math.log(LEAST_SPREAD ** 2), 0];
    for (let step = 0; step < HALVES; step++) {
      const middle = (low + high) / 2;
      // The farther apart, the more cells the law wants.
      if (surplus(Math.exp(middle)) > 0) high = middle;
      else low = middle;
    }
    this.#across = Math.exp(high);
    this.#curve = curveOf(known.map(({ cosines, best }) => stopsOf(new CellWay(this.#sharesFor(cosines, this.#across), []), best)));
  }

  #sharesFor(cosines: Float64Array, ofAcross: number): readonly CellShare[] {
    return this.#cells.map((cell, nth): CellShare => {
      const cosine = cosines[nth] as number;
      const mean = cell.counted > 0 ? cell.cosines / cell.counted : 0;
      const square = cell.counted > 0 ? cell.squares / cell.counted : 0;
      const across = Math.max(0, 1 - cosine * cosine) * Math.max(0, 1 - square) * ofAcross;
      const spread = Math.sqrt(across + cosine * cosine * Math.max(0, square - mean * mean));
      return {
        nth,
        blocks: cell.group.blocks,
        count: cell.group.blocks.length,
        cosine,
        mean: cosine * mean,
        spread: Math.max(spread, LEAST_SPREAD),
      };
    });
  }

  /** Middles, and what is known of cells. */
  get sizeBytes(): number {
    return this.#middles.sizeBytes;
  }

  /** Middles begin as vectors and become means of those that are nearest to them (Lloyd 1957), over some of all. */
  #begin(sample: readonly number[], cells: number): void {
    const { blocks } = this.#inside;
    const step = Math.max(1, Math.floor(sample.length / cells));
    for (let nth = 0; nth < sample.length && this.#cells.length < cells; nth += step) this.#add([sample[nth] as number]);
    for (let round = 0; round < ROUNDS; round++) {
      const parts = this.#cells.map((): number[] => []);
      for (const slot of sample) (parts[this.#nearestTo(blocks.signsAt(slot)).cell] as number[]).push(slot);
      for (const [nth, part] of parts.entries()) if (part.length > 0) this.#writeMiddle(nth, part);
    }
  }

  #add(slots: readonly number[]): number {
    const { blocks, width } = this.#inside;
    const nth = this.#cells.length;
    const group = blocks.newGroup(CELL_SHELF);
    this.#cells.push({ group, counted: 0, cosines: 0, squares: 0 });
    this.#middles.take(width, this.#middleGroup);
    this.#writeMiddle(nth, slots);
    return nth;
  }

  #writeMiddle(nth: number, slots: readonly number[]): void {
    const { dim, encoder } = this.#inside;
    const mean = this.#rows.mean(slots);
    const length = Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0)) || 1;
    const { f32 } = encoder.arena.views;
    for (let at = 0; at < dim; at++) f32[encoder.turnedAt / 4 + at] = ((mean[at] as number) / length) * Math.sqrt(dim);
    const more = { from: this.#middles.looks, at: this.#middles.moreAt(nth) };
    const to = { signs: this.#middles.signsAt(nth), more, rest: this.#middles.restAt(nth), stride: this.#middles.signStride };
    f32[this.#middles.scaleAt(nth) / 4] = encoder.write(1 / Math.sqrt(dim), to);
  }

  /** Middles become the means of what is in their cells, and every vector goes where it differs least: what was put into a cell of many kinds may have a better one since. */
  tidy(): void {
    const { blocks } = this.#inside;
    const members = this.#cells.map(({ group }) => group.blocks.flatMap((block) => this.#liveIn(block)));
    for (const [nth, slots] of members.entries()) {
      Object.assign(this.#cells[nth] as Cell, { counted: 0, cosines: 0, squares: 0 });
      if (slots.length > 0) this.#writeMiddle(nth, slots);
    }
    asFarAsMemoryGoes(() => {
      for (const [nth, slots] of members.entries())
        for (const slot of slots) {
          const nearest = this.#nearestTo(blocks.signsAt(slot));
          this.#count(nearest);
          if (nearest.cell === nth) continue;
          this.#move(slot, this.groupOf(nearest));
          blocks.leave(slot);
        }
    });
    this.#splitLarge();
  }

  /** A cell that is too large is slow, no more: where memory ends it stays so. */
  #splitLarge(): void {
    for (let cell = 0; cell < this.#cells.length; cell++)
      while ((this.#cells[cell] as Cell).group.blocks.length > CELL_BLOCKS) if (!asFarAsMemoryGoes(() => this.#split(cell))) return;
  }

  #split(nth: number): void {
    const { blocks } = this.#inside;
    const cell = this.#cells[nth] as Cell;
    const old = cell.group;
    const parts = this.#rows.bisect(old.blocks.flatMap((block) => this.#liveIn(block)));
    // First the room for all of it: what is moved in part would be in no cell.
    const targets = this.#roomFor(parts);
    const other = this.#add(parts[1]);
    this.#writeMiddle(nth, parts[0]);
    const numbers = [nth, other];
    for (const [part, slots] of parts.entries()) {
      const to = numbers[part] as number;
      const { group, places } = targets[part] as RoomInCell;
      Object.assign(this.#cells[to] as Cell, { group, counted: 0, cosines: 0, squares: 0 });
      for (const [row, slot] of slots.entries()) {
        this.#count({ cell: to, distance: this.#distance(blocks.signsAt(slot), to) });
        this.#place(slot, places[row] as number);
      }
    }
    for (const block of [...old.blocks]) blocks.giveUp(old, block);
    while (blocks.releaseShelf(old, CELL_SHELF));
  }

  #roomFor(parts: readonly (readonly number[])[]): readonly RoomInCell[] {
    const { blocks } = this.#inside;
    const rooms = parts.map((): RoomInCell => ({ group: blocks.newGroup(CELL_SHELF), places: [] }));
    try {
      for (const [part, slots] of parts.entries()) {
        const { group, places } = rooms[part] as RoomInCell;
        for (const slot of slots) places.push(blocks.take(blocks.widthAt(slot >>> 6), group));
      }
    } catch (error) {
      for (const { group, places } of rooms) {
        for (const slot of places) blocks.vacate(slot);
        for (const block of [...group.blocks]) blocks.giveUp(group, block);
        while (blocks.releaseShelf(group, CELL_SHELF));
      }
      throw error;
    }
    return rooms;
  }

  #move(from: number, group: Group): void {
    const { blocks } = this.#inside;
    this.#place(from, blocks.take(blocks.widthAt(from >>> 6), group));
  }

  #place(from: number, to: number): void {
    const { blocks, moved } = this.#inside;
    blocks.copy(from, to);
    blocks.vacate(from);
    moved(from, to);
  }

  #count({ cell, distance }: Nearest): void {
    const cosine = cosineAt(this.#inside.blocks.looks, distance);
    const found = this.#cells[cell] as Cell;
    found.counted++;
    found.cosines += cosine;
    found.squares += cosine * cosine;
  }

  #nearestTo(signsAt: number): Nearest {
    const { kernels, encoder, blocks } = this.#inside;
    const best = { cell: 0, distance: Number.POSITIVE_INFINITY };
    for (let first = 0; first < this.#cells.length; first += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, this.#cells.length - first);
      kernels.hamming(this.#middles.signsAt(first), blocks.lookStride, blocks.lookStride, rows, signsAt, this.#distancesAt);
      const { u16 } = encoder.arena.views;
      for (let row = 0; row < rows; row++) {
        const distance = u16[this.#distancesAt / 2 + row] as number;
        if (distance < best.distance) Object.assign(best, { cell: first + row, distance });
      }
    }
    return best;
  }

  #distance(signsAt: number, cell: number): number {
    return this.#rows.distance(signsAt, this.#middles.signsAt(cell));
  }

  #cosinesTo(turned: Float32Array): Float64Array {
    const { dim, encoder, place, multiplier } = this.#inside;
    const cosines = new Float64Array(this.#cells.length);
    multiplier.ask(turned);
    for (let first = 0; first < cosines.length; first += LIST) {
      const count = Math.min(LIST, cosines.length - first);
      const { u32, f32 } = encoder.arena.views;
      for (let nth = 0; nth < count; nth++) putInList(u32, place, nth, this.#middles, first + nth);
      const products = multiplier.multiply(count);
      for (let nth = 0; nth < count; nth++) {
        const scale = f32[this.#middles.scaleAt(first + nth) / 4] as number;
        cosines[first + nth] = Math.max(-1, Math.min(1, ((products[nth] as number) * multiplier.unit * scale) / Math.sqrt(dim)));
      }
    }
    return cosines;
  }

  #liveIn(block: number): readonly number[] {
    const { blocks } = this.#inside;
    return Array.from({ length: BLOCK_ROWS }, (_, row) => block * BLOCK_ROWS + row).filter((slot) => blocks.isLive(slot));
  }
}

/** A vector of the index, rotated, of length sqrt(dim), and the best for it but itself. */
export interface Witness {
  readonly turned: Float32Array;
  readonly best: readonly { readonly slot: number; readonly cosine: number }[];
}

interface RoomInCell {
  readonly group: Group;
  readonly places: number[];
}

/** Whether it was done: false where memory ended. */
function asFarAsMemoryGoes(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (isTurboQuantError(error) && error.code === "full") return false;
    throw error;
  }
}

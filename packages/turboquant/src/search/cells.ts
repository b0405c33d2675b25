/**
 * Where there are many vectors, those that are alike stand together, in cells, and a search looks at the cells that are like the query. A cell has a middle: the mean of the signs of its vectors. A
 * vector goes to the cell whose middle it differs from least; a cell that grows too large becomes two.
 *
 * How many cells a search looks at is computed, as the number of candidates is. With a the cosine of query and middle, and r that of the vectors of a cell and its middle, cosines of the query and
 * the vectors of the cell have the mean a r, and a spread that follows from a, r and how far what is left of both across the middle points the same way, which is measured among the vectors. So each
 * cell has its share in the vectors of a given cosine, and what was found in some cells tells how much there is in all.
 *
 * What takes long is done a little at a time, so that nobody who adds a vector waits for it: such methods yield wherever they may be left for a while.
 */
import { isTurboQuantError } from "../error.ts";
import { BLOCK_ROWS, type Group, type Width } from "./blocks.ts";
import {
  type BestInCells,
  type CellMoments,
  CellShares,
  CellWay,
  curveOf,
  LEAST_SPREAD,
  type RecallCurve,
  stopsOf,
  surplusOf,
} from "./cell-way.ts";
import { cosineAt } from "./error-law.ts";
import { Middles, type MiddlesInside, type Nearest } from "./middles.ts";

/** Blocks of a cell, at most: then it becomes two. */
const CELL_BLOCKS = 16;
/** Blocks of a cell whose signs stand behind one another. */
const CELL_SHELF = 4;
/** Vectors for each cell that the first middles are made of, and rounds in which they settle. */
const SAMPLED = 32;
const ROUNDS = 4;
/** Vectors that are put into a cell at once, and middles that are made. */
const AT_ONCE = 64;
/** The law has one number that is measured; it is found by halves. */
const HALVES = 12;

interface Cell extends CellMoments {
  group: Group;
  counted: number;
  cosines: number;
  squares: number;
  /** Blocks with which there was no memory to make two of it: tried again when it has more. */
  stuckWith: number;
}

export interface CellsInside extends MiddlesInside {
  /** A slot, that a search has room to look at. Throws `full`. */
  readonly take: (width: Width, group: Group) => number;
  /** A vector stands in another slot now. */
  readonly moved: (from: number, to: number) => void;
}

export class Cells {
  readonly #inside: CellsInside;
  readonly #cells: Cell[] = [];
  readonly #middles: Middles;
  /** Mean square of the cosine of what is left of two vectors across a middle. */
  #across: number;
  #curve: RecallCurve | undefined;

  /** Has none until it has begun. */
  constructor(inside: CellsInside) {
    this.#inside = inside;
    this.#middles = new Middles(inside);
    this.#across = 1 / inside.dim;
  }

  get count(): number {
    return this.#cells.length;
  }

  /** For the vector that was turned last. */
  nearest(): Nearest {
    return this.#middles.nearest();
  }

  groupOf({ cell }: Nearest): Group {
    return (this.#cells[cell] as Cell).group;
  }

  /** Takes note of a vector that was put into a cell, and makes two of one that is too large. */
  added(nearest: Nearest): void {
    this.#count(nearest);
    const cell = this.#cells[nearest.cell] as Cell;
    const { length } = cell.group.blocks;
    if (length > Math.max(CELL_BLOCKS, cell.stuckWith) && !asFarAsMemoryGoes(() => this.#split(nearest.cell))) cell.stuckWith = length;
  }

  /**
   * Puts what a group has into cells, block by block, so that the memory of one serves the next, and gives the group up. Where memory ends, the rest stays in the group, and may be looked at there.
   */
  *shareOut(flat: Group): Generator<void> {
    const { blocks } = this.#inside;
    for (let given = 1; flat.blocks.length > 0; given++) {
      const block = flat.blocks[0] as number;
      const isDone = asFarAsMemoryGoes(() => {
        for (const slot of this.#liveIn(block)) {
          const nearest = this.#middles.nearestOf(slot);
          this.#move(slot, this.groupOf(nearest));
          this.#count(nearest);
        }
        blocks.giveUp(flat, block);
        if (given % flat.shelfBlocks === 0) blocks.releaseShelf(flat, CELL_SHELF);
      });
      if (!isDone) break;
      yield;
    }
    if (flat.blocks.length === 0) while (blocks.releaseShelf(flat, CELL_SHELF));
    yield* this.#splitLarge();
  }

  /** Whether searches know how many cells to look at: until then they look at all. */
  get isMeasured(): boolean {
    return this.#curve !== undefined;
  }

  /** The way of one query through the cells. */
  ask(turned: Float32Array): CellWay {
    return new CellWay(new CellShares(this.#cells, this.#middles.cosinesTo(turned), this.#across), this.#curve ?? []);
  }

  /** Of all cells. */
  get blocks(): readonly number[] {
    return this.#cells.flatMap(({ group }) => group.blocks);
  }

  /**
   * Measures how far what is left across a middle points the same way, by vectors of the index and those that are truly the best for each: as many of these have to be passed with so many cells as the
   * law says.
   */
  *measure(witnesses: readonly Witness[]): Generator<void> {
    // Meanwhile there may be more of them.
    const cells = [...this.#cells];
    const known = witnesses.map(({ turned, best }) => ({ cosines: this.#middles.cosinesTo(turned).subarray(0, cells.length), best }));
    let [low, high] = [Math.log(LEAST_SPREAD ** 2), 0];
    for (let step = 0; step < HALVES; step++) {
      const middle = (low + high) / 2;
      /** How many more are passed than the law says. */
      let surplus = 0;
      for (const { cosines, best } of known) {
        surplus += surplusOf(new CellShares(cells, cosines, Math.exp(middle)), best);
        yield;
      }
      // The farther apart, the more cells the law wants.
      if (surplus > 0) high = middle;
      else low = middle;
    }
    const stops: RecallCurve[] = [];
    for (const { cosines, best } of known) {
      stops.push(stopsOf(new CellWay(new CellShares(cells, cosines, Math.exp(high)), []), best));
      yield;
    }
    this.#across = Math.exp(high);
    this.#curve = curveOf(stops);
  }

  /** Those of these that are in cells, and in which. */
  placed(best: readonly { readonly slot: number; readonly cosine: number }[]): BestInCells {
    const cellOf = new Map(this.#cells.map(({ group }, cell) => [group, cell]));
    return best.flatMap(({ slot, cosine }) => {
      const cell = cellOf.get(this.#inside.blocks.groupAt(slot >>> 6));
      return cell === undefined ? [] : [{ cell, cosine }];
    });
  }

  /** For vectors such as these blocks have: middles begin as vectors and become means of those that are nearest to them (Lloyd 1957), over some of all. It may be begun again, until anything is in a cell. */
  *begin(from: readonly number[]): Generator<void> {
    this.#cells.length = 0;
    this.#middles.forget();
    const live = from.flatMap((block) => this.#liveIn(block));
    const cells = Math.ceil((2 * live.length) / (CELL_BLOCKS * BLOCK_ROWS));
    const sampled = Math.max(1, Math.floor(live.length / (cells * SAMPLED)));
    const sample = live.filter((_, nth) => nth % sampled === 0);
    const step = Math.max(1, Math.floor(sample.length / cells));
    for (let nth = 0; nth < sample.length && this.#cells.length < cells; nth += step) {
      this.#add([sample[nth] as number]);
      if (this.#cells.length % AT_ONCE === 0) yield;
    }
    for (let round = 0; round < ROUNDS; round++) {
      const parts = this.#cells.map((): number[] => []);
      for (const [nth, slot] of sample.entries()) {
        // Meanwhile it may be gone.
        if (this.#inside.blocks.isLive(slot)) (parts[this.#middles.nearestOf(slot).cell] as number[]).push(slot);
        if (nth % AT_ONCE === AT_ONCE - 1) yield;
      }
      for (const [nth, part] of parts.entries()) {
        if (part.length > 0) this.#middles.write(nth, part);
        if (nth % AT_ONCE === AT_ONCE - 1) yield;
      }
    }
  }

  #add(slots: readonly number[]): number {
    // First what there may be no memory for: a cell has a middle.
    this.#middles.add(slots);
    return this.#cells.push({ group: this.#inside.blocks.newGroup(CELL_SHELF), counted: 0, cosines: 0, squares: 0, stuckWith: 0 }) - 1;
  }

  /** Middles become the means of what is in their cells, and every vector goes where it differs least: what was put into a cell of many kinds may have a better one since. */
  *tidy(): Generator<void> {
    const count = this.#cells.length;
    for (let cell = 0; cell < count; cell++) {
      if (!asFarAsMemoryGoes(() => this.#tidyCell(cell))) break;
      yield;
    }
    yield* this.#splitLarge();
  }

  #tidyCell(nth: number): void {
    const { blocks } = this.#inside;
    const cell = this.#cells[nth] as Cell;
    const slots = cell.group.blocks.flatMap((block) => this.#liveIn(block));
    Object.assign(cell, { counted: 0, cosines: 0, squares: 0 });
    if (slots.length > 0) this.#middles.write(nth, slots);
    for (const slot of slots) {
      const nearest = this.#middles.nearestOf(slot);
      this.#count(nearest);
      if (nearest.cell === nth) continue;
      this.#move(slot, this.groupOf(nearest));
      blocks.leave(slot);
    }
  }

  /** A cell that is too large is slow, no more: where memory ends it stays so. */
  *#splitLarge(): Generator<void> {
    for (let cell = 0; cell < this.#cells.length; cell++)
      while ((this.#cells[cell] as Cell).group.blocks.length > CELL_BLOCKS) {
        if (!asFarAsMemoryGoes(() => this.#split(cell))) return;
        yield;
      }
  }

  #split(nth: number): void {
    const { blocks } = this.#inside;
    const cell = this.#cells[nth] as Cell;
    const old = cell.group;
    const slots = old.blocks.flatMap((block) => this.#liveIn(block));
    // Less than two are no two parts: they are put together, and what stood empty is given back.
    const parts = slots.length < 2 ? [slots] : this.#middles.rows.bisect(slots);
    // First the room for all of it: what is moved in part would be in no cell.
    const targets = this.#roomFor(parts);
    const others = this.#orGiveUp(targets, () => parts.slice(1).map((part) => this.#add(part)));
    if (slots.length > 0) this.#middles.write(nth, parts[0] as readonly number[]);
    for (const [part, slots] of parts.entries()) {
      const to = [nth, ...others][part] as number;
      const { group, places } = targets[part] as RoomInCell;
      Object.assign(this.#cells[to] as Cell, { group, counted: 0, cosines: 0, squares: 0 });
      for (const [row, slot] of slots.entries()) {
        this.#count({ cell: to, distance: this.#middles.distance(slot, to) });
        this.#place(slot, places[row] as number);
      }
    }
    for (const block of [...old.blocks]) blocks.giveUp(old, block);
    while (blocks.releaseShelf(old, CELL_SHELF));
  }

  #roomFor(parts: readonly (readonly number[])[]): readonly RoomInCell[] {
    const { blocks, take } = this.#inside;
    const rooms = parts.map((): RoomInCell => ({ group: blocks.newGroup(CELL_SHELF), places: [] }));
    this.#orGiveUp(rooms, () => {
      for (const [part, slots] of parts.entries()) {
        const { group, places } = rooms[part] as RoomInCell;
        for (const slot of slots) places.push(take(blocks.widthAt(slot >>> 6), group));
      }
    });
    return rooms;
  }

  /** Gives up room that was taken where the rest of what it is for throws. */
  #orGiveUp<Result>(rooms: readonly RoomInCell[], act: () => Result): Result {
    const { blocks } = this.#inside;
    try {
      return act();
    } catch (error) {
      for (const { group, places } of rooms) {
        for (const slot of places) blocks.vacate(slot);
        for (const block of [...group.blocks]) blocks.giveUp(group, block);
        while (blocks.releaseShelf(group, CELL_SHELF));
      }
      throw error;
    }
  }

  #move(from: number, group: Group): void {
    const { blocks, take } = this.#inside;
    this.#place(from, take(blocks.widthAt(from >>> 6), group));
  }

  #place(from: number, to: number): void {
    const { blocks, moved } = this.#inside;
    blocks.copy(from, to);
    blocks.vacate(from);
    moved(from, to);
  }

  #count({ cell, distance }: Nearest): void {
    const cosine = cosineAt(this.#inside.dim, distance);
    const found = this.#cells[cell] as Cell;
    found.counted++;
    found.cosines += cosine;
    found.squares += cosine * cosine;
  }

  #liveIn(block: number): readonly number[] {
    const { blocks } = this.#inside;
    return Array.from({ length: BLOCK_ROWS }, (_, row) => block * BLOCK_ROWS + row).filter((slot) => blocks.isLive(slot));
  }
}

/** A vector of the index, rotated, of length sqrt(dim), and the best for it but itself. */
export interface Witness {
  readonly turned: Float32Array;
  readonly best: BestInCells;
}

interface RoomInCell {
  readonly group: Group;
  readonly places: number[];
}

/** Whether it was done: false where memory ended. */
export function asFarAsMemoryGoes(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (isTurboQuantError(error) && error.code === "full") return false;
    throw error;
  }
}

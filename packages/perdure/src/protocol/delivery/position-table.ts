/**
 * Rows by the position they are of, for one mailbox: a hash table of numbers. Where mail comes and goes all the time a map would be made
 * anew every few messages, and what it was before is left to the garbage collector.
 *
 * The position of a row stands in a column that its owner keeps, and in another the row that comes after it in its slot; a row in the
 * table keeps both. Positions mostly follow one another, and each lies where its lowest bits say: side by side, in slots of their own.
 *
 * Rows that share a slot are a chain, and no look at one goes past others: an agent chooses which positions stay, and where every taken
 * slot is in the way of the next, some ten thousand in places well chosen would take milliseconds each. For chains of `n` it has to have
 * had `n` times `n` messages.
 */
export interface PositionColumns {
  readonly positions: Float64Array;
  /** Of a row in a table: the next one in its slot, below 0 for none. */
  readonly next: Int32Array;
}

export class PositionTable {
  /** One more than the first row, 0 where there is none. bound: twice the rows of the mailbox */
  #slots = new Int32Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The row of that position; below 0 when there is none. */
  find({ positions, next }: PositionColumns, position: number): number {
    let row = (this.#slots[position & (this.#slots.length - 1)] as number) - 1;
    while (row >= 0 && positions[row] !== position) row = next[row] as number;
    return row;
  }

  /** Its position is none of those that are in the table. */
  add(columns: PositionColumns, row: number): void {
    this.#size++;
    if (this.#size > this.#slots.length) this.#resize(columns, 2 * this.#slots.length);
    this.#put(columns, row);
  }

  /** The row that position had; below 0 when it had none. */
  remove({ positions, next }: PositionColumns, position: number): number {
    const slots = this.#slots;
    const slot = position & (slots.length - 1);
    let row = (slots[slot] as number) - 1;
    let before = row;
    while (row >= 0 && positions[row] !== position) {
      before = row;
      row = next[row] as number;
    }
    if (row < 0) return row;
    const after = next[row] as number;
    if (row === before) slots[slot] = after + 1;
    else next[before] = after;
    this.#size--;
    if (this.#size === 0 && slots.length > KEPT_SLOTS) this.#slots = new Int32Array(FIRST_SLOTS);
    return row;
  }

  /** Positions in their order. */
  positions({ positions, next }: PositionColumns): Float64Array {
    const all = new Float64Array(this.#size);
    let found = 0;
    for (const first of this.#slots) for (let row = first - 1; row >= 0; row = next[row] as number) all[found++] = positions[row] as number;
    return all.sort();
  }

  #put({ positions, next }: PositionColumns, row: number): void {
    const slot = (positions[row] as number) & (this.#slots.length - 1);
    next[row] = (this.#slots[slot] as number) - 1;
    this.#slots[slot] = row + 1;
  }

  #resize(columns: PositionColumns, slots: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(slots);
    for (const first of old) {
      for (let row = first - 1; row >= 0; ) {
        const after = columns.next[row] as number;
        this.#put(columns, row);
        row = after;
      }
    }
  }
}

const FIRST_SLOTS = 16;
/** A mailbox that is empty keeps so many at most. */
const KEPT_SLOTS = 1024;

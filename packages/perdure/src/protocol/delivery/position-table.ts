/**
 * Rows by the position they are of, for one mailbox: an open hash table of numbers. Where mail comes and goes all the time a map would be
 * made anew every few messages, and what it was before is left to the garbage collector.
 *
 * The position of a row stands in a column that its owner keeps; a row in the table keeps its position.
 */
export class PositionTable {
  /** One more than the row, 0 where there is none. bound: twice the rows of the mailbox, and room to find them */
  #slots = new Int32Array(FIRST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The row of that position; below 0 when there is none. */
  find(positions: Float64Array, position: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = home(position) & last; ; slot = (slot + 1) & last) {
      const row = (slots[slot] as number) - 1;
      if (row < 0 || positions[row] === position) return row;
    }
  }

  /** Its position is none of those that are in the table. */
  add(positions: Float64Array, row: number): void {
    this.#size++;
    if (2 * this.#size > this.#slots.length) this.#resize(positions, 2 * this.#slots.length);
    this.#put(positions, row);
  }

  /** The row that position had; below 0 when it had none. */
  remove(positions: Float64Array, position: number): number {
    const slots = this.#slots;
    const last = slots.length - 1;
    let hole = home(position) & last;
    while (slots[hole] !== 0 && positions[(slots[hole] as number) - 1] !== position) hole = (hole + 1) & last;
    const row = (slots[hole] as number) - 1;
    if (row < 0) return row;
    // What lies behind, and would not be found across a hole, moves into it.
    for (let slot = (hole + 1) & last; slots[slot] !== 0; slot = (slot + 1) & last) {
      const at = home(positions[(slots[slot] as number) - 1] as number) & last;
      if (((slot - at) & last) < ((slot - hole) & last)) continue;
      slots[hole] = slots[slot] as number;
      hole = slot;
    }
    slots[hole] = 0;
    this.#size--;
    if (this.#size === 0 && slots.length > KEPT_SLOTS) this.#slots = new Int32Array(FIRST_SLOTS);
    return row;
  }

  /** Positions in their order. */
  positions(positions: Float64Array): Float64Array {
    const all = new Float64Array(this.#size);
    let next = 0;
    for (const each of this.#slots) if (each !== 0) all[next++] = positions[each - 1] as number;
    return all.sort();
  }

  #put(positions: Float64Array, row: number): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    let slot = home(positions[row] as number) & last;
    while (slots[slot] !== 0) slot = (slot + 1) & last;
    slots[slot] = row + 1;
  }

  #resize(positions: Float64Array, slots: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(slots);
    for (const each of old) if (each !== 0) this.#put(positions, each - 1);
  }
}

const FIRST_SLOTS = 16;
/** A mailbox that is empty keeps so many at most. */
const KEPT_SLOTS = 1024;

/** Positions mostly follow one another: so many lie side by side, as much as a processor fetches at once ... */
const NEIGHBOUR_BITS = 4;
const NEIGHBOURS = 2 ** NEIGHBOUR_BITS;

/** ... and these are spread. */
function home(position: number): number {
  const mixed = Math.imul(Math.floor(position / NEIGHBOURS), 0x9e3779b1);
  return (((mixed ^ (mixed >>> 15)) << NEIGHBOUR_BITS) | (position % NEIGHBOURS)) >>> 0;
}

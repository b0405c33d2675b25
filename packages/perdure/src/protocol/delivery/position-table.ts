/**
 * Rows by the position they are of, for one mailbox: an open hash table of numbers. Where mail comes and goes all the time a map would be
 * made anew every few messages, and what it was before is left to the garbage collector.
 *
 * The position of a row stands in a column that its owner keeps; a row in the table keeps its position.
 *
 * Positions mostly follow one another. Each lies where its lowest bits say: side by side, and never where another of such a row would be.
 * Those left so far apart that `n` of them lie in one place take `n` looks each, and `n` times twice `n` messages to come to that.
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
    for (let slot = position & last; ; slot = (slot + STEP) & last) {
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
    let hole = position & last;
    while (slots[hole] !== 0 && positions[(slots[hole] as number) - 1] !== position) hole = (hole + STEP) & last;
    const row = (slots[hole] as number) - 1;
    if (row < 0) return row;
    // What lies behind, and would not be found across a hole, moves into it.
    for (let slot = (hole + STEP) & last; slots[slot] !== 0; slot = (slot + STEP) & last) {
      const at = (positions[(slots[slot] as number) - 1] as number) & last;
      if ((stepsBetween(at, slot) & last) < (stepsBetween(hole, slot) & last)) continue;
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
    let slot = (positions[row] as number) & last;
    while (slots[slot] !== 0) slot = (slot + STEP) & last;
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

/**
 * What finds its slot taken looks a third of the table further on, which leads out of a row in a step or two, for at most half of the table
 * is taken: by steps of one, a row would have to be gone through to its end whenever a position is taken out of it.
 */
const STEP = 0xaaaaaaab | 0;
/** Three of them lead to the slot beside it: three times STEP is 1 modulo 2^32, and so modulo the length of any table. */
const STEPS_TO_NEXT = 3;

/** Modulo the length of the table. */
function stepsBetween(from: number, to: number): number {
  return STEPS_TO_NEXT * (to - from);
}

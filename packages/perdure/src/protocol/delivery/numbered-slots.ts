/**
 * What stands under numbers that rise one by one: an array, and which number it begins with. A map would hash each number, and thousands of
 * them come and go a second.
 *
 * Invariant: nothing before the first number is held, or will be; of what was let go of at the front no more is kept than of the rest.
 * Behind something that stays, what was let go of keeps its place: whoever owns them bounds how long the oldest stays.
 */

/** Fewer at the front are not worth moving the rest. */
const LEAST_FREED = 1024;

export class NumberedSlots<Value> {
  size = 0;
  #values: (Value | undefined)[] = [];
  /** The number of the first of them. */
  #first = 1;
  /** Those before it are empty. */
  #head = 0;

  get(number: number): Value | undefined {
    // An index below 0 would be looked up like any other name, which is slow.
    return number < this.#first ? undefined : this.#values[number - this.#first];
  }

  /** The next number: one more than that of the last, from 1 on. */
  add(number: number, value: Value): void {
    if (number !== this.#first + this.#values.length) throw new RangeError(`number ${number} is not the next`);
    this.#values.push(value);
    this.size++;
  }

  delete(number: number): void {
    if (this.get(number) === undefined) return;
    this.#values[number - this.#first] = undefined;
    this.size--;
    while (this.#head < this.#values.length && this.#values[this.#head] === undefined) this.#head++;
    if (this.#head < LEAST_FREED || 2 * this.#head < this.#values.length) return;
    this.#values = this.#values.slice(this.#head);
    this.#first += this.#head;
    this.#head = 0;
  }

  /** The numbers under which something stands, the lowest first; some may be let go of meanwhile. */
  *keys(): Generator<number> {
    for (let number = this.#first + this.#head; number < this.#first + this.#values.length; number++)
      if (this.get(number) !== undefined) yield number;
  }
}

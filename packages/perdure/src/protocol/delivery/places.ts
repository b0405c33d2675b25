/** Places of records, as numbers rather than objects: those of thousands of messages wait while a disk is busy. */

/** Where a record lies in the log. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

/** Numbers of one place. */
const WIDTH = 3;

export class Places implements Iterable<Place> {
  /** Segment, offset and length of each. bound: what one turn lets go of, or all turns that become durable together */
  readonly #numbers: number[] = [];

  get length(): number {
    return this.#numbers.length / WIDTH;
  }

  add(segment: number, offset: number, length: number): void {
    this.#numbers.push(segment, offset, length);
  }

  addAll(others: Places): void {
    const more = others.#numbers;
    for (let at = 0; at < more.length; at++) this.#numbers.push(more[at] as number);
  }

  each(tell: (segment: number, offset: number, length: number) => void): void {
    const numbers = this.#numbers;
    for (let at = 0; at < numbers.length; at += WIDTH) tell(numbers[at] as number, numbers[at + 1] as number, numbers[at + 2] as number);
  }

  *[Symbol.iterator](): Generator<Place> {
    for (let at = 0; at < this.#numbers.length; at += WIDTH) {
      const [segment = 0, offset = 0, length = 0] = this.#numbers.slice(at, at + WIDTH);
      yield { segment, offset, length };
    }
  }
}

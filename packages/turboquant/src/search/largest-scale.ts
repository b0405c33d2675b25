/**
 * The largest scale among vectors that come and go: how many there are of each size, where sizes that share the leading bits of a float are one. A thirty-second more than the largest at most; a search
 * that is told so loses nothing by it, and no vector has to be looked at when the largest goes.
 */

/** Of a 32-bit float: sign, exponent, and five bits of the fraction are left. */
const DROPPED_BITS = 18;
const SIZES = 2 ** (31 - DROPPED_BITS);

export class LargestScale {
  readonly #counts = new Uint32Array(SIZES);
  readonly #float = new Float32Array(1);
  readonly #bits = new Uint32Array(this.#float.buffer);
  #top = 0;

  put(scale: number): void {
    const size = this.#sizeOf(scale);
    if (size === undefined) return;
    this.#counts[size] = (this.#counts[size] as number) + 1;
    this.#top = Math.max(this.#top, size);
  }

  /** One that was put. */
  leave(scale: number): void {
    const size = this.#sizeOf(scale);
    if (size !== undefined) this.#counts[size] = (this.#counts[size] as number) - 1;
  }

  /** No scale is larger; 0 where none is more than that. */
  get most(): number {
    while (this.#top > 0 && this.#counts[this.#top] === 0) this.#top--;
    if (this.#counts[this.#top] === 0) return 0;
    this.#bits[0] = (this.#top + 1) * 2 ** DROPPED_BITS - 1;
    return this.#float[0] as number;
  }

  #sizeOf(scale: number): number | undefined {
    if (!(scale > 0)) return undefined;
    this.#float[0] = scale;
    return (this.#bits[0] as number) >>> DROPPED_BITS;
  }
}

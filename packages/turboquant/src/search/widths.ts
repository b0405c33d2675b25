import { shapeOf } from "../codec/shape.ts";
import { type Width, widthOf } from "./blocks.ts";
import type { Multiplier } from "./question.ts";

/** The widths that codes of an index have, each with what multiplies queries with codes of it. */
export class Widths {
  readonly #dim: number;
  readonly #create: (width: Width) => Multiplier;
  readonly #widths = new Map<string, Width>();
  readonly #multipliers = new Map<Width, Multiplier>();

  constructor(dim: number, create: (width: Width) => Multiplier) {
    this.#dim = dim;
    this.#create = create;
  }

  /** Throws `full`. */
  of(bits: number, from: number): Width {
    const key = `${bits} of ${from}`;
    const known = this.#widths.get(key);
    if (known !== undefined) return known;
    const width = widthOf(shapeOf(this.#dim, bits, from), bits, from);
    // Here and not when it is first needed: memory that grows within a search takes the views away that it works with. And first: a width that is known has one.
    this.#multipliers.set(width, this.#create(width));
    this.#widths.set(key, width);
    return width;
  }

  /** Of one that `of` gave. */
  multiplierOf(width: Width): Multiplier {
    return this.#multipliers.get(width) as Multiplier;
  }
}

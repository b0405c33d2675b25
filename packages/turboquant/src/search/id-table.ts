import type { VectorId } from "../file/segment.ts";

const PAGE = 4096;
const MAX_SHORT = 2 ** 32 - 1;

type Page = Uint32Array | Float64Array | VectorId[];

/**
 * The ids of slots, in pages. As long as ids only rise they take four bytes each (eight beyond 2^32) and are found by halves; the first that does not makes a map of all of them.
 */
export class IdTable {
  readonly #pages: Page[] = [];
  #length = 0;
  #slots: Map<VectorId, number> | undefined;
  readonly #isLive: (slot: number) => boolean;

  constructor(isLive: (slot: number) => boolean) {
    this.#isLive = isLive;
  }

  /** Names a slot. */
  put(slot: number, id: VectorId): void {
    if (this.#slots === undefined && !(slot === this.#length && this.#rises(id))) this.#slots = this.#map(slot);
    while (this.#pages.length <= Math.floor(slot / PAGE)) this.#pages.push(pageFor(id));
    this.#write(Math.floor(slot / PAGE), slot % PAGE, id);
    this.#length = Math.max(this.#length, slot + 1);
    this.#slots?.set(id, slot);
  }

  /** Of a slot that was named. */
  at(slot: number): VectorId {
    return this.#pages[Math.floor(slot / PAGE)]?.[slot % PAGE] as VectorId;
  }

  /** Where the live vector of this name is. */
  slotOf(id: VectorId): number | undefined {
    const slot = this.#slots === undefined ? this.#byHalves(id) : this.#slots.get(id);
    return slot !== undefined && this.#isLive(slot) ? slot : undefined;
  }

  forget(id: VectorId): void {
    this.#slots?.delete(id);
  }

  /** Bytes of the pages; a map takes more, which the engine does not tell. */
  get sizeBytes(): number {
    return this.#pages.reduce((sum, page) => sum + (Array.isArray(page) ? PAGE * 8 : page.byteLength), 0);
  }

  get isMapped(): boolean {
    return this.#slots !== undefined;
  }

  #rises(id: VectorId): boolean {
    if (typeof id === "string") return false;
    if (this.#length === 0) return true;
    const last = this.at(this.#length - 1);
    return typeof last === "number" && id > last;
  }

  /** Of all but the slot that is being named. */
  #map(but: number): Map<VectorId, number> {
    const slots = new Map<VectorId, number>();
    for (let slot = 0; slot < this.#length; slot++) if (slot !== but && this.#isLive(slot)) slots.set(this.at(slot), slot);
    return slots;
  }

  #byHalves(id: VectorId): number | undefined {
    if (typeof id === "string") return undefined;
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.at(middle) as number) < id) low = middle + 1;
      else high = middle;
    }
    return low < this.#length && this.at(low) === id ? low : undefined;
  }

  #write(page: number, nth: number, id: VectorId): void {
    const found = this.#pages[page] as Page;
    if (typeof id === "string" && !Array.isArray(found)) this.#pages[page] = [...found];
    else if (typeof id === "number" && id > MAX_SHORT && found instanceof Uint32Array) this.#pages[page] = Float64Array.from(found);
    (this.#pages[page] as VectorId[])[nth] = id;
  }
}

function pageFor(id: VectorId): Page {
  if (typeof id === "string") return [];
  return id > MAX_SHORT ? new Float64Array(PAGE) : new Uint32Array(PAGE);
}

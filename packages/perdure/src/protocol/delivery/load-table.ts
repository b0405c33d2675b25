/**
 * Sums of loads by the number of their sender, of one mailbox: an open hash table in one array, so that those of one mailbox lie close
 * together. A map of millions of them would be most of what a start costs. What is added is written down one behind the other and summed up
 * when it is as much as the table: a start goes from mailbox to mailbox, and each time the table of the next one is in no cache.
 */

/** Most mailboxes have mail of one or two: so much lies on the heap of JavaScript. */
const FIRST_SLOTS = 2;
/** Of each: twice its sender, one more for mail, counted from 1, or 0 where none is; messages; bytes. */
const NUMBERS = 3;

/** A class because a start has one for every mailbox. */
export class LoadTable {
  /** bound: twice the senders of the mailbox, and room to find them */
  #numbers = new Float64Array(NUMBERS * FIRST_SLOTS);
  #taken = 0;
  /** Added and not summed up yet. bound: as long as the other */
  #added = new Float64Array(NUMBERS * FIRST_SLOTS);
  #end = 0;

  add(sender: number, wantsNotice: boolean, messages: number, bytes: number): void {
    if (this.#end === this.#added.length) this.#sumUp();
    const at = this.#end;
    this.#added[at] = 2 * sender + (wantsNotice ? 2 : 1);
    this.#added[at + 1] = messages;
    this.#added[at + 2] = bytes;
    this.#end = at + NUMBERS;
  }

  forEach(tell: (sender: number, wantsNotice: boolean, messages: number, bytes: number) => void): void {
    this.#sumUp();
    const numbers = this.#numbers;
    for (let at = 0; at < numbers.length; at += NUMBERS) {
      const key = numbers[at] as number;
      if (key > 0) tell((key - 1) >>> 1, key % 2 === 0, numbers[at + 1] as number, numbers[at + 2] as number);
    }
  }

  #sumUp(): void {
    const added = this.#added;
    for (let from = 0; from < this.#end; from += NUMBERS) {
      const key = added[from] as number;
      let at = this.#slotOf(key);
      if (this.#numbers[at] === 0) {
        if (2 * NUMBERS * ++this.#taken > this.#numbers.length) {
          this.#grow();
          at = this.#slotOf(key);
        }
        this.#numbers[at] = key;
      }
      const numbers = this.#numbers;
      numbers[at + 1] = (numbers[at + 1] as number) + (added[from + 1] as number);
      numbers[at + 2] = (numbers[at + 2] as number) + (added[from + 2] as number);
    }
    this.#end = 0;
    if (added.length < this.#numbers.length) this.#added = new Float64Array(this.#numbers.length);
  }

  /** Where that key stands, or is to stand. */
  #slotOf(key: number): number {
    const numbers = this.#numbers;
    const slots = numbers.length / NUMBERS;
    let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & (slots - 1);
    for (;;) {
      const found = numbers[NUMBERS * slot] as number;
      if (found === 0 || found === key) return NUMBERS * slot;
      slot = (slot + 1) & (slots - 1);
    }
  }

  #grow(): void {
    const old = this.#numbers;
    this.#numbers = new Float64Array(2 * old.length);
    for (let at = 0; at < old.length; at += NUMBERS) {
      const key = old[at] as number;
      if (key > 0) this.#numbers.set(old.subarray(at, at + NUMBERS), this.#slotOf(key));
    }
  }
}

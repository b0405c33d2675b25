/**
 * Sums of loads by the number of their sender, of one mailbox: an open hash table in one array, so that those of one mailbox lie close
 * together. A map of millions of them would be most of what a start costs.
 */
export interface LoadTable {
  add(sender: number, wantsNotice: boolean, messages: number, bytes: number): void;
  forEach(tell: (sender: number, wantsNotice: boolean, messages: number, bytes: number) => void): void;
}

const FIRST_SLOTS = 16;
/** Of each: twice its sender, one more for mail, counted from 1, or 0 where none is; messages; bytes. */
const NUMBERS = 3;

export function createLoadTable(): LoadTable {
  let slots = FIRST_SLOTS;
  /** bound: twice the senders of the mailbox, and room to find them */
  let numbers = new Float64Array(NUMBERS * slots);
  let taken = 0;

  /** Where that key stands, or is to stand. */
  const slotOf = (key: number): number => {
    let slot = (Math.imul(key, 0x9e3779b1) >>> 7) & (slots - 1);
    for (;;) {
      const found = numbers[NUMBERS * slot] as number;
      if (found === 0 || found === key) return NUMBERS * slot;
      slot = (slot + 1) & (slots - 1);
    }
  };

  const grow = (): void => {
    const old = numbers;
    slots *= 2;
    numbers = new Float64Array(NUMBERS * slots);
    for (let at = 0; at < old.length; at += NUMBERS) {
      const key = old[at] as number;
      if (key > 0) numbers.set(old.subarray(at, at + NUMBERS), slotOf(key));
    }
  };

  return {
    add: (sender, wantsNotice, messages, bytes) => {
      const key = 2 * sender + (wantsNotice ? 2 : 1);
      let at = slotOf(key);
      if (numbers[at] === 0) {
        if (2 * ++taken > slots) {
          grow();
          at = slotOf(key);
        }
        numbers[at] = key;
      }
      numbers[at + 1] = (numbers[at + 1] as number) + messages;
      numbers[at + 2] = (numbers[at + 2] as number) + bytes;
    },
    forEach: (tell) => {
      for (let at = 0; at < numbers.length; at += NUMBERS) {
        const key = numbers[at] as number;
        if (key > 0) tell((key - 1) >>> 1, key % 2 === 0, numbers[at + 1] as number, numbers[at + 2] as number);
      }
    },
  };
}

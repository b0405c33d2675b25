/**
 * Sums of loads by the number of their sender, of one mailbox: an open hash table in one array, so that those of one mailbox lie close
 * together. A map of millions of them would be most of what a start costs. What is added is written down one behind the other and summed up
 * when it is as much as the table: a start goes from mailbox to mailbox, and each time the table of the next one is in no cache.
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
  /** Added and not summed up yet. bound: as long as `numbers` */
  let added = new Float64Array(NUMBERS * FIRST_SLOTS);
  let end = 0;

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

  const sumUp = (): void => {
    for (let from = 0; from < end; from += NUMBERS) {
      const key = added[from] as number;
      let at = slotOf(key);
      if (numbers[at] === 0) {
        if (2 * ++taken > slots) {
          grow();
          at = slotOf(key);
        }
        numbers[at] = key;
      }
      numbers[at + 1] = (numbers[at + 1] as number) + (added[from + 1] as number);
      numbers[at + 2] = (numbers[at + 2] as number) + (added[from + 2] as number);
    }
    end = 0;
    if (added.length < numbers.length) added = new Float64Array(numbers.length);
  };

  return {
    add: (sender, wantsNotice, messages, bytes) => {
      if (end === added.length) sumUp();
      added[end] = 2 * sender + (wantsNotice ? 2 : 1);
      added[end + 1] = messages;
      added[end + 2] = bytes;
      end += NUMBERS;
    },
    forEach: (tell) => {
      sumUp();
      for (let at = 0; at < numbers.length; at += NUMBERS) {
        const key = numbers[at] as number;
        if (key > 0) tell((key - 1) >>> 1, key % 2 === 0, numbers[at + 1] as number, numbers[at + 2] as number);
      }
    },
  };
}

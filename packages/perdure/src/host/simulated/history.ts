/**
 * The rolling hash of everything that happened: two runs with equal hashes had the same events, at the same times, with
 * the same bytes. Not cryptographic: it compares runs of the same program.
 */
export interface History {
  word(value: number): void;
  text(value: string): void;
  bytes(value: Uint8Array): void;
  /** 16 hexadecimal digits. */
  digest(): string;
}

export function createHistory(): History {
  let low = 0x811c9dc5;
  let high = 0x9e3779b9;
  const words = new Map<string, number>();

  const word = (value: number): void => {
    low = Math.imul(low ^ value, 0x01000193);
    low ^= low >>> 15;
    high = (Math.imul(high, 0x85ebca6b) ^ low ^ value) | 0;
    high ^= high >>> 13;
  };

  const text = (value: string): void => {
    let known = words.get(value);
    if (known === undefined) {
      known = wordOfText(value);
      if (words.size < 4096) words.set(value, known);
    }
    word(known);
  };

  const bytes = (value: Uint8Array): void => {
    word(value.length);
    let sum = 0x811c9dc5;
    for (let index = 0; index < value.length; index++) sum = Math.imul(sum ^ (value[index] as number), 0x01000193);
    word(sum);
  };

  return { word, text, bytes, digest: () => (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0") };
}

function wordOfText(value: string): number {
  let sum = 0x811c9dc5;
  for (let index = 0; index < value.length; index++) sum = Math.imul(sum ^ value.charCodeAt(index), 0x01000193);
  return sum;
}

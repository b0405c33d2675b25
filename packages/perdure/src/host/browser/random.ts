import type { Random } from "../random.ts";

/** What `getRandomValues` gives at a time. */
const MOST_BYTES = 65_536;

export function createBrowserRandom(): Random {
  return {
    bytes: (count) => {
      const bytes = new Uint8Array(count);
      for (let at = 0; at < count; at += MOST_BYTES) crypto.getRandomValues(bytes.subarray(at, at + MOST_BYTES));
      return bytes;
    },
  };
}

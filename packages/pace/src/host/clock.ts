/** Time, as the rest of this package knows it. The machine's is in `node/`, virtual time in `../testing/virtual-time.ts`. */
export interface Clock {
  /** Milliseconds that never go back, from any beginning. */
  now(): number;
  /** Milliseconds since 1970, as the machine believes: for what others write as a date. */
  date(): number;
  /** Calls once, when `now()` has come to `atMs`; what is returned takes that back. */
  wake(atMs: number, call: () => void): () => void;
}

/** Time, the only way to it. Wall time can jump; monotonic time only rises. */
export interface Clock {
  /** Milliseconds since 1970, as the machine believes. */
  wallMs(): number;
  /** Milliseconds since some fixed moment of this process; never goes back. */
  monotonicMs(): number;
  /** Runs `then` once, `delayMs` of monotonic time from now. The returned function takes it back. */
  after(delayMs: number, then: () => void): () => void;
  /** Runs `then` when what has arrived by now, on any connection, was handed over. Where it is missing each arrival is handed over alone. */
  afterArrivals?(then: () => void): void;
}

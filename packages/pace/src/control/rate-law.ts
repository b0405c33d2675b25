/** How fast units may leave, out of how those before them fared. One for each quota of a partition. */
export interface RateLaw {
  /** Units per second at this moment; above zero. */
  rate(nowMs: number): number;
  /** How long so many would take from now on, if all goes well: milliseconds. */
  spanMs(nowMs: number, units: number): number;
  /** An answer came to a call that left at `sentMs`, and it was let in. */
  accepted(nowMs: number, sentMs: number, units: number): void;
  /**
   * It was refused: how long all calls are to pause, in milliseconds. Zero for one that left before the last pause: what it says is known.
   */
  refused(nowMs: number, sentMs: number): number;
}

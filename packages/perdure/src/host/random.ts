/** Unpredictable bytes. In a simulation: predictable ones, drawn from the seed. */
export interface Random {
  bytes(count: number): Uint8Array;
}

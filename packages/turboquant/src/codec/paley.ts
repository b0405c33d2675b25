/**
 * Hadamard matrices of 12 and 20, by Paley's first construction (1933) for a prime q that leaves 3 on division by 4: q + 1 rows of 1 and -1, of
 * which any two are orthogonal.
 */
export type PaleySize = 12 | 20;

export const PALEY: Readonly<Record<PaleySize, readonly Int8Array[]>> = { 12: paley(11), 20: paley(19) };

function paley(q: number): readonly Int8Array[] {
  const isSquare = new Set(Array.from({ length: q - 1 }, (_, nth) => ((nth + 1) * (nth + 1)) % q));
  const character = (value: number): number => (value === 0 ? 0 : isSquare.has(value) ? 1 : -1);
  return Array.from({ length: q + 1 }, (_, row) =>
    Int8Array.from({ length: q + 1 }, (_, column) => {
      if (row === 0) return 1;
      if (column === 0) return -1;
      return row === column ? 1 : character((column - row + q) % q);
    }),
  );
}

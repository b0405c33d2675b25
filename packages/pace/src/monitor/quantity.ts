/** Numbers as people read them, few letters each. */

/** As wide as a column of the monitor: "0.0004". A rest of a sum of fractions is nothing. */
const MOST_DECIMALS = 4;

/** "312", "1.2", "24.5k", "1.5M", "0.012"; infinity where there is no end. */
export function amountText(amount: number): string {
  if (!Number.isFinite(amount)) return "∞";
  for (const [least, size, sign] of [
    [999.5e6, 1e9, "G"],
    [999.5e3, 1e6, "M"],
    [1e4, 1e3, "k"],
  ] as const)
    if (amount >= least) return `${threeFigures(amount / size)}${sign}`;
  if (amount >= 10 || Number.isInteger(amount)) return String(Math.round(amount));
  if (amount >= 0.995) return amount.toFixed(1);
  return trimmed(amount.toFixed(Math.min(MOST_DECIMALS, 1 - Math.floor(Math.log10(amount)))));
}

/** "0.4 s", "12 s", "3 min", "5 h", "3 days"; "–" where there is none. */
export function spanText(ms: number | undefined): string {
  if (ms === undefined) return "–";
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${trimmed(seconds.toFixed(1))} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5970) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** As `spanText`, but windows have whole names: "1 min", "1 h", "1 d". */
export function windowText(ms: number | undefined): string {
  if (ms === undefined) return "–";
  for (const [size, unit] of [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "min"],
  ] as const)
    if (ms >= size && ms % size === 0) return `${ms / size} ${unit}`;
  return spanText(ms);
}

function threeFigures(value: number): string {
  return trimmed(value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0));
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

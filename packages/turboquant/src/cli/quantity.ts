/** Numbers as people read them. */

const UNITS = ["KB", "MB", "GB", "TB"];

/** "1,024". */
export function countText(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** "1,000 vectors", "1 vector". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}

/** "196 bytes", "1.5 MB"; 1,000 bytes to a KB, as disks are sold. */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return countOf(bytes, "byte");
  let [left, unit] = [bytes / 1000, 0];
  while (left >= 999.5 && unit < UNITS.length - 1) {
    left /= 1000;
    unit++;
  }
  return `${left < 9.95 ? left.toFixed(1) : left.toFixed(0)} ${UNITS[unit]}`;
}

/** "0.4 s", "12 s", "3 min 20 s". */
export function durationText(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 99.5) return `${Math.round(seconds)} s`;
  if (seconds < 5940) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.round(seconds / 3600)} h`;
}

/** Three figures that say something: "0.00412", "1.23", "17.0", "1,240". */
export function figure(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1000) return size < 1e9 ? countText(Math.round(value)) : value.toExponential(2);
  if (size < 1e-6) return value.toExponential(2);
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(size))));
}

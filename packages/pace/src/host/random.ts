/** A number from 0 up to 1, as of `Math.random`. */
export type Random = () => number;

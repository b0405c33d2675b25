/** Colour for people: names of what a piece of text is, not of pigments, and nothing at all where colour is not wanted. */

export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly accent: (text: string) => string;
}

const plain = (text: string): string => text;
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `\u001b[${on}m${text}\u001b[${off}m`;

export const NO_PAINT: Paint = { strong: plain, faint: plain, good: plain, bad: plain, warning: plain, accent: plain };
const ANSI_PAINT: Paint = {
  strong: sgr(1, 22),
  faint: sgr(2, 22),
  good: sgr(32, 39),
  bad: sgr(31, 39),
  warning: sgr(33, 39),
  accent: sgr(36, 39),
};

export type Environment = Readonly<Record<string, string | undefined>>;

/** NO_COLOR wins, then FORCE_COLOR, then: a terminal that is not "dumb". */
export function wantsColour(environment: Environment, isTerminal: boolean): boolean {
  if (environment["NO_COLOR"] !== undefined && environment["NO_COLOR"] !== "") return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  return isTerminal && environment["TERM"] !== "dumb";
}

export function createPaint(coloured: boolean): Paint {
  return coloured ? ANSI_PAINT : NO_PAINT;
}

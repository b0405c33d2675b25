/** Whose limit it may be: own settings and limits of middleboxes whose value fits what was found. */
import { MIDDLEBOXES } from "../../settings/middleboxes.ts";
import type { LimitFinding, LimitKind } from "./lifetimes.ts";

/** A limit with a value, of whoever has it. */
export interface LimitCandidate {
  readonly name: string;
  readonly valueMs: number;
  /** What it ends; undefined where it could be either. */
  readonly kind?: LimitKind | undefined;
  /** Where the value comes from: the origin of a setting, or the documentation of a product. */
  readonly origin: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const MIDDLEBOX_LIMITS: readonly LimitCandidate[] = Object.entries(MIDDLEBOXES).map(([name, { value, cuts, source }]) => ({
  name,
  valueMs: value,
  kind: cuts,
  origin: source,
}));

/** In one line, for people: what ends where, after how long, and whose limit it may be. */
export function limitText({
  path,
  kind,
  valueMs,
  errorMs,
  state,
  culprits,
}: LimitFinding & { readonly culprits: readonly LimitCandidate[] }): string {
  const ends = kind === "age" ? `end when they are ${spanText(valueMs)} old` : `end after ${spanText(valueMs)} of quiet`;
  const exact = errorMs < valueMs / 100 ? "" : ` (give or take ${spanText(errorMs)})`;
  const named = culprits.slice(0, NAMED).map(({ name, origin }) => `${name} (${origin})`);
  const whose = named.length === 0 ? "no setting here has that value" : `that is the value of ${named.join(", ")}`;
  return `lines to ${path} ${state === "found" ? "" : "seem to "}${ends}${exact}; ${whose}`;
}

function spanText(ms: number): string {
  const [value, unit] = ms >= 2 * HOUR ? [ms / HOUR, "h"] : ms >= 2 * MINUTE ? [ms / MINUTE, "min"] : [ms / SECOND, "s"];
  return `${Math.round(value * 10) / 10} ${unit}`;
}

/** Relative to the value: clocks, round trips and the time until an end is noticed. */
const FITS = 0.005;
/** Culprits that fit into a line. */
const NAMED = 3;

/** Those whose value fits, the closest first; own settings before others of one value. */
export function culpritsOf(
  finding: Pick<LimitFinding, "kind" | "valueMs" | "errorMs">,
  candidates: readonly LimitCandidate[],
): readonly LimitCandidate[] {
  const off = ({ valueMs }: LimitCandidate): number => Math.abs(valueMs - finding.valueMs);
  return [...candidates, ...MIDDLEBOX_LIMITS]
    .filter((one) => (one.kind === undefined || one.kind === finding.kind) && off(one) <= Math.max(finding.errorMs, finding.valueMs * FITS))
    .sort((one, other) => off(one) - off(other));
}

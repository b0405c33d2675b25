import { checkNames, checkNumber, type Given, saidOf } from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Thresholds } from "./step.ts";
import { type GaugeName, gaugeKey } from "./use.ts";

/** What waits may be some times what there is; who writes 75 means three quarters. */
const MOST = 10;
const NAMES = ["warned", "saving", "emergency"];

/** The thresholds of each gauge: those of all, and over them what is said for it alone, or for its unit and name, or for its unit. Throws `bad-argument`. */
export function thresholdsOf(
  all: Thresholds,
  quotas: Readonly<Record<string, Given<Thresholds>>>,
  margin: number,
): (gauge: GaugeName) => Thresholds {
  checkThresholds("thresholds", all, margin);
  for (const [key, own] of Object.entries(quotas)) checkThresholds(`the thresholds of "${key}"`, { ...all, ...saidOf(own) }, margin);
  return (gauge) => ({ ...all, ...saidOf(quotas[gaugeKey(gauge)] ?? quotas[`${gauge.unit} ${gauge.name}`] ?? quotas[gauge.unit] ?? {}) });
}

function checkThresholds(what: string, thresholds: Thresholds, margin: number): void {
  checkNames(what, thresholds, NAMES);
  const { warned, saving, emergency } = thresholds;
  for (const [name, value] of Object.entries(thresholds)) checkNumber(`${name} of ${what}`, value, 0, MOST);
  if (warned < saving && saving < emergency && warned > margin) return;
  throw new PaceError(
    "bad-argument",
    `${what} are ${warned}, ${saving} and ${emergency}, with a margin of ${margin}`,
    "They rise: warned, saving, emergency; and the lowest is above the margin, or nothing would be calm again.",
  );
}

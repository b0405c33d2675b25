/** Fewer and shorter questions: the caller says what a shorter one is, and which work can be done without. */
import { bad, checkFunction, checkNames } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import type { Strategy, Work } from "./strategy.ts";

export interface SimplifySettings {
  readonly from?: Step | undefined;
  /** The same with a shorter prompt, or nothing where there is no shorter one. */
  readonly shorter?: ((request: unknown, work: Work) => unknown) | undefined;
  /** Whether it can be done without, in an emergency: it is not done then, and the error says so. */
  readonly isDispensable?: ((work: Work) => boolean) | undefined;
}

/** Throws `bad-argument`. */
export function simplify(settings: SimplifySettings): Strategy {
  checkNames("simplify", settings, ["from", "shorter", "isDispensable"]);
  const { from = "saving", shorter, isDispensable } = settings;
  if (shorter === undefined && isDispensable === undefined)
    throw bad("simplify is told nothing", "It has shorter, isDispensable, or both.");
  if (shorter !== undefined) checkFunction("shorter", shorter);
  if (isDispensable !== undefined) checkFunction("isDispensable", isDispensable);
  return {
    name: "simplify",
    from,
    lessen: (work) => {
      if (work.shortage.step === "emergency" && isDispensable?.(work)) return { kind: "dropped", lost: "it can be done without" };
      const request = shorter?.(work.request, work);
      return request === undefined ? undefined : { kind: "request", request, lost: "a shorter question was asked" };
    },
  };
}

/** Work that need not be done now is done later: it is handed on, and a ticket comes in place of the result. */
import { checkNames } from "../ladder/argument.ts";
import type { Step } from "../ladder/step.ts";
import type { Strategy, Work } from "./strategy.ts";

export interface DeferSettings {
  readonly from?: Step;
  /** Keeps it where it outlives the process, and names it. What it throws means that it was not kept: then the work is done now. */
  readonly defer: (work: Work) => Promise<string> | string;
}

/** Only work that says `isDeferrable`. Throws `bad-argument`. */
export function deferring(settings: DeferSettings): Strategy {
  checkNames("deferring", settings, ["from", "defer"]);
  const { from = "saving", defer } = settings;
  return {
    name: "defer",
    from,
    lessen: async (work) =>
      work.isDeferrable ? { kind: "deferred", ticket: await defer(work), lost: "it is done later, when there is room" } : undefined,
  };
}

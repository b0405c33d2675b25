/** Work that need not be done now is done later: it is handed on, and a ticket comes in place of the result. */
import { bad, checkFunction, checkNames, shown } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import type { Strategy, Work } from "./strategy.ts";

export interface DeferSettings {
  readonly from?: Step | undefined;
  /** Keeps it where it outlives the process, and names it. What it throws means that it was not kept: then the work is done now. */
  readonly defer: (work: Work, signal: AbortSignal) => Promise<string> | string;
  /** Forgets what was kept when nobody waited for it any more: it has been done meanwhile, and would be done twice. */
  readonly takeBack: (ticket: string) => Promise<void> | void;
}

/** Only work that says `isDeferrable`. Throws `bad-argument`. */
export function deferring(settings: DeferSettings): Strategy {
  checkNames("deferring", settings, ["from", "defer", "takeBack"]);
  const { from = "saving", defer, takeBack } = settings;
  checkFunction("defer", defer);
  checkFunction("takeBack", takeBack);
  return {
    name: "defer",
    from,
    lessen: async (work, signal) => {
      if (!work.isDeferrable) return undefined;
      const ticket = await defer(work, signal);
      // Of somebody else's code, that may be in JavaScript. The work is done now, and what was kept would be done as well.
      const isTicket = typeof ticket === "string" && ticket !== "";
      if (!isTicket || signal.aborted) await takeBack(ticket);
      if (!isTicket) throw bad(`the ticket of what was deferred is ${shown(ticket)}`, "It is a text, by which it can be found again.");
      return { kind: "deferred", ticket, lost: "it is done later, when there is room" };
    },
  };
}

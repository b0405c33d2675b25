/**
 * When to kill the relay: as soon as half of the message's parts are acknowledged, or, with a single part, right after it
 * has left. Reads what the sending agent notes about itself, and kills before that note returns, so that nothing else
 * can happen in between.
 *
 *   waiting -> armed -> killed      once
 */
import type { Step } from "../../agent/api.ts";
import type { LogFields } from "../../host/log.ts";

export interface Death {
  readonly pid: number;
  readonly atMs: number;
  readonly partsAcknowledged: number;
  /** Where on the message's way it happened, for people. */
  readonly moment: string;
}

export interface Trigger {
  /** Kills at once; the pid, or `undefined` when there was nobody to kill. */
  readonly kill: () => number | undefined;
  readonly nowMs: () => number;
  readonly moved: (what: string) => void;
}

export interface Killer {
  fact(event: string, fields: LogFields): void;
  step(step: Step): void;
  /** Resolves with the death it caused. */
  arm(trigger: Trigger): Promise<Death>;
  killed(): Death | undefined;
  /** The recipient's signed receipt says done. */
  isDone(): boolean;
}

export function createKiller(parts: number): Killer {
  let trigger: Trigger | undefined;
  let death: Death | undefined;
  let done = false;
  let acknowledged = 0;
  let announce: (death: Death) => void = () => {};

  const kill = (moment: string): void => {
    if (trigger === undefined || death !== undefined) return;
    const pid = trigger.kill();
    if (pid === undefined) return;
    death = { pid, atMs: trigger.nowMs(), partsAcknowledged: acknowledged, moment };
    announce(death);
  };

  return {
    fact: (event, fields) => {
      if (trigger === undefined) return;
      if (event === "agent.acked") {
        acknowledged = Math.min(parts, Number(fields["upTo"] ?? 0));
        trigger.moved(`part ${acknowledged} of ${parts} acknowledged`);
        if (acknowledged >= parts) kill("before it had signed for them");
        else if (acknowledged * 2 >= parts) kill(`part ${acknowledged + 1} on its way`);
      } else if (event === "agent.sent" && parts === 1) kill("its only part on the way");
      else if (event === "agent.connected") trigger.moved("@me connected again");
    },
    step: (step) => {
      if (step.state === "done" && step.proof === "receipt") done = true;
    },
    arm: (by) => new Promise((resolve) => {
      trigger = by;
      announce = resolve;
    }),
    killed: () => death,
    isDone: () => done,
  };
}

/**
 * When to kill the sender's relay: as soon as half of the message's parts are acknowledged, or, with a single part, right after it
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
  /** Runs `then` when what was handed to the connection has left this process. */
  readonly soon: (then: () => void) => void;
  readonly nowMs: () => number;
  readonly moved: (what: string) => void;
}

export interface Killer {
  /** Parts the relay has acknowledged. */
  readonly acknowledged: number;
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

  const kill = (): void => {
    if (trigger === undefined || death !== undefined) return;
    const pid = trigger.kill();
    if (pid === undefined) return;
    const left = parts === 1 ? "its only part on the way" : `part ${acknowledged + 1} on its way`;
    death = {
      pid,
      atMs: trigger.nowMs(),
      partsAcknowledged: acknowledged,
      moment: acknowledged >= parts ? "before it had signed for them" : left,
    };
    announce(death);
  };

  return {
    get acknowledged() {
      return acknowledged;
    },
    fact: (event, fields) => {
      if (trigger === undefined) return;
      if (event === "agent.acked" || event === "agent.attached") {
        acknowledged = Math.min(parts, Math.max(acknowledged, Number(fields[event === "agent.acked" ? "upTo" : "linkUpTo"] ?? 0)));
        trigger.moved(event === "agent.acked" ? `part ${acknowledged} of ${parts} acknowledged` : "@me connected again");
        if (parts > 1 && acknowledged * 2 >= parts) kill();
      } else if (event === "agent.sent" && parts === 1) trigger.soon(kill);
    },
    step: (step) => {
      if (step.state === "done" && step.proof === "receipt") done = true;
    },
    arm: (by) =>
      new Promise((resolve) => {
        trigger = by;
        announce = resolve;
      }),
    killed: () => death,
    isDone: () => done,
  };
}

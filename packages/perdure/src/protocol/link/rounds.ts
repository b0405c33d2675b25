/** One timer for all who are looked at as often as each other: thousands of sessions need no timer each. */
import type { Clock } from "../../host/clock.ts";

export interface Member {
  /** Another interval is over. */
  round(): void;
}

export interface Rounds {
  /** From the next round on, which comes after one interval or less. */
  add(member: Member): void;
  remove(member: Member): void;
}

/** Rounds every `everyMs` milliseconds, as long as there are members. */
export function createRounds(clock: Clock, everyMs: number): Rounds {
  // bound: one per session
  const members = new Set<Member>();
  let stop: (() => void) | undefined;

  const arm = (): void => {
    stop = clock.after(everyMs, () => {
      stop = undefined;
      for (const member of [...members]) if (members.has(member)) member.round();
      if (members.size > 0 && stop === undefined) arm();
    });
  };

  return {
    add: (member) => {
      members.add(member);
      if (stop === undefined) arm();
    },
    remove: (member) => {
      members.delete(member);
      if (members.size > 0) return;
      stop?.();
      stop = undefined;
    },
  };
}

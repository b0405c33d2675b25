/** Who comes: its identity is let in or not, and a folder that lives twice is found out. */
import { agentIn, type Books, chained, type Fact, registered } from "./books.ts";
import { reasonText, type Shop } from "./doors.ts";
import type { Session, Wanted } from "./sessions.ts";

export interface EnteringParts {
  live(): Books;
  shop(): Shop;
  nowMs(): number;
  sessionsOf(agent: string): readonly Session[];
  say(line: string): void;
  write(fact: Fact): void;
  sendAway(session: Session, words: string): void;
}

export interface Entering {
  /** False when it was turned away. */
  enrol(session: number, agent: string, wanted: Wanted): boolean;
  /** The number of the next pass of that instance; `undefined` when it has been copied. */
  usePass(agent: string, instance: string, shown: number): number | undefined;
}

export function createEntering({ live, shop, nowMs, sessionsOf, say, write, sendAway }: EnteringParts): Entering {
  const enrol = (session: number, agent: string, wanted: Wanted): boolean => {
    const book = live().agents.get(agent);
    if (book?.identity.bundle === wanted.identity.bundle) return true;
    const reason = shop().enrols(agent, wanted.identity, wanted.replaces, wanted.ticket, nowMs());
    if (reason !== undefined && !("uses" in reason)) {
      say(`goodbye ${session} ${reasonText(reason)}`);
      return false;
    }
    if (reason !== undefined) {
      const { uses, expiresAtMs } = reason;
      const { ticket } = wanted;
      write(({ tickets }) => void (uses === 0 ? tickets.delete(ticket) : tickets.set(ticket, { expiresAtMs, uses })));
    }
    const before = book?.identity.standing ?? "open";
    const { standing } = wanted.identity;
    write(registered(agent, { ...wanted.identity, name: standing === "frozen" ? book?.identity.name : wanted.identity.name }));
    if (standing !== before && standing === "frozen") say(`alarm ${agent}`);
    for (const each of sessionsOf(agent)) {
      const isVoid = !wanted.instances.includes(each.instance);
      if (standing === "frozen") {
        if (before !== "frozen" && each.consume) sendAway(each, "identity-forked after 1000");
      } else if (isVoid) {
        if (each.number !== session) sendAway(each, "instance-revoked never 0");
      } else if (before === "frozen") sendAway(each, "connection-closed now 0");
    }
    return true;
  };

  const usePass = (agent: string, instance: string, shown: number): number | undefined => {
    const { passes } = agentIn(live(), agent);
    const chain = passes.get(instance) ?? { given: 0, confirmed: 0, clonedAtMs: 0 };
    if (chain.clonedAtMs > 0) return undefined;
    if (shown < chain.confirmed) {
      const clonedAtMs = nowMs();
      write(chained(agent, instance, { ...chain, clonedAtMs }));
      say(`alarm ${agent}`);
      for (const each of sessionsOf(agent)) if (each.consume && each.instance === instance) sendAway(each, "cloned never 0");
      return undefined;
    }
    if (shown > chain.given) say(`alarm ${agent}`);
    const given = Math.max(chain.given, shown) + 1;
    write(chained(agent, instance, { given, confirmed: shown, clonedAtMs: 0 }));
    return given;
  };

  return { enrol, usePass };
}

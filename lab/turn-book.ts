/**
 * What handlers were given to do, and what came of it, by what agents say of themselves.
 *
 *   3 completion  at most one per message and recipient; a second start only after a crash, a failure or a lost claim
 *   5 statements  what is completed is the envelope that was sent
 *   6 horizon     nothing completed is ever started again
 */
import type { LogFields } from "../packages/perdure/src/host/log.ts";
import { MAX_PARTS } from "../packages/perdure/src/wire/limits.ts";
import { createAged } from "./aged.ts";

export interface TurnBook {
  /** What an agent says of itself. */
  fact(host: string, event: string, fields: LogFields): void;
  /** Its process is over. */
  crashed(host: string): void;
  /** Its disk was put back: what it completed since it does not know any more. Gives sender and id of each. */
  putBack(host: string): readonly { readonly from: string; readonly id: string }[];
  /** An agent completed the message, or may have without being able to say so, or said why it will never hand it over. */
  isDealtWith(agent: string, from: string, id: string): boolean;
  /** Messages that somebody completed, or may have, and those that somebody refused to take as well: the sender's host and the id. */
  endings(): Endings;
  /** What was not told of since the last call is forgotten. */
  age(): void;
  readonly completed: number;
  /** Starts that were not the first of their message. */
  readonly repeats: number;
}

export type Endings = Readonly<Record<"done" | "refused", ReadonlySet<string>>>;

export interface TurnBookOptions {
  /** The agent a process is: its host, or that of which it is a copy. */
  readonly ownerOf: (host: string) => string;
  readonly hostOf: (agentId: string) => string;
  /** Whether that message was sent to the agent as another envelope than this. */
  readonly isOther: (from: string, owner: string, id: string, digest: string) => boolean;
  readonly fail: (invariant: string, what: string) => void;
}

export function createTurnBook({ ownerOf, hostOf, isOther, fail }: TurnBookOptions): TurnBook {
  /** By host, sender and id, as the others; the outcome. */
  const completions = createAged<string, string>();
  /** By agent, sender and id. */
  const dealtWith = createAged<string, true>();
  const attempts = createAged<string, number>();
  const mayStartAgain = createAged<string, true>();
  /** Started, and its process died: the batch of its completion may be on disk although nobody heard of it. */
  const mayBeCompleted = createAged<string, true>();
  let completed = 0;
  let repeats = 0;

  return {
    fact(host, event, fields) {
      const text = (name: string): string => String(fields[name] ?? "");
      const [from, id] = [text("from"), text("id")];
      const key = `${host} ${from} ${id}`;
      const deal = (parts = Number(fields["parts"] ?? 1)): void => {
        const [stream = "", seq = "0"] = id.split(".");
        for (let part = 0; part < parts; part++) dealtWith.set(`${ownerOf(host)} ${from} ${stream}.${Number(seq) + part}`, true);
      };
      switch (event) {
        case "agent.handler-start": {
          const attempt = Number(fields["attempt"]);
          const before = attempts.get(key) ?? 0;
          if (attempt <= before) fail("3 completion", `attempt ${attempt} of ${id} at ${host} follows ${before}`);
          if (before > 0 && !mayStartAgain.has(key))
            fail("3 completion", `${id} started again at ${host} without a crash, a failure or a lost claim`);
          if (completions.has(key)) fail("6 horizon", `${id} was started at ${host} after its completion`);
          mayStartAgain.delete(key);
          mayBeCompleted.delete(key);
          attempts.set(key, attempt);
          if (attempt > 1) repeats++;
          return;
        }
        case "agent.failed":
          // In the failed box for its owner to see, and its sender is told: the relay may let go.
          deal();
          mayStartAgain.set(key, true);
          return;
        case "agent.put-off":
        case "agent.claim-freed":
          mayStartAgain.set(key, true);
          return;
        // Found on disk at opening: its process died before it could say so.
        case "agent.completion-read":
          if (completions.has(key)) return;
          completions.set(key, text("outcome"));
          return deal();
        case "agent.completed": {
          const known = completions.get(key);
          if (known !== undefined) fail("3 completion", `${id} was completed twice at ${host}: ${known}, ${text("outcome")}`);
          completions.set(key, text("outcome"));
          if (text("digest") !== "" && isOther(from, ownerOf(host), id, text("digest")))
            fail("5 statements", `${id} was completed at ${host} as another envelope than was sent`);
          completed++;
          return deal();
        }
        case "agent.too-late":
        case "agent.rejected":
        case "agent.not-taken":
        case "agent.greeted":
        case "agent.not-admitted":
          return deal(1);
        default:
      }
    },
    crashed(host) {
      for (const key of attempts.keys()) {
        if (!key.startsWith(`${host} `) || completions.has(key)) continue;
        mayStartAgain.set(key, true);
        mayBeCompleted.set(key, true);
      }
    },
    putBack(host) {
      const ended: { readonly from: string; readonly id: string }[] = [];
      for (const [key, outcome] of completions) {
        if (!key.startsWith(`${host} `)) continue;
        const [, from = "", id = ""] = key.split(" ");
        ended.push({ from, id });
        completions.delete(key);
        completions.set(`${host}\u2032${key.slice(host.length)}`, outcome);
      }
      for (const key of attempts.keys()) if (key.startsWith(`${host} `)) attempts.delete(key);
      return ended;
    },
    isDealtWith(agent, from, id) {
      if (dealtWith.has(`${agent} ${from} ${id}`)) return true;
      // A later part is covered by the first of its message.
      const [stream = "", seq = "0"] = id.split(".");
      for (let part = 0; part < MAX_PARTS; part++) if (mayBeCompleted.has(`${agent} ${from} ${stream}.${Number(seq) - part}`)) return true;
      return false;
    },
    endings() {
      const idsIn = (...maps: readonly { keys(): Iterable<string> }[]): ReadonlySet<string> =>
        new Set(maps.flatMap((map) => [...map.keys()].map((key) => `${hostOf(key.split(" ")[1] ?? "")} ${key.split(" ")[2]}`)));
      return { done: idsIn(completions, mayBeCompleted), refused: idsIn(completions, mayBeCompleted, dealtWith) };
    },
    age() {
      for (const map of [completions, dealtWith, attempts, mayStartAgain, mayBeCompleted]) map.age();
    },
    get completed() {
      return completed;
    },
    get repeats() {
      return repeats;
    },
  };
}

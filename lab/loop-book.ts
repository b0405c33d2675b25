/** Automatic mail that automatic mail caused: of one agent in one thread never more than its budget. */
import type { Mail } from "../packages/perdure/src/agent/api.ts";
import { COUNTED_DEPTH } from "../packages/perdure/src/protocol/contacts/loop-guard.ts";
import { createAged } from "./aged.ts";

export interface LoopBook {
  handed(mail: Pick<Mail, "auto" | "depth" | "from" | "thread" | "id">): void;
  /** What was not told of since the last call is forgotten. */
  age(): void;
}

export interface LoopBookOptions {
  /** Messages. */
  readonly budget: number;
  /** How many lives a folder had at most: copies of it, and from before it was put back. Each has a budget of its own. */
  readonly lives: (from: string) => number;
  readonly fail: (from: string, count: number) => void;
}

export function createLoopBook({ budget, lives, fail }: LoopBookOptions): LoopBook {
  /** Ids, by sender and thread. */
  const automatic = createAged<string, Set<string>>();
  return {
    handed: ({ auto, depth, from, thread, id }) => {
      if (!auto || depth < COUNTED_DEPTH) return;
      const key = `${from} ${thread}`;
      const ids = (automatic.get(key) ?? new Set()).add(id);
      automatic.set(key, ids);
      if (ids.size > budget * lives(from)) fail(from, ids.size);
    },
    age: () => automatic.age(),
  };
}

/** What the processes of a soak said, added up: what was promised, done, completed, started again, and whether a kill explains it. */

export interface Fact {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Tally {
  /** A fact of a process; `life` is how often that process was killed before. */
  take(role: string, life: number, fact: Fact): void;
  trouble(what: string): void;
  /** Promised and not done. */
  open(): readonly string[];
  result(): TallyResult;
}

export interface TallyResult {
  readonly promised: number;
  readonly done: number;
  /** Messages that the recipient's own relay signed for. */
  readonly signedFor: number;
  readonly lost: readonly string[];
  readonly completedTwice: readonly string[];
  readonly unexplainedStarts: readonly string[];
  readonly secondStarts: number;
  readonly longestGapMs: number;
  readonly troubles: readonly string[];
}

export function createTally(nowMs: () => number): Tally {
  const promised = new Set<string>();
  const done = new Set<string>();
  const signedFor = new Set<string>();
  const completed = new Map<string, number>();
  const starts = new Map<string, number>();
  const unexplained: string[] = [];
  const troubles: string[] = [];
  let secondStarts = 0;
  let longestGapMs = 0;
  let lastDoneMs: number | undefined;

  const finish = (id: string): void => {
    if (done.has(id)) return;
    done.add(id);
    longestGapMs = Math.max(longestGapMs, nowMs() - (lastDoneMs ?? nowMs()));
    lastDoneMs = nowMs();
  };
  const begin = (id: string, life: number, attempt: unknown): void => {
    const before = starts.get(id);
    if (before !== undefined) {
      secondStarts++;
      if (before === life) unexplained.push(`${id}: attempt ${String(attempt)} without a kill in between`);
    }
    starts.set(id, life);
  };

  return {
    take: (role, life, fact) => {
      const id = String(fact["id"]);
      if (fact.event === "promised") promised.add(id);
      else if (fact.event === "step") {
        if (fact["state"] === "done") finish(id);
        if (fact["state"] === "stored" && fact["proof"] === "statement") signedFor.add(id);
      } else if (fact.event === "agent.completed" && role === "desk") completed.set(id, (completed.get(id) ?? 0) + 1);
      else if (fact.event === "agent.handler-start" && role === "desk") begin(id, life, fact["attempt"]);
      else if (fact.event === "trouble" || fact.event === "agent.commit-failed") troubles.push(`${role} ${JSON.stringify(fact)}`);
    },
    trouble: (what) => void troubles.push(what),
    open: () => [...promised].filter((id) => !done.has(id)),
    result: () => ({
      promised: promised.size,
      done: done.size,
      signedFor: signedFor.size,
      lost: [...promised].filter((id) => !done.has(id)),
      completedTwice: [...completed].filter(([, times]) => times > 1).map(([id]) => id),
      unexplainedStarts: unexplained,
      secondStarts,
      longestGapMs: Math.round(longestGapMs),
      troubles,
    }),
  };
}

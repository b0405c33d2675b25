/** Asking for rows of mail that rests, before somebody needs them. */
import type { AgentState } from "./mailbox-state.ts";
import type { RelayMachine } from "./relay-machine.ts";

/** Messages behind a consumer's place that are fetched before it comes to them. */
export const HANDED_SOON = 512;
/** Rows fetched at once. */
const FETCHED_ROWS = 1024;

/** Asks for what rests from `first` to `last`, beginning with the first of it; one fetch of a mailbox at a time. */
export function fetchRows({ journal }: RelayMachine, { key, mailbox }: AgentState, first: number, last: number): void {
  if (mailbox.fetching) return;
  const run = mailbox.stored.resting.from(first);
  if (run === undefined || run.first > last) return;
  mailbox.fetching = true;
  const from = Math.max(run.first, first);
  const count = Math.min(FETCHED_ROWS, run.last - from + 1);
  journal.emit({ kind: "rows-wanted", agent: key, segment: run.segment, row: run.row + from - run.first, first: from, count });
}

/** Fetches what the consumer of the mailbox gets soon. */
export function fetchAhead(machine: RelayMachine, agent: AgentState): void {
  const { consumer, stored, settled } = agent.mailbox;
  if (stored.resting.size === 0 || consumer?.ready !== true) return;
  const next = settled.firstMissing(consumer.cursor + 1);
  fetchRows(machine, agent, next, next + HANDED_SOON);
}

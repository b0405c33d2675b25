/**
 * Where the agent stands in its mailbox at the relay: which positions it has, and which need nothing more.
 *
 * States of a position: unknown, held (the agent has the message on its own disk), settled. Positions belong to one
 * generation; a new generation makes all of them unknown.
 * Inputs: `begin` (a generation), `hold`, `settleSeq`, `settlePosition`, `relaySettled`, `attach`. Outputs: `have` for
 * the next attach and `take` for settle frames.
 *
 * Invariants:
 * - A position is settled only after what was decided about its message is durable.
 * - The floor of a settle has nothing unsettled below it; ranges above it name settled positions only.
 * - `have` never names a position above one that is unknown.
 */
import { type Bytes, equalBytes } from "../../wire/bytes.ts";
import { GENERATION_BYTES } from "../../wire/ids.ts";
import { MAX_SETTLE_RANGES } from "../../wire/limits.ts";
import { createIntervalSet, type IntervalSet, type Range } from "./interval-set.ts";

export interface MailboxCursor {
  readonly generation: Bytes;
  readonly settled: readonly Range[];
  /** Takes `generation` as the current one, with what is known to be settled in it. */
  begin(generation: Bytes, settled: readonly Range[]): void;
  /** The message part `seqKey` lies at this position. Another generation than the current one is ignored. */
  hold(generation: Bytes, position: number, seqKey: string): void;
  /** Nothing more is needed for this message part, wherever it lies. */
  settleSeq(seqKey: string): void;
  settlePosition(generation: Bytes, position: number): void;
  /** The relay itself says that everything up to here is settled. */
  relaySettled(generation: Bytes, floor: number): void;
  /** A session begins: everything settled above the relay's floor is said once more. */
  attach(): void;
  /** Highest position of `seqKey` in the current generation, 0 when there is none. */
  positionOf(seqKey: string): number;
  have(): { readonly generation: Bytes; readonly position: number };
  /** The next settle to say, or `undefined` when everything was said. */
  take(): { readonly generation: Bytes; readonly floor: number; readonly ranges: readonly Range[] } | undefined;
}

export function createMailboxCursor(defences: { readonly floor: boolean }): MailboxCursor {
  let generation: Bytes = new Uint8Array(GENERATION_BYTES);
  let settled: IntervalSet = createIntervalSet();
  let untold: IntervalSet = createIntervalSet();
  // bound: one per part that is not settled: mailboxMessages of the relay
  const positions = new Map<string, number[]>();
  let known: IntervalSet = createIntervalSet();
  let toldFloor = 0;

  const isCurrent = (other: Bytes): boolean => equalBytes(other, generation);
  const floorOf = (): number => {
    if (defences.floor) return settled.firstMissing(1) - 1;
    return settled.ranges.at(-1)?.[1] ?? 0;
  };
  const settle = (first: number, last: number): void => {
    settled.add(first, last);
    known.add(first, last);
    untold.add(first, last);
  };

  return {
    get generation() {
      return generation;
    },
    get settled() {
      return settled.ranges;
    },
    begin(next, ranges) {
      if (!isCurrent(next)) {
        generation = next;
        settled = createIntervalSet();
        untold = createIntervalSet();
        known = createIntervalSet();
        positions.clear();
        toldFloor = 0;
      }
      for (const [first, last] of ranges) settle(first, last);
    },
    hold(of, position, seqKey) {
      if (!isCurrent(of) || settled.has(position)) return;
      known.add(position);
      const held = positions.get(seqKey);
      if (held === undefined) positions.set(seqKey, [position]);
      else if (!held.includes(position)) held.push(position);
    },
    settleSeq(seqKey) {
      for (const position of positions.get(seqKey) ?? []) settle(position, position);
      positions.delete(seqKey);
    },
    settlePosition(of, position) {
      if (isCurrent(of) && position > 0) settle(position, position);
    },
    relaySettled(of, floor) {
      if (!isCurrent(of) || floor < 1) return;
      settled.add(1, floor);
      known.add(1, floor);
      toldFloor = Math.max(toldFloor, floor);
    },
    attach() {
      toldFloor = 0;
      untold = createIntervalSet(settled.ranges);
    },
    positionOf: (seqKey) => Math.max(0, ...(positions.get(seqKey) ?? [])),
    have: () => ({ generation, position: known.firstMissing(1) - 1 }),
    take() {
      const floor = floorOf();
      const ranges = untold.ranges.filter(([first]) => first > floor);
      if (ranges.length === 0 && floor <= toldFloor) return undefined;
      const said = ranges.slice(0, MAX_SETTLE_RANGES);
      toldFloor = Math.max(toldFloor, floor);
      untold = createIntervalSet(ranges.slice(MAX_SETTLE_RANGES));
      return { generation, floor, ranges: said };
    },
  };
}

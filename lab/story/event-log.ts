/** Every event of a run in little room, and the first one in which two runs differ. */
import type { World } from "../../packages/perdure/src/host/simulated/index.ts";

export interface EventLog {
  note(world: World, label: string, process: string | undefined): void;
  readonly length: number;
  at(index: number): LoggedEvent | undefined;
}

export interface LoggedEvent {
  /** Counted from 1. */
  readonly number: number;
  readonly atMs: number;
  /** Absent for events of the script. */
  readonly process: string | undefined;
  readonly label: string;
  /** Of everything that happened before it. */
  readonly historyHash: string;
}

/** Where two runs of one scenario part. */
export interface Difference {
  /** The same in both: the last ones before. */
  readonly before: readonly LoggedEvent[];
  /** Absent when that run was over. */
  readonly first: LoggedEvent | undefined;
  readonly second: LoggedEvent | undefined;
  /** Both were about to do the same, but what the event before had done was not the same. */
  readonly inTheEventBefore: boolean;
}

const SHOWN_BEFORE = 12;

export function createEventLog(): EventLog {
  const words: string[] = [];
  const numbers = new Map<string, number>();
  let times = new Float64Array(1 << 16);
  let marks = new Uint32Array(4 << 16);
  let length = 0;
  const numberOf = (word: string): number => {
    let known = numbers.get(word);
    if (known === undefined) {
      known = words.push(word) - 1;
      numbers.set(word, known);
    }
    return known;
  };
  return {
    get length() {
      return length;
    },
    note: (world, label, process) => {
      if (length === times.length) {
        times = grown(times, new Float64Array(2 * length));
        marks = grown(marks, new Uint32Array(8 * length));
      }
      times[length] = world.nowMs;
      const hash = world.historyHash;
      marks[4 * length] = numberOf(label);
      marks[4 * length + 1] = numberOf(process ?? "");
      marks[4 * length + 2] = Number.parseInt(hash.slice(0, 8), 16);
      marks[4 * length + 3] = Number.parseInt(hash.slice(8), 16);
      length++;
    },
    at: (index) => {
      if (index < 0 || index >= length) return undefined;
      const [label, process, high, low] = marks.subarray(4 * index, 4 * index + 4);
      return {
        number: index + 1,
        atMs: times[index] as number,
        label: words[label as number] as string,
        process: words[process as number] || undefined,
        historyHash: [high, low].map((half) => (half as number).toString(16).padStart(8, "0")).join(""),
      };
    },
  };
}

/** `undefined` when both are the same from beginning to end. */
export function firstDifference(one: EventLog, other: EventLog): Difference | undefined {
  for (let index = 0; index < Math.max(one.length, other.length); index++) {
    const [first, second] = [one.at(index), other.at(index)];
    const isSameEvent = first?.atMs === second?.atMs && first?.label === second?.label && first?.process === second?.process;
    if (isSameEvent && first?.historyHash === second?.historyHash) continue;
    const before = Array.from({ length: SHOWN_BEFORE }, (_, back) => one.at(index - SHOWN_BEFORE + back)).filter(
      (each) => each !== undefined,
    );
    return { before, first, second, inTheEventBefore: first?.historyHash !== second?.historyHash };
  }
  return undefined;
}

function grown<List extends Float64Array | Uint32Array>(from: List, to: List): List {
  to.set(from);
  return to;
}

/**
 * What happens next, in virtual time. Events at the same microsecond run in an order drawn from the seed, so that code
 * which relies on an accidental order is found out. Events belong to a process: those of a dead process never run, those
 * of a paused one wait until it goes on.
 */
import type { Draws } from "./draws.ts";
import type { History } from "./history.ts";
import type { Watch } from "./watcher.ts";

/** One run of a program on a host, from its start to its crash. */
export interface Process {
  readonly name: string;
  /** 1 for the first run under this name. */
  readonly incarnation: number;
  alive: boolean;
  paused: boolean;
  /** Events that came due while it was paused. */
  readonly deferred: Event[];
  /** Microseconds its monotonic clock has stood still while its machine slept. */
  stoodUs: number;
  /** Calls of ports that change something outside of it, or make something happen to it. */
  calls: number;
  /** What happens within which of them. */
  trap: { readonly call: number; readonly run: () => void } | undefined;
}

/** Counts a call of a port; whoever does must then look whether the process is still alive. */
export function called(process: Process): void {
  process.calls++;
  const { trap } = process;
  if (trap === undefined || process.calls < trap.call) return;
  process.trap = undefined;
  trap.run();
}

export interface Event {
  atUs: number;
  tie: number;
  readonly order: number;
  /** False while it is put off for a paused process, and after it ran. */
  inHeap: boolean;
  readonly label: string;
  readonly owner: Process | undefined;
  /** `undefined` once it was taken back. */
  run: (() => void | Promise<void>) | undefined;
}

export interface Schedule {
  /** Virtual microseconds since the world began. */
  readonly nowUs: number;
  /** Events that wait; those taken back are not counted. */
  readonly waiting: number;
  /** Adds an event; never in the past. The returned function takes it back. */
  at(atUs: number, label: string, owner: Process | undefined, run: () => void | Promise<void>): () => void;
  /** When the next event is due, or `undefined` when none waits. */
  nextUs(): number | undefined;
  /** Moves time to the next event and runs it; false when none waits. The caller lets its consequences settle before the next. */
  step(): boolean | Promise<void>;
  /** Moves time forward although nothing happens. */
  advanceTo(atUs: number): void;
  resume(process: Process): void;
}

/** A heap mostly of events taken back is rebuilt, once it has at least this many. */
const MIN_REBUILD = 1024;

export function createSchedule(draws: Draws, history: History, watch: Watch = { by: undefined }): Schedule {
  let nowUs = 0;
  let order = 0;
  let takenBack = 0;
  let heap: Event[] = [];

  const before = (a: Event, b: Event): boolean =>
    a.atUs !== b.atUs ? a.atUs < b.atUs : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order;

  const siftUp = (from: number): void => {
    const event = heap[from] as Event;
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent] as Event)) break;
      heap[at] = heap[parent] as Event;
      at = parent;
    }
    heap[at] = event;
  };

  const siftDown = (from: number): void => {
    const event = heap[from] as Event;
    let at = from;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!before(heap[child] as Event, event)) break;
      heap[at] = heap[child] as Event;
      at = child;
    }
    heap[at] = event;
  };

  const pop = (): Event | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    first.inHeap = false;
    if (heap.length > 0) {
      heap[0] = last;
      siftDown(0);
    }
    return first;
  };

  const dropTakenBack = (): void => {
    while (heap.length > 0 && (heap[0] as Event).run === undefined) {
      pop();
      takenBack--;
    }
  };

  const push = (event: Event): void => {
    event.inHeap = true;
    heap.push(event);
    siftUp(heap.length - 1);
  };

  const at = (atUs: number, label: string, owner: Process | undefined, run: () => void | Promise<void>): (() => void) => {
    const event: Event = { atUs: Math.max(nowUs, Math.ceil(atUs)), tie: draws.u32(), order: order++, inHeap: true, label, owner, run };
    push(event);
    return () => {
      if (event.run === undefined) return;
      event.run = undefined;
      if (!event.inHeap) return;
      takenBack++;
      if (takenBack >= MIN_REBUILD && takenBack * 2 > heap.length) {
        heap = heap.filter((kept) => kept.run !== undefined);
        takenBack = 0;
        for (let index = (heap.length >> 1) - 1; index >= 0; index--) siftDown(index);
      }
    };
  };

  return {
    get nowUs() {
      return nowUs;
    },
    get waiting() {
      return heap.length - takenBack;
    },
    at,
    nextUs: () => {
      dropTakenBack();
      return heap[0]?.atUs;
    },
    step: () => {
      dropTakenBack();
      const event = pop();
      if (event?.run === undefined) return false;
      nowUs = event.atUs;
      const run = event.run;
      if (event.owner !== undefined) {
        if (!event.owner.alive) return true;
        if (event.owner.paused) {
          event.owner.deferred.push(event);
          return true;
        }
        history.text(event.owner.name);
      }
      event.run = undefined;
      watch.by?.event?.(event.label, event.owner?.name);
      history.word(nowUs | 0);
      history.text(event.label);
      return run() ?? true;
    },
    advanceTo: (atUs) => {
      nowUs = Math.max(nowUs, Math.floor(atUs));
    },
    resume: (process) => {
      process.paused = false;
      for (const event of process.deferred.splice(0)) {
        if (event.run === undefined) continue;
        event.atUs = nowUs;
        event.tie = draws.u32();
        push(event);
      }
    },
  };
}

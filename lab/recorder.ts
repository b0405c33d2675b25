/**
 * What happened in one run, kept to be told: facts, faults, lives of processes, messages between them, letters of owners. Bounded: of a
 * run with more, the latest are kept, which is where it broke.
 */
import type { LogFields, LogLevel } from "../packages/perdure/src/host/log.ts";
import type { World } from "../packages/perdure/src/host/simulated/index.ts";
import { namesOfFrames } from "./frame-names.ts";
import type { Letter } from "./scenario.ts";
import type { EventLog } from "./story/event-log.ts";
import type { Census } from "./town.ts";
import type { Fault } from "./weather.ts";

/** Which of it is wanted. */
export interface RecordWish {
  readonly moments?: boolean;
  readonly flights?: boolean;
  readonly letters?: boolean;
  /** Is told of every event before it runs. */
  readonly events?: EventLog;
}

export type Moment = { readonly atMs: number } & (
  | { readonly kind: "fact"; readonly who: string; readonly level: LogLevel; readonly event: string; readonly fields: LogFields }
  | { readonly kind: "fault"; readonly who: string; readonly fault: Fault }
  | { readonly kind: "life"; readonly who: string; readonly what: "begins" | "dies" | "stands still" | "goes on" }
  | { readonly kind: "note"; readonly who: string; readonly what: string }
);

/** One message of a connection. */
export interface Flight {
  readonly from: string;
  readonly to: string;
  readonly sentMs: number;
  /** Absent when it never arrived. */
  arrivedMs?: number;
  /** It came more than once. */
  again?: number;
  readonly bytes: number;
  /** Frames in it, by name, and the ids of the messages they carry. */
  readonly frames: readonly string[];
  readonly ids: readonly string[];
}

export interface Recording {
  /** Hosts in the order of their lanes: agents with their relay beside them, then whoever came later. */
  readonly hosts: readonly string[];
  /** Ids of agents and relays, and whose they are. */
  readonly names: Readonly<Record<string, string>>;
  /** When the town was open, virtual milliseconds. */
  readonly beginMs: number;
  /** When the weather was over. */
  readonly clearMs: number;
  readonly moments: readonly Moment[];
  readonly flights: readonly Flight[];
  readonly letters: readonly Letter[];
  /** How many came before the first one kept. */
  readonly forgotten: { readonly moments: number; readonly flights: number };
}

export interface Recorder {
  watch(world: World, census: Census): void;
  began(): void;
  cleared(): void;
  fault(fault: Fault): void;
  note(what: string, who?: string): void;
  letter(letter: Letter): void;
  recording(): Recording;
}

const MAX_MOMENTS = 300_000;
const MAX_FLIGHTS = 300_000;
const MAX_LETTERS = 100_000;

export function createRecorder({ moments: withMoments, flights: withFlights, letters: withLetters, events }: RecordWish): Recorder {
  const moments: Moment[] = [];
  const flights: Flight[] = [];
  const letters: Letter[] = [];
  const forgotten = { moments: 0, flights: 0 };
  const hosts = new Set<string>();
  const names: Record<string, string> = {};
  /** Of messages somebody still holds; one that was changed on its way is another one. */
  const underWay = new WeakMap<Uint8Array, Flight>();
  let now = (): number => 0;
  let beginMs = 0;
  let clearMs = Number.POSITIVE_INFINITY;

  const keep = <Item>(list: Item[], item: Item, most: number, which: keyof typeof forgotten): void => {
    list.push(item);
    if (list.length < 2 * most) return;
    forgotten[which] += list.length - most;
    list.splice(0, list.length - most);
  };
  const add = (moment: Moment): void => {
    if (withMoments) keep(moments, moment, MAX_MOMENTS, "moments");
  };

  return {
    watch: (world, { relays, agents, homes }) => {
      now = () => world.nowMs;
      for (const relay of relays) {
        const [first, ...rest] = agents.filter((agent) => homes.get(agent) === relay);
        for (const each of [first, relay, ...rest]) if (each !== undefined) hosts.add(each);
      }
      world.onLog((who, level, event, fields) => {
        if (event === "relay.started") names[String(fields["id"])] = who;
        if (event === "agent.opened") names[String(fields["id"])] ??= who;
        add({ atMs: now(), kind: "fact", who, level, event, fields: { ...fields } });
      });
      world.watch({
        ...(events === undefined ? {} : { event: (label: string, process: string | undefined) => events.note(world, label, process) }),
        life: (who, what) => {
          hosts.add(who);
          add({ atMs: now(), kind: "life", who, what });
        },
        ...(withFlights
          ? {
              sent: (from: string, to: string, message: Uint8Array) => {
                const flight: Flight = { from, to, sentMs: now(), bytes: message.length, ...namesOfFrames(message) };
                underWay.set(message, flight);
                keep(flights, flight, MAX_FLIGHTS, "flights");
              },
              arrived: (from: string, to: string, message: Uint8Array) => {
                const flight = underWay.get(message);
                if (flight === undefined) {
                  add({ atMs: now(), kind: "note", who: to, what: `${message.length} bytes from ${from} were changed on their way` });
                  return;
                }
                if (flight.arrivedMs === undefined) flight.arrivedMs = now();
                else flight.again = (flight.again ?? 1) + 1;
              },
            }
          : {}),
      });
    },
    began: () => {
      beginMs = now();
    },
    cleared: () => {
      clearMs = now();
    },
    fault: (fault) => add({ atMs: now(), kind: "fault", who: fault.host, fault }),
    note: (what, who = "") => add({ atMs: now(), kind: "note", who, what }),
    letter: (letter) => {
      if (withLetters && letters.length < MAX_LETTERS) letters.push(letter);
    },
    recording: () => ({ hosts: [...hosts], names, beginMs, clearMs, moments, flights, letters, forgotten }),
  };
}

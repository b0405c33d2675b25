/**
 * Where an agent stands in its mailbox, beside sets of positions and a relay that listens: what it is told in a session is what is settled,
 * in this generation, and all of it once the agent has nothing more to say.
 */
import { createMailboxCursor } from "../../packages/perdure/src/protocol/delivery/mailbox-cursor.ts";
import type { Bytes } from "../../packages/perdure/src/wire/bytes.ts";
import { MAX_SETTLE_RANGES } from "../../packages/perdure/src/wire/limits.ts";
import { parted, type Room } from "./room.ts";

type Step =
  | { readonly do: "begin"; readonly generation: number; readonly settled: readonly (readonly [number, number])[] }
  | { readonly do: "hold"; readonly generation: number; readonly position: number; readonly part: number }
  | { readonly do: "settle-part"; readonly part: number }
  /** `every` as far apart, `count` of them. */
  | { readonly do: "settle"; readonly generation: number; readonly first: number; readonly every: number; readonly count: number }
  | { readonly do: "relay-settled"; readonly generation: number; readonly floor: number }
  | { readonly do: "attach" | "take" };

const STEPS = 120;
const GENERATIONS = 3;
const PARTS = 8;
const POSITIONS = 30;

export const cursor: Room<Step> = {
  name: "cursor",
  about: "where an agent stands in its mailbox, beside sets of positions and a relay that listens",
  draw: (draws) => {
    let current = 1;
    const generation = (): number => (draws.chance(0.85) ? current : draws.below(GENERATIONS) + 1);
    const position = (): number => draws.below(draws.chance(0.5) ? 3 : POSITIONS) + (draws.chance(0.9) ? 1 : 0);
    return Array.from({ length: STEPS }, (): Step => {
      const kind = draws.below(20);
      if (kind < 1) {
        current = draws.below(GENERATIONS) + 1;
        const settled = Array.from({ length: draws.below(4) }, () => {
          const first = 1 + draws.below(POSITIONS);
          return [first, first + draws.below(4)] as const;
        });
        return { do: "begin", generation: current, settled };
      }
      if (kind < 8) return { do: "hold", generation: generation(), position: 1 + draws.below(POSITIONS), part: draws.below(PARTS) };
      if (kind < 11) return { do: "settle-part", part: draws.below(PARTS) };
      if (kind < 13) {
        const count = draws.chance(0.15) ? MAX_SETTLE_RANGES + draws.below(9) : 1 + draws.below(3);
        return { do: "settle", generation: generation(), first: position(), every: 1 + draws.below(3), count };
      }
      if (kind < 14) return { do: "relay-settled", generation: generation(), floor: position() };
      return { do: kind < 16 ? "attach" : "take" };
    });
  },
  run: async (steps) => {
    const idOf = (number: number): Bytes => new Uint8Array(8).fill(number);
    const product = createMailboxCursor({ floor: true });
    let generation = 0;
    let settled = new Set<number>();
    let known = new Set<number>();
    let parts = new Map<number, Set<number>>();
    /** What the relay of this session has not been told. */
    let untold = new Set<number>();
    let toldFloor = 0;
    const settle = (position: number): void => {
      for (const set of [settled, known, untold]) set.add(position);
    };
    const upTo = (set: ReadonlySet<number>): number => {
      let last = 0;
      while (set.has(last + 1)) last++;
      return last;
    };
    const take = (): boolean => {
      const floor = upTo(settled);
      const due = [...untold].filter((position) => position > floor).sort((one, other) => one - other);
      const said = product.take();
      if ((said !== undefined) !== (due.length > 0 || floor > toldFloor)) parted(`${said === undefined ? "nothing" : "something"} is said`);
      if (said === undefined) return false;
      if (said.generation[0] !== idOf(generation)[0] || said.floor !== floor) parted(`the floor is said to be ${said.floor}, not ${floor}`);
      const firsts = due.filter((position) => !untold.has(position - 1) || position - 1 === floor);
      const ranges = firsts.map((first) => {
        let last = first;
        while (untold.has(last + 1)) last++;
        return [first, last] as const;
      });
      const wanted = ranges.slice(0, MAX_SETTLE_RANGES);
      if (said.ranges.join(" ") !== wanted.join(" ")) parted(`${said.ranges.join(" ")} is settled, not ${wanted.join(" ")}`);
      untold = new Set(due.filter((position) => position > (wanted.at(-1)?.[1] ?? floor)));
      toldFloor = Math.max(toldFloor, floor);
      return true;
    };
    for (const step of steps) {
      if (step.do === "begin") {
        product.begin(idOf(step.generation), step.settled);
        if (step.generation !== generation) {
          [settled, known, untold, parts, toldFloor] = [new Set(), new Set(), new Set(), new Map(), 0];
          generation = step.generation;
        }
        for (const [first, last] of step.settled) for (let position = first; position <= last; position++) settle(position);
      } else if (step.do === "hold") {
        product.hold(idOf(step.generation), step.position, `part ${step.part}`);
        if (step.generation === generation && !settled.has(step.position)) {
          known.add(step.position);
          parts.set(step.part, (parts.get(step.part) ?? new Set()).add(step.position));
        }
      } else if (step.do === "settle-part") {
        product.settleSeq(`part ${step.part}`);
        for (const position of parts.get(step.part) ?? []) settle(position);
        parts.delete(step.part);
      } else if (step.do === "settle") {
        for (let at = 0; at < step.count; at++) {
          const position = step.first + at * (step.every + 1);
          product.settlePosition(idOf(step.generation), position);
          if (step.generation === generation && position > 0) settle(position);
        }
      } else if (step.do === "relay-settled") {
        product.relaySettled(idOf(step.generation), step.floor);
        if (step.generation === generation)
          for (let position = 1; position <= step.floor; position++) {
            settled.add(position);
            known.add(position);
          }
        if (step.generation === generation) toldFloor = Math.max(toldFloor, step.floor);
      } else if (step.do === "attach") {
        product.attach();
        untold = new Set(settled);
        toldFloor = 0;
      } else while (take());
      const have = product.have();
      if (have.generation[0] !== generation || have.position !== upTo(known))
        parted(`it has everything up to ${have.position}, not ${upTo(known)}`);
      const ranges = product.settled.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, index) => first + index));
      if (ranges.join() !== [...settled].sort((one, other) => one - other).join()) parted(`settled are ${ranges.join()}`);
      for (let part = 0; part < PARTS; part++) {
        const highest = Math.max(0, ...(parts.get(part) ?? []));
        const said = product.positionOf(`part ${part}`);
        if (said !== highest) parted(`part ${part} lies at ${said}, not ${highest}`);
      }
    }
  },
};

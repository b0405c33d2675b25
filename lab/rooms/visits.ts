/** Rooms as a person asks for them: each with many seeds, and of what breaks the fewest steps. */
import { parseArgs } from "node:util";
import { PerdureError } from "../../packages/perdure/src/wire/error.ts";
import { wholeNumber } from "../command.ts";
import { findMistake } from "../mistakes/index.ts";
import { ROOMS } from "./index.ts";
import { goThroughRooms } from "./room-thread.ts";
import type { Visited } from "./room-worker.ts";

/** Exit code 0 when nothing broke. */
export async function visitRooms(words: readonly string[], print: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seeds: { type: "string", default: "100" },
      seed: { type: "string" },
      only: { type: "string" },
      plant: { type: "string" },
    },
  });
  const only = roomNames(values.only?.split(","));
  const seeds =
    values.seed === undefined
      ? Array.from({ length: wholeNumber("seeds", values.seeds) }, (_, index) => index + 1)
      : [wholeNumber("seed", values.seed, 0)];
  const planted = values.plant === undefined ? undefined : findMistake(values.plant);
  let broken = 0;
  const end = await goThroughRooms({ planted, parts: [seeds], only }, (visited) => {
    if (visited.broken !== undefined) broken++;
    for (const line of visitedLines(visited)) print(line);
  });
  if (end.kind === "broken") throw end.error;
  if (end.kind === "stuck") throw new PerdureError("internal", "the room behind the last that was printed comes to no end");
  return broken === 0 ? 0 : 1;
}

/** All of them where none are named; throws `bad-argument` for one that is not there. */
export function roomNames(only: readonly string[] | undefined): readonly string[] {
  const all = ROOMS.map(({ name }) => name);
  for (const name of only ?? [])
    if (!all.includes(name)) throw new PerdureError("bad-argument", `there is no room "${name}"`, { hint: `There are ${all.join(", ")}.` });
  return only ?? all;
}

function visitedLines({ room, about, seeds, seconds, broken }: Visited): readonly string[] {
  const line = `${room.padEnd(10)} ${String(seeds).padStart(6)} ${seeds === 1 ? "seed " : "seeds"} ${seconds.toFixed(1).padStart(7)} s  ${about}`;
  if (broken === undefined) return [line];
  const { seed, least } = broken;
  return [
    line,
    `  seed ${seed}: ${least.what}`,
    `  with ${least.steps.length} ${least.steps.length === 1 ? "step" : "steps"}:`,
    ...least.steps.map((step) => `    ${JSON.stringify(step)}`),
  ];
}

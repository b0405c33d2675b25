/** The rules of the house that no other tool checks. Prints each broken one and exits with 1 when there is any. */
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { ambientViolations } from "./house/ambient.ts";
import { arrowViolations } from "./house/arrows.ts";
import { boundViolations } from "./house/bounds.ts";
import { readSources } from "./house/source-file.ts";
import { textViolations } from "./house/text.ts";
import type { Violation } from "./house/violation.ts";
import { waitViolations } from "./house/waits.ts";
import { weightViolations } from "./house/weight.ts";

/** Folders with TypeScript of ours besides the network's rooms: only the rules about text hold there. */
const OTHER_SOURCES = [
  "scripts",
  "lab",
  "fuzz",
  "bench",
  "packages/perdure/test",
  "packages/pace/src",
  "packages/turboquant/src",
  "packages/turboquant/test",
  "packages/turboquant/page",
];

/** Everything broken in the checkout at `root`. */
export function houseViolations(root: string): readonly Violation[] {
  const rooms = readSources(join(root, "packages/perdure/src"));
  const pace = readSources(join(root, "packages/pace/src"));
  const others = OTHER_SOURCES.flatMap((folder) =>
    textViolations(readSources(join(root, folder))).map((found) => ({ ...found, where: `${folder}/${found.where}` })),
  );
  return [
    ...arrowViolations(rooms),
    ...ambientViolations(rooms),
    ...ambientViolations(pace).map((found) => ({ ...found, where: `packages/pace/src/${found.where}` })),
    ...textViolations(rooms),
    ...boundViolations(rooms),
    ...waitViolations(rooms),
    ...others,
    ...weightViolations(root),
  ];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = houseViolations(fileURLToPath(new URL("..", import.meta.url)));
  for (const { rule, where, what } of found) process.stdout.write(`${where}  ${rule}: ${what}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}

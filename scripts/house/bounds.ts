/**
 * Nothing that lives long may grow without a bound that somebody can name. So each collection a room keeps says what bounds it, on its line
 * or in a comment right above: `bound: relayPeers`, `bound: one per session`, `bound: outboxMessages, by hasRoom`.
 *
 * What counts as kept, by the layout the formatter gives: a `new Map`, `new Set` or `[]` that is
 * - a constant or variable of a module, if it is empty (a table with its rows in it does not grow), or
 * - a constant or variable directly in the body of a function of a module, if that hands out functions: one named create…, open…, start…,
 *   serve…, watch… or listen…, or one whose type says on its first line that it gives a function, or
 * - a map or set that is a property of an object literal (`links: new Map()`); lists there are mostly values.
 * Collections deeper inside a function end with its call, and those that live for it alone are not asked about.
 */
import type { SourceFile } from "./source-file.ts";
import type { Violation } from "./violation.ts";

const ROOMS = /^(?:protocol|relay|agent|store|host|identity)\//;
const NOT_PRODUCT = /(?:\.test\.ts$|\/test-[^/]+\.ts$|^host\/(?:simulated|conformance|vectors)\/)/;
const EMPTY = String.raw`(?:new (?:Map|Set)(?:<.*>)?\(\)|\[\])`;
const OF_MODULE = new RegExp(String.raw`^(?:export )?(?:const|let) \w+.* = ${EMPTY};`);
const OF_FACTORY = new RegExp(String.raw`^  (?:const|let) \w+.* = ${EMPTY};`);
const OF_OBJECT = /^\s+\w+: new (?:Map|Set)(?:<.*>)?\(\),?$/;
const FACTORY = /^(?:export )?(?:async )?(?:function|const) (?:create|open|start|serve|watch|listen)[A-Z]?\w*/;
const GIVES_FUNCTION = /^(?:export )?(?:async )?function .*\): (?:Promise<)?\(.*\) => .*\{$/;
const TOP = /^\S/;
const BOUND = /\bbound: \S/;

export function boundViolations(files: readonly SourceFile[]): readonly Violation[] {
  return files.filter(({ path }) => ROOMS.test(path) && !NOT_PRODUCT.test(path)).flatMap(unbounded);
}

function unbounded({ path, text }: SourceFile): readonly Violation[] {
  const lines = text.split("\n");
  let inFactory = false;
  return lines.flatMap((line, at) => {
    if (TOP.test(line) && !line.startsWith("}") && !line.startsWith(")")) inFactory = FACTORY.test(line) || GIVES_FUNCTION.test(line);
    const kept = OF_MODULE.test(line) || (inFactory && OF_FACTORY.test(line)) || OF_OBJECT.test(line);
    if (!kept || saysBound(lines, at)) return [];
    return [{ rule: "no-bound", where: `${path}:${at + 1}`, what: `say what bounds it: "bound: …" in a comment (${line.trim()})` }];
  });
}

/** On the line itself, or in the comment that ends right above it. */
function saysBound(lines: readonly string[], at: number): boolean {
  if (BOUND.test(lines[at] ?? "")) return true;
  for (let above = at - 1; /^\s*(?:\/\/|\/\*\*|\*)/.test(lines[above] ?? ""); above--) if (BOUND.test(lines[above] ?? "")) return true;
  return false;
}

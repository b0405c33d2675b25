/** Options by their names: one that nobody reads is refused and not passed over, as its default would be taken for what was meant. */
import { orAwaited, refuse, shown } from "./argument.ts";

/** Names of options; the compiler holds them against the interface. */
export type OptionNames = ReadonlySet<string>;

export function optionNames<Options extends object>(names: { readonly [Name in keyof Required<Options>]: true }): OptionNames {
  return new Set(Object.keys(names));
}

/** `of`: what is called with them. Throws `bad-argument`. */
export function checkOptions(of: string, options: unknown, names: OptionNames): void {
  if (typeof options !== "object" || options === null || Symbol.iterator in options || options instanceof Promise)
    refuse(
      `the options of ${of} are ${shown(options)}`,
      orAwaited(options, `They are an object with some of these: ${[...names].join(", ")}.`),
    );
  for (const name in options) if (!names.has(name) && Object.hasOwn(options, name)) refuseName(of, name, names);
}

function refuseName(of: string, name: string, names: OptionNames): never {
  const near = nearestTo(name, names);
  const there = `There ${names.size === 1 ? "is" : "are"} ${[...names].join(", ")}.`;
  return refuse(`${of} has no option ${shown(name)}`, near === undefined ? there : `Is ${near} meant? ${there}`);
}

/** More is another word. */
const MOST_EDITS = 2;
/** As in "dimension", where dim is meant. */
const LEAST_BEGINNING = 3;

/** Which of `names` may have been meant. */
export function nearestTo(name: string, names: Iterable<string>): string | undefined {
  const word = name.toLowerCase();
  let nearest: { readonly name: string; readonly edits: number } | undefined;
  for (const each of names) {
    const other = each.toLowerCase();
    const [short, long] = word.length < other.length ? [word, other] : [other, word];
    const begins = short.length >= LEAST_BEGINNING && long.startsWith(short);
    const edits = begins ? 1 : long.length - short.length > MOST_EDITS ? Number.POSITIVE_INFINITY : editsBetween(word, other);
    const most = Math.min(MOST_EDITS, Math.floor(long.length / 2));
    if (edits <= most && edits < (nearest?.edits ?? Number.POSITIVE_INFINITY)) nearest = { name: each, edits };
  }
  return nearest?.name;
}

/** Letters to put in, take out, replace, or change with the one beside, to make one word of the other. */
function editsBetween(one: string, other: string): number {
  let [before, last] = [[] as number[], Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let at = 1; at <= other.length; at++) {
      const same = one[row - 1] === other[at - 1];
      const turned = at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      next[at] = Math.min(
        (last[at] as number) + 1,
        (next[at - 1] as number) + 1,
        (last[at - 1] as number) + (same ? 0 : 1),
        turned ? (before[at - 2] as number) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, last] = [last, next];
  }
  return last[other.length] as number;
}

/** Columns of a file of separated values, as somebody wishes them: by a name in its header or a place from 1 on, and several as "3-386" or "id,x-z". */
import { refuse, shown } from "../argument.ts";

type Names = readonly string[] | undefined;

/** From 0 on. Throws `bad-argument`. */
export function columnOf(wish: string, names: Names, columns: number): number {
  return placeOf(wish, names, columns) ?? refuse(`there is no column ${shown(wish)}`, thereAre(names, columns));
}

/** In the order in which they are wished. Throws `bad-argument`. */
export function columnsOf(wish: string, names: Names, columns: number): readonly number[] {
  const places = wish.split(",").flatMap((item) => {
    const [from, to] = rangeOf(item.trim(), names, columns);
    if (from > to) refuse(`columns ${shown(item)} run backwards`, `From ${to + 1} to ${from + 1}, that is.`);
    return Array.from({ length: to - from + 1 }, (_, nth) => from + nth);
  });
  const seen = new Set<number>();
  const again = places.find((place) => seen.size === seen.add(place).size);
  if (again !== undefined) refuse(`column ${again + 1} is among columns ${shown(wish)} twice`, "Each coordinate has a column of its own.");
  return places;
}

/** Whether a wish for columns calls one of these by its name. What is all figures is a place. */
export function callsByName(wish: string, names: readonly string[]): boolean {
  const called = names.map((name) => name.trim()).filter((name) => /\D/.test(name));
  return wish
    .split(",")
    .map((item) => item.trim())
    .some((item) => called.some((name) => item === name || item.startsWith(`${name}-`) || item.endsWith(`-${name}`)));
}

function rangeOf(item: string, names: Names, columns: number): readonly [from: number, to: number] {
  const one = placeOf(item, names, columns);
  if (one !== undefined) return [one, one];
  // A name may have such a line in it, too.
  for (let at = item.indexOf("-"); at >= 0; at = item.indexOf("-", at + 1)) {
    const from = placeOf(item.slice(0, at), names, columns);
    const to = placeOf(item.slice(at + 1), names, columns);
    if (from !== undefined && to !== undefined) return [from, to];
  }
  return refuse(`there is no column ${shown(item)}`, thereAre(names, columns));
}

function placeOf(wish: string, names: Names, columns: number): number | undefined {
  const named = names?.indexOf(wish) ?? -1;
  const place = named >= 0 ? named : /^\d+$/.test(wish) ? Number(wish) - 1 : -1;
  return place >= 0 && place < columns ? place : undefined;
}

const MOST_TOLD = 8;

function thereAre(names: Names, columns: number): string {
  if (names === undefined) return `There is no header; say a place from 1 to ${columns}.`;
  return `There are: ${names.slice(0, MOST_TOLD).map(shown).join(", ")}${names.length > MOST_TOLD ? ", …" : ""}; or say a place from 1 to ${columns}.`;
}

/** The tables of `incidents/README.md`, made from the files beside it. */
import { dividendOf } from "../../packages/perdure/src/protocol/incidents/dividend.ts";
import { type Entry, FOUND_BY, type FoundBy } from "./entries.ts";

const BEGIN = "<!-- made by npm run incidents -->";
const END = "<!-- end -->";

/** The text with the tables between its two marks. Throws when the marks are not there. */
export function withTables(text: string, tables: string): string {
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error("incidents/README.md has lost its marks");
  return `${text.slice(0, from + BEGIN.length)}\n\n${tables}\n${text.slice(to)}`;
}

const FOUND_WORDS: Readonly<Record<FoundBy, string>> = {
  lab: "of these by a seed of the lab",
  twin: "by the same town in a world and on real processes",
  model: "by random histories beside a model",
  soak: "by killing real processes",
  review: "by somebody who read it to break it",
};

export function readmeTables(entries: readonly Entry[]): string {
  const dividend = dividendOf(entries.map(({ incident }) => incident));
  const planted = entries.filter(({ mistake }) => mistake !== null).length;
  const hours = (ms: number | undefined): string => (ms === undefined ? "–" : `${(ms / 3_600_000).toFixed(1)} h`);
  const rows: readonly (readonly [string, string])[] = [
    ["incidents", String(dividend.incidents)],
    ["with a guard", String(dividend.states.guarded + dividend.states.closed)],
    ["of these, planted again by `npm run guards`", String(planted)],
    ["came back after a guard", String(dividend.recurrences)],
    ["found by tests, the lab or a reading of the code", `${Math.round(100 * (dividend.foundByUs ?? 0))} %`],
    ...FOUND_BY.map((by): readonly [string, string] => [FOUND_WORDS[by], String(entries.filter(({ foundBy }) => foundBy === by).length)]),
    ["by which of these was not written down", String(entries.filter(({ foundBy }) => foundBy === undefined).length)],
    ["from the mistake to its fix, median", hours(dividend.medianToFixMs)],
    ["from the mistake to its guard, median", hours(dividend.medianToGuardMs)],
    ["the same, older half", hours(dividend.trend?.olderMs)],
    ["the same, newer half", hours(dividend.trend?.newerMs)],
  ];
  const byGuard = entries.toSorted(
    (one, other) => one.incident.guardedAtMs - other.incident.guardedAtMs || one.name.localeCompare(other.name),
  );
  return [
    "| dividend | |",
    "|---|---|",
    ...rows.map(([what, value]) => `| ${what} | ${value} |`),
    "",
    "| incident | what was not as it must be | found by | fix | guard |",
    "|---|---|---|---|---|",
    ...byGuard.map(
      ({ name, incident, foundBy, commit, mistake }) =>
        `| [${name}](${name}.json) | ${incident.symptom} | ${foundBy ?? ""} | ${commit === "" ? "open" : commit.slice(0, 7)} | ${incident.guard.split("/").at(-1)?.split(" > ")[0]}${mistake === null ? "" : `, \`${mistake}\``} |`,
    ),
    "",
  ].join("\n");
}

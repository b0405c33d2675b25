/** A set's systems and their settings as a person reads them. */
import { compare, RECALLS } from "./comparison.ts";
import type { SetFigures, SystemFigures, WayFigures } from "./contest.ts";

export function contestTable({ systems }: SetFigures, isOurs: (system: string) => boolean): readonly string[] {
  const done = systems.filter(({ failed }) => failed === undefined);
  const ways = done.flatMap((system) => system.ways.map((way) => lineOf(system, way)));
  const beside = compare(done, isOurs).map(({ system, at }) => [
    system,
    ...RECALLS.flatMap((recall) => {
      const found = at.find((each) => each.recall === recall);
      return found === undefined
        ? ["–", ""]
        : [`${found.atMost ? "≤ " : ""}${short(found.ms)}`, found.byOurs === undefined ? "" : `${short(found.byOurs)} x`];
    }),
  ]);
  return [
    ...laidOut([
      [
        "system",
        "vectors per core second",
        "bytes each: resident",
        "disk",
        "told",
        "setting",
        "recall@10",
        "said",
        "@1",
        "median ms",
        "best",
        "p99",
        "cpu ms",
      ],
      ...ways,
    ]),
    "",
    ...laidOut([["cpu ms at equal recall", ...RECALLS.flatMap((recall) => [String(recall), "by ours"])], ...beside]),
    "",
    `one more added, and first in the search right after it: ${addedText(done)}`,
    "",
  ];
}

function addedText(done: readonly SystemFigures[]): string {
  const said = done.flatMap(({ system, added }) =>
    added === undefined ? [] : [`${system} ${added.visible ? `${short(added.ms)} ms` : "not found"}`],
  );
  return said.join(", ");
}

function lineOf({ system, vectorsPerCoreSecond, bytesPerVector, ways }: SystemFigures, figures: WayFigures): readonly string[] {
  const first = figures === ways[0];
  const onlyFirst = (value: number | undefined): string => (first && value !== undefined ? Math.round(value).toLocaleString("en-US") : "");
  return [
    first ? system : "",
    onlyFirst(vectorsPerCoreSecond),
    onlyFirst(bytesPerVector?.resident),
    onlyFirst(bytesPerVector?.disk),
    onlyFirst(bytesPerVector?.told),
    figures.way,
    figures.recallAt10.toFixed(4),
    figures.expected?.toFixed(3) ?? "",
    figures.recallAt1.toFixed(3),
    short(figures.ms.median),
    short(figures.ms.best),
    short(figures.ms.p99),
    short(figures.processorMs),
  ];
}

function laidOut(cells: readonly (readonly string[])[]): readonly string[] {
  const widths = (cells[0] ?? []).map((_, at) => Math.max(...cells.map((line) => line[at]?.length ?? 0)));
  const isWord = (at: number): boolean => at === 0 || cells[0]?.[at] === "setting";
  return cells.map((line) =>
    line
      .map((cell, at) => (isWord(at) ? cell.padEnd(widths[at] as number) : cell.padStart(widths[at] as number)))
      .join("  ")
      .trimEnd(),
  );
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(3);
}

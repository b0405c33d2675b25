/**
 * What campaigns leave for the next: the survey and every finding, under `.runtime/mutants/`, in a folder that belongs to this very source
 * of product and lab. Another source begins anew; the folders opened last are kept.
 */
import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import type { Finding } from "./campaign.ts";
import type { Survey } from "./survey.ts";

export interface Shelf {
  readonly folder: string;
  /** The kept one, or the one that `make` makes. */
  survey(make: () => Promise<Survey>): Promise<Survey>;
  findings(): ReadonlyMap<string, Finding>;
  /** Throws when a source of product or lab was changed since the shelf was opened: what is found then is about neither. */
  keep(finding: Finding): void;
  /** Whether tests notice a mutant, as far as they were asked. */
  units(): ReadonlyMap<string, boolean>;
  keepUnit(id: string, noticed: boolean): void;
}

const ROOT = new URL("../../", import.meta.url);
const SHELVES = new URL(".runtime/mutants/", ROOT);
/** More than go on at the same time. */
const MOST_SHELVES = 8;

/** For surveys of so many seeds. */
export function openShelf(seeds: number): Shelf {
  const source = sourceHash();
  const folder = new URL(`${source}-${seeds}/`, SHELVES);
  mkdirSync(folder, { recursive: true });
  const now = new Date();
  utimesSync(folder, now, now);
  clearOut();
  const surveyFile = new URL("survey.json", folder);
  const findingsFile = new URL("findings.jsonl", folder);
  const unitsFile = new URL("units.jsonl", folder);
  return {
    folder: folder.pathname,
    async survey(make) {
      if (existsSync(surveyFile)) return JSON.parse(readFileSync(surveyFile, "utf8")) as Survey;
      const made = await make();
      const draft = new URL(`survey-${process.pid}.json`, folder);
      writeFileSync(draft, JSON.stringify(made));
      renameSync(draft, surveyFile);
      return made;
    },
    findings: () => new Map(linesOf<Finding>(findingsFile).map((finding) => [finding.id, finding])),
    keep(finding) {
      if (sourceHash() !== source) throw new Error("the sources have changed meanwhile: begin again, in a copy that nobody works in");
      appendFileSync(findingsFile, `${JSON.stringify(finding)}\n`);
    },
    units: () => new Map(linesOf<readonly [string, boolean]>(unitsFile)),
    keepUnit: (id, noticed) => appendFileSync(unitsFile, `${JSON.stringify([id, noticed])}\n`),
  };
}

function clearOut(): void {
  const shelves = readdirSync(SHELVES).map((name) => new URL(`${name}/`, SHELVES));
  const oldestLast = shelves.map((shelf) => ({ shelf, atMs: statSync(shelf).mtimeMs })).sort((one, other) => other.atMs - one.atMs);
  for (const { shelf } of oldestLast.slice(MOST_SHELVES)) rmSync(shelf, { recursive: true, force: true });
}

function linesOf<Line>(file: URL): readonly Line[] {
  if (!existsSync(file)) return [];
  // A line that was cut off by the end of a process is left out.
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Of everything a run of a mutant depends on. */
function sourceHash(): string {
  const hash = createHash("sha256");
  for (const room of ["packages/perdure/src/", "lab/"]) {
    const names = readdirSync(new URL(room, ROOT), { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".ts") && !name.endsWith(".test.ts"),
    );
    for (const name of names.sort()) hash.update(`${room}${name}\n`).update(readFileSync(new URL(`${room}${name}`, ROOT)));
  }
  return hash.digest("hex").slice(0, 12);
}

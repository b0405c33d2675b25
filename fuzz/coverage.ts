/**
 * Which blocks of our code ran, as V8 itself counts them: in this process, without changing the code. Functions that ran before the
 * session began are counted as a whole; so it begins before the code under test is imported.
 */
import { type Profiler, Session } from "node:inspector";

/** What ran of one function: everything but its gaps. */
export interface FunctionRun {
  readonly id: string;
  /** Begin and end of what did not run, in turn, rising. */
  readonly gaps: readonly number[];
  /** Begin and end of every block that V8 counted apart from the one around it, in turn. */
  readonly blocks: readonly number[];
}

export interface Coverage extends Disposable {
  /** The functions that ran since the last call, of the files that count. */
  take(): readonly FunctionRun[];
}

/** `counts` says of a script's address whether its blocks are looked at. */
export function openCoverage(counts: (url: string) => boolean): Coverage {
  const session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  return {
    take() {
      let scripts: readonly Profiler.ScriptCoverage[] = [];
      // In one process the answer comes before `post` returns.
      session.post("Profiler.takePreciseCoverage", (error, taken) => {
        if (error !== null) throw error;
        scripts = taken.result;
      });
      const runs: FunctionRun[] = [];
      for (const { scriptId, url, functions } of scripts) {
        if (!counts(url)) continue;
        for (const { ranges } of functions) {
          const [whole] = ranges;
          if (whole === undefined || whole.count === 0) continue;
          const id = `${scriptId}:${whole.startOffset}-${whole.endOffset}`;
          runs.push({ id, gaps: gapsOf(ranges), blocks: ranges.flatMap(({ startOffset, endOffset }) => [startOffset, endOffset]) });
        }
      }
      return runs;
    },
    [Symbol.dispose]() {
      session.post("Profiler.stopPreciseCoverage");
      session.disconnect();
    },
  };
}

/** Ranges lie within each other, outer ones first; a block that ran as often as the one around it is not named apart. */
function gapsOf(ranges: readonly Profiler.CoverageRange[]): readonly number[] {
  const gaps: number[] = [];
  const open: Profiler.CoverageRange[] = [];
  let at = 0;
  const passTo = (offset: number, count: number): void => {
    if (count === 0 && at < offset) {
      if (gaps.at(-1) === at) gaps[gaps.length - 1] = offset;
      else gaps.push(at, offset);
    }
    at = offset;
  };
  const closeUpTo = (offset: number): void => {
    for (let last = open.at(-1); last !== undefined && last.endOffset <= offset; last = open.at(-1)) {
      passTo(last.endOffset, last.count);
      open.pop();
    }
  };
  for (const range of ranges) {
    closeUpTo(range.startOffset);
    const around = open.at(-1);
    passTo(range.startOffset, around?.count ?? 1);
    open.push(range);
  }
  closeUpTo(Number.POSITIVE_INFINITY);
  return gaps;
}

/** What many runs reached together. */
export interface Reach {
  /** Adds what ran. */
  add(runs: readonly FunctionRun[]): void;
  /** True when something of it never ran before. */
  isNew(runs: readonly FunctionRun[]): boolean;
  /** Blocks of the functions that ran at all: how many ran, and how many there are, as far as their counts ever differed. */
  count(): { readonly reached: number; readonly known: number };
}

export function createReach(): Reach {
  const functions = new Map<string, { gaps: readonly number[]; readonly blocks: Map<string, readonly [number, number]> }>();
  return {
    add(runs) {
      for (const run of runs) {
        const known = functions.get(run.id) ?? { gaps: run.gaps, blocks: new Map() };
        functions.set(run.id, known);
        known.gaps = common(known.gaps, run.gaps);
        for (let at = 0; at < run.blocks.length; at += 2) {
          const block = [run.blocks[at] as number, run.blocks[at + 1] as number] as const;
          known.blocks.set(block.join("-"), block);
        }
      }
    },
    isNew: (runs) =>
      runs.some((run) => {
        const known = functions.get(run.id);
        return known === undefined || (known.gaps.length > 0 && lengthOf(common(known.gaps, run.gaps)) < lengthOf(known.gaps));
      }),
    count() {
      let reached = 0;
      let known = 0;
      for (const { gaps, blocks } of functions.values()) {
        for (const [from, to] of blocks.values()) {
          known++;
          if (lengthOf(common(gaps, [from, to])) < to - from) reached++;
        }
      }
      return { reached, known };
    },
  };
}

function common(a: readonly number[], b: readonly number[]): readonly number[] {
  const both: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const from = Math.max(a[i] as number, b[j] as number);
    const to = Math.min(a[i + 1] as number, b[j + 1] as number);
    if (from < to) both.push(from, to);
    if ((a[i + 1] as number) < (b[j + 1] as number)) i += 2;
    else j += 2;
  }
  return both;
}

function lengthOf(gaps: readonly number[]): number {
  let length = 0;
  for (let index = 0; index < gaps.length; index += 2) length += (gaps[index + 1] as number) - (gaps[index] as number);
  return length;
}

/** Whether a script is one whose blocks steer a campaign: ours, and what decodes for us. */
export function isOurs(url: string): boolean {
  const places = ["/packages/perdure/src/", "/packages/turboquant/src/", "/node_modules/cborg/"];
  return places.some((place) => url.includes(place)) && !url.includes("/error.ts");
}

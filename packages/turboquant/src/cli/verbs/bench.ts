/** `turboquant bench <file>`: these vectors on this machine, beside an exact scan. */
import { cpus } from "node:os";
import process from "node:process";
import { setImmediate as breathe } from "node:timers/promises";
import { TurboQuantError } from "../../error.ts";
import { compared, dotAt } from "../../measuring/metric.ts";
import { best, NEAREST } from "../../measuring/quality.ts";
import { createSample } from "../../measuring/sample.ts";
import { openVectors } from "../../reading/open-vectors.ts";
import { createVectorIndex, type SearchOptions, type VectorIndex } from "../../search/vector-index.ts";
import { diskSource } from "../disk-source.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { startProgress } from "../progress.ts";
import { countOf, countText, sizeText } from "../quantity.ts";
import { factLines, tableLines } from "../table.ts";
import type { BenchWords } from "../words.ts";

const QUERIES = 200;
const FEWEST = 100;
const FLOAT_BYTES = 4;
/** Of floats in memory, unless said how many vectors. */
const MOST_BYTES = 1_500_000_000;
const RECALLS = [0.9, 0.95, 0.99];
/** Searches before those that are timed: an engine compiles while it runs. */
const WARM_UP = 20;
/** A score below the last of the nearest ones by no more than this is as good: the rounding of two sums. */
const SAME = 1e-6;
const ADDED_AT_ONCE = 1000;

interface Bench {
  readonly how: string;
  readonly asked?: number;
  readonly recall: number;
  readonly expected?: number;
  readonly candidates?: number;
  readonly medianMs: number;
  readonly worstOfTwentyMs: number;
}

interface Truth {
  /** The least score of the ten nearest. */
  readonly bar: number;
  readonly ms: number;
}

export async function bench(path: string, words: BenchWords, { terminal, signal }: Invocation): Promise<number> {
  const { stored, queries, dim, says } = await read(path, words, { terminal, signal });
  const index = createVectorIndex({
    dim,
    bits: words.bits,
    metric: words.metric,
    originals: true,
    ...(words.kernels === undefined ? {} : { kernels: words.kernels }),
  });
  const step = async <Result>(what: string, unit: string, count: number, act: (nth: number) => Result): Promise<readonly Result[]> => {
    const progress = startProgress(terminal, what, unit);
    const results: Result[] = [];
    try {
      for (let nth = 0; nth < count; nth++) {
        results.push(act(nth));
        progress.at((nth + 1) / count, nth + 1);
        if (nth % 8 === 0) await breathe();
        signal.throwIfAborted();
      }
    } finally {
      progress.end();
    }
    return results;
  };
  const pieces = Math.ceil(stored.length / ADDED_AT_ONCE);
  const addedMs = await step("encoding", "thousands", pieces, (nth) => timed(() => addPiece(index, stored, nth * ADDED_AT_ONCE)).ms);
  const matrix = new Float32Array(stored.length * dim);
  for (const [row, vector] of stored.entries()) matrix.set(vector, row * dim);
  const truths = await step("scanning", "queries", queries.length, (nth) => exactly(queries[nth] as Float32Array, matrix, dim));
  const searches: Bench[] = [{ how: "float32, exact scan", recall: 1, ...timesOf(truths.map(({ ms }) => ms)) }];
  for (const exact of [false, true])
    for (const recall of RECALLS)
      searches.push(
        await search(
          index,
          { recall, exact },
          queries,
          { truths, matrix, dim },
          `${words.bits} bits${exact ? ", then originals" : ""}`,
          step,
        ),
      );
  const encodedPerSecond = (stored.length / sum(addedMs)) * 1000;
  const { kernels, bytes } = index.stats();
  const bytesPerVector = (bytes.codes + bytes.ids) / stored.length;
  const about = {
    vectors: stored.length,
    dim,
    bits: words.bits,
    metric: words.metric,
    kernels,
    node: process.versions.node,
    processor: cpus()[0]?.model ?? "",
  };
  terminal.object({ type: "bench", file: path, ...about, encodedPerSecond, bytesPerVector, searches });
  for (const line of [
    terminal.strong(
      `${path}   ${countOf(stored.length, "vector")} of ${dim} (${says}), ${queries.length} others asked for, ${words.metric}`,
    ),
    "",
    ...factLines([
      ["machine", `${about.processor}, Node ${about.node}, kernels: ${kernels}, one thread`],
      ["encoding", `${countText(Math.round(encodedPerSecond))} vectors/s, each found by the next search`],
      [
        "memory",
        `${bytesPerVector.toFixed(1)} bytes a vector as ${words.bits} ${words.bits === 1 ? "bit" : "bits"}, ${countText(dim * FLOAT_BYTES)} as float32 (${sizeText(matrix.byteLength)} in all)`,
      ],
    ]),
    "",
    ...tableOf(searches),
    terminal.faint(`the ${NEAREST} nearest, one search at a time; recall is measured, expected is what the index itself said`),
  ])
    terminal.line(line);
  return EXIT.done;
}

interface Read {
  readonly stored: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
  readonly dim: number;
  readonly says: string;
}

async function read(path: string, words: BenchWords, { terminal, signal }: Invocation): Promise<Read> {
  const source = await diskSource(path, signal);
  const file = await openVectors(source, words);
  const progress = startProgress(terminal, "reading", "vectors");
  const sample = createSample<Float32Array>(words.limit ?? Math.floor(MOST_BYTES / FLOAT_BYTES / file.dim), 0);
  try {
    for await (const { values, count, first, bytesRead } of file.batches()) {
      for (let row = 0; row < count; row++) sample.offer(() => compared(values.slice(row * file.dim, (row + 1) * file.dim), words.metric));
      progress.at(bytesRead / source.size, first + count);
    }
  } finally {
    progress.end();
  }
  const drawn = sample.drawn();
  const asked = Math.min(words.queries ?? QUERIES, Math.floor(drawn.length / 5));
  if (drawn.length < FEWEST)
    throw new TurboQuantError("bad-input", `it holds ${countOf(drawn.length, "vector")}`, `Times say something from ${FEWEST} on.`);
  return { stored: drawn.slice(asked), queries: drawn.slice(0, asked), dim: file.dim, says: file.says };
}

function timed<Result>(act: () => Result): { readonly result: Result; readonly ms: number } {
  const from = performance.now();
  const result = act();
  return { result, ms: performance.now() - from };
}

function addPiece(index: VectorIndex, stored: readonly Float32Array[], from: number): void {
  for (const [nth, vector] of stored.slice(from, from + ADDED_AT_ONCE).entries()) index.add(from + nth, vector);
}

function exactly(query: Float32Array, matrix: Float32Array, dim: number): Truth {
  const { result, ms } = timed(() => {
    const scores = new Float64Array(matrix.length / dim);
    for (let row = 0; row < scores.length; row++) scores[row] = dotAt(query, 0, matrix, row * dim, dim);
    return scores[best(scores, NEAREST).at(-1) ?? 0] ?? 0;
  });
  return { bar: result - SAME * Math.abs(result), ms };
}

interface Against {
  readonly truths: readonly Truth[];
  readonly matrix: Float32Array;
  readonly dim: number;
}

type Step = <Result>(what: string, unit: string, count: number, act: (nth: number) => Result) => Promise<readonly Result[]>;

async function search(
  index: VectorIndex,
  options: SearchOptions & { readonly recall: number },
  queries: readonly Float32Array[],
  { truths, matrix, dim }: Against,
  how: string,
  step: Step,
): Promise<Bench> {
  for (const query of queries.slice(0, WARM_UP)) index.search(query, options);
  const asked = await step("searching", "queries", queries.length, (nth) =>
    timed(() => index.search(queries[nth] as Float32Array, options)),
  );
  const found = asked.map(({ result }, nth) => {
    const near = result.hits.filter(
      ({ id }) => dotAt(queries[nth] as Float32Array, 0, matrix, Number(id) * dim, dim) >= (truths[nth] as Truth).bar,
    );
    return Math.min(1, near.length / NEAREST);
  });
  return {
    how,
    asked: options.recall,
    recall: sum(found) / found.length,
    expected: sum(asked.map(({ result }) => result.expectedRecall)) / asked.length,
    candidates: sum(asked.map(({ result }) => result.candidates)) / asked.length,
    ...timesOf(asked.map(({ ms }) => ms)),
  };
}

function timesOf(times: readonly number[]): { readonly medianMs: number; readonly worstOfTwentyMs: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { medianMs: at(0.5), worstOfTwentyMs: at(0.95) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function tableOf(searches: readonly Bench[]): readonly string[] {
  const width = Math.max(...searches.map(({ how }) => how.length));
  return tableLines([
    ["".padEnd(width), "asked", "recall", "expected", "candidates", "median", "worst of 20"],
    ...searches.map(({ how, asked, recall, expected, candidates, medianMs, worstOfTwentyMs }) => [
      how.padEnd(width),
      asked?.toFixed(2) ?? "",
      recall.toFixed(3),
      expected?.toFixed(3) ?? "",
      candidates === undefined ? "" : countText(Math.round(candidates)),
      `${medianMs.toFixed(3)} ms`,
      `${worstOfTwentyMs.toFixed(3)} ms`,
    ]),
  ]);
}

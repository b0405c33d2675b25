/** A search among the vectors: what the signs alone answer, what all bits make of it, and what is exactly nearest. */
import { dotAt } from "../src/measuring/metric.ts";
import { createNormalDraws } from "../src/measuring/normal-draws.ts";
import { best, NEAREST } from "../src/measuring/quality.ts";
import { createVectorIndex, type SearchOptions, type VectorIndex } from "../src/search/vector-index.ts";
import { element, make } from "./element.ts";
import type { VectorSet } from "./vector-set.ts";

const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8];
const DEFAULT_BITS = 4;
const ADDED_AT_ONCE = 1000;
const FEWEST = 20;
/** A browser's clock is coarse: what is timed runs again until this has passed. */
const TIMED_MS = 12;
const MOST_RUNS = 200;

interface Found {
  readonly row: number;
  readonly score: number;
}

interface Answer {
  readonly name: string;
  readonly says: string;
  readonly ms: number;
  readonly found: readonly Found[];
}

interface SearchSection {
  show(set: VectorSet, tell: (share: number) => Promise<void>): Promise<boolean>;
}

export function createSearchSection(): SearchSection {
  const bits = element("bits", HTMLSelectElement);
  const recall = element("recall", HTMLSelectElement);
  const row = element("row", HTMLInputElement);
  const nudge = element("nudge", HTMLInputElement);
  const nudged = element("nudged", HTMLOutputElement);
  const answered = element("answered", HTMLParagraphElement);
  const answers = element("answers", HTMLDivElement);
  bits.append(...WIDTHS.map((width) => new Option(String(width), String(width), width === DEFAULT_BITS, width === DEFAULT_BITS)));
  let state: { readonly set: VectorSet; readonly matrix: Float32Array; index: VectorIndex } | undefined;

  const ask = (): void => {
    if (state === undefined) return;
    const { set, matrix, index } = state;
    const at = Math.min(set.rows.length, Math.max(1, Math.round(Number(row.value) || 1))) - 1;
    row.value = String(at + 1);
    nudged.textContent = `${nudge.value} %`;
    const query = movedAside(set.rows[at] as Float32Array, Number(nudge.value) / 100, at);
    const exact = timed(() => exactly(query, matrix, set.dim));
    const search = (
      options: SearchOptions,
    ): { readonly found: readonly Found[]; readonly ms: number; readonly expected: number; readonly read: number } => {
      const { result, ms } = timed(() => index.search(query, options));
      return {
        found: result.hits.map(({ id, score }) => ({ row: Number(id), score })),
        ms,
        expected: result.expectedRecall,
        read: result.candidates,
      };
    };
    // As many candidates as are shown: then the codes behind the signs only put them in order.
    const signs = search({ k: NEAREST, candidates: NEAREST });
    const refined = search({ k: NEAREST, recall: Number(recall.value) });
    const nearest = new Set(exact.result.map((each) => each.row));
    answered.textContent = `Among ${set.rows.length.toLocaleString("en")} vectors, near vector ${nameOf(set, at)}. The index expects to find ${Math.round(refined.expected * 100)} % of the ten nearest, and read ${refined.read} codes for it.`;
    answers.replaceChildren(
      ...[
        { name: "Signs alone", says: "the first answer: one bit a coordinate", ms: signs.ms, found: signs.found },
        {
          name: `Refined with ${index.header.bits} bit${index.header.bits === 1 ? "" : "s"}`,
          says: "candidates by their signs, put in order by all bits",
          ms: refined.ms,
          found: refined.found,
        },
        { name: "Exact", says: "every vector as it is, 32-bit floats", ms: exact.ms, found: exact.result },
      ].map((answer) => tableOf(answer, set, nearest)),
    );
  };

  const fill = async (set: VectorSet, tell: (share: number) => Promise<void>): Promise<VectorIndex> => {
    const index = createVectorIndex({ dim: set.dim, bits: Number(bits.value) });
    for (const [at, vector] of set.rows.entries()) {
      if (at % ADDED_AT_ONCE === 0) await tell(at / set.rows.length);
      index.add(at, vector);
    }
    return index;
  };

  bits.addEventListener("change", () => {
    const now = state;
    if (now === undefined) return;
    answered.textContent = "Encoding anew …";
    void fill(now.set, async () => undefined).then((index) => {
      if (state !== now) return;
      now.index = index;
      ask();
    });
  });
  for (const input of [recall, row]) input.addEventListener("change", ask);
  nudge.addEventListener("input", ask);
  element("another", HTMLButtonElement).addEventListener("click", () => {
    row.value = String(1 + Math.floor(Math.random() * (state?.set.rows.length ?? 1)));
    ask();
  });
  element("question", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());

  return {
    show: async (set, tell) => {
      state = undefined;
      if (set.rows.length < FEWEST) return false;
      const index = await fill(set, tell);
      const matrix = new Float32Array(set.rows.length * set.dim);
      for (const [at, vector] of set.rows.entries()) matrix.set(vector, at * set.dim);
      state = { set, matrix, index };
      row.max = String(set.rows.length);
      row.value = "1";
      ask();
      return true;
    },
  };
}

/** What the file calls it, or its place. */
function nameOf({ ids }: VectorSet, row: number): string {
  return String(ids[row] ?? row + 1);
}

/** Turned by a share of a quarter circle towards a direction of its own, the same each time. */
function movedAside(vector: Float32Array, share: number, seed: number): Float32Array {
  if (share === 0) return vector;
  const normal = createNormalDraws(seed);
  const other = vector.map(() => normal());
  const length = Math.sqrt(dotAt(other, 0, other, 0, other.length));
  const angle = (share * Math.PI) / 2;
  return vector.map((value, at) => Math.cos(angle) * value + (Math.sin(angle) * (other[at] as number)) / length);
}

function exactly(query: Float32Array, matrix: Float32Array, dim: number): readonly Found[] {
  const scores = new Float64Array(matrix.length / dim);
  for (let row = 0; row < scores.length; row++) scores[row] = dotAt(query, 0, matrix, row * dim, dim);
  const length = Math.sqrt(dotAt(query, 0, query, 0, dim)) || 1;
  return best(scores, NEAREST).map((row) => ({ row, score: (scores[row] as number) / length }));
}

function timed<Result>(act: () => Result): { readonly result: Result; readonly ms: number } {
  const result = act();
  const from = performance.now();
  let runs = 0;
  let passed = 0;
  do {
    act();
    runs++;
    passed = performance.now() - from;
  } while (passed < TIMED_MS && runs < MOST_RUNS);
  return { result, ms: passed / runs };
}

function tableOf({ name, says, ms, found }: Answer, set: VectorSet, nearest: ReadonlySet<number>): HTMLElement {
  const table = make("table");
  const caption = make("caption");
  const right = found.filter(({ row }) => nearest.has(row)).length;
  caption.append(
    make("strong", `${name}: ${right} of ${nearest.size}, ${ms < 1 ? ms.toFixed(3) : ms.toFixed(1)}\u00a0ms`),
    make("span", says, "quiet"),
  );
  const head = make("tr");
  for (const text of ["", "vector", "score", "nearest"]) {
    const cell = make("th", text);
    cell.scope = "col";
    head.append(cell);
  }
  const rows = found.map(({ row, score }, nth) => {
    const line = make("tr");
    const hit = nearest.has(row);
    line.append(
      make("td", String(nth + 1)),
      make("td", nameOf(set, row)),
      make("td", score.toFixed(4)),
      make("td", hit ? "✓" : "no", hit ? "" : "miss"),
    );
    return line;
  });
  table.append(caption, head, ...rows);
  return table;
}

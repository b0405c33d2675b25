/** What each width keeps of a set. */
import { createExam, type Quality } from "../src/measuring/quality.ts";
import { createSample } from "../src/measuring/sample.ts";
import { chartOf } from "./chart.ts";
import { element, fillTable } from "./element.ts";
import type { VectorSet } from "./vector-set.ts";

const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8];
/** Numbers in the sample: a few seconds for all widths. */
const SAMPLE_NUMBERS = 600_000;
const QUERIES = 100;
const FEWEST = 60;
const FLOAT_BYTES = 4;

/** False where there are too few to say anything. */
export async function showQuality({ rows, dim }: VectorSet, tell: (share: number) => Promise<void>): Promise<boolean> {
  if (rows.length < FEWEST) return false;
  const sample = createSample<Float32Array>(Math.ceil(SAMPLE_NUMBERS / dim), 0);
  for (const row of rows) sample.offer(() => row);
  const drawn = sample.drawn();
  const exam = createExam(dim, drawn, Math.min(QUERIES, Math.floor(drawn.length / 5)));
  const qualities: Quality[] = [];
  for (const bits of WIDTHS) {
    await tell(qualities.length / WIDTHS.length);
    qualities.push(exam.measure(bits));
  }
  element("chart", HTMLDivElement).innerHTML = chartOf(qualities, dim);
  element("measured", HTMLParagraphElement).textContent =
    `Measured on ${exam.stored.toLocaleString("en")} of these vectors, with ${exam.queries} others asked for. Among more vectors the same width finds fewer of the nearest.`;
  fillTable(element("figures", HTMLTableElement), [
    ["bits", "bytes", "smaller", "squared error", "in theory", "recall@10", "in theory", "in first 40", "in theory"],
    ...qualities.map((each) => [
      String(each.bits),
      String(each.bytes),
      `${((dim * FLOAT_BYTES) / each.bytes).toFixed(1)}×`,
      each.error.toPrecision(3),
      each.expectedError.toPrecision(3),
      each.recall.toFixed(3),
      each.expectedRecall.toFixed(3),
      each.recallLookedAt.toFixed(3),
      each.expectedRecallLookedAt.toFixed(3),
    ]),
  ]);
  return true;
}

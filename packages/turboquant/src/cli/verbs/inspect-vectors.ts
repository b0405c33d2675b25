/** `turboquant inspect <file>` on vectors: what they are like, and what each number of bits does to them. */
import { setImmediate as breathe } from "node:timers/promises";
import { TurboQuantError } from "../../error.ts";
import { createExam, type Exam, LOOKED_AT, NEAREST, type Quality } from "../../measuring/quality.ts";
import { type Survey, surveyOf } from "../../measuring/survey.ts";
import { openVectors } from "../../reading/open-vectors.ts";
import type { VectorFile } from "../../reading/vector-file.ts";
import { diskSource } from "../disk-source.ts";
import { EXIT } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { startProgress } from "../progress.ts";
import { countOf, countText, figure, sizeText } from "../quantity.ts";
import { factLines, tableLines } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import type { InspectWords } from "../words.ts";

/** Numbers in the sample, unless said: some seconds for all widths together. */
const SAMPLE_NUMBERS = 2_500_000;
const QUERIES = 200;
/** Fewer than this say nothing of what is near what. */
const FEWEST_STORED = 50;
const WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8];
const FLOAT_BYTES = 4;
/** What most would call as good as exact, of the ten nearest. */
const ENOUGH = 0.95;
/** Less than a twentieth of a bit is not worth an option. */
const WORTH_CENTRING = 0.07;

export async function inspectVectors(path: string, words: InspectWords, { terminal, signal }: Invocation): Promise<number> {
  const source = await diskSource(path, signal);
  const file = await openVectors(source, words);
  const seed = words.seed ?? 0;
  const survey = await surveyWithProgress(file, source.size, words, terminal);
  const { sample, dim } = survey;
  const queries = Math.min(words.queries ?? QUERIES, Math.floor(sample.length / 5));
  const exam = sample.length - queries >= FEWEST_STORED ? createExam(dim, sample, queries, seed) : undefined;
  const qualities = exam === undefined ? [] : await measure(exam, terminal, signal);
  const choice = qualities.find(({ recall }) => recall >= ENOUGH)?.bits;
  const centred = exam !== undefined && survey.centreSaves >= WORTH_CENTRING ? exam.measure(choice ?? 4, survey.centre) : undefined;
  terminal.object({
    type: "inspection",
    file: path,
    says: file.says,
    bytes: source.size,
    ...withoutVectors(survey),
    metric: words.metric,
    sample: sample.length - queries,
    queries,
    qualities,
    ...(centred === undefined ? {} : { centred }),
    ...(choice === undefined ? {} : { choice }),
  });
  for (const line of [
    terminal.strong(`${source.name}   ${countOf(survey.count, "vector")} of ${dim} (${file.says}), ${sizeText(source.size)}`),
    "",
    ...factLines(factsOf(survey)),
    "",
    ...(qualities.length === 0
      ? [`Too few vectors to measure with: it takes ${FEWEST_STORED} and some to ask for.`]
      : tableOf(qualities, dim)),
    ...(qualities.length === 0
      ? []
      : [
          terminal.faint(
            `measured: ${words.metric}, ${countText(sample.length - queries)} of these vectors stored, ${queries} others asked for`,
          ),
          "",
          ...adviceOf(qualities, choice, centred),
        ]),
  ])
    terminal.line(line);
  return EXIT.done;
}

async function surveyWithProgress(file: VectorFile, bytes: number, words: InspectWords, terminal: Terminal): Promise<Survey> {
  const progress = startProgress(terminal, "reading", "vectors");
  try {
    const survey = await surveyOf(file.dim, file.batches(), {
      metric: words.metric,
      sample: words.sample ?? Math.ceil(SAMPLE_NUMBERS / file.dim),
      seed: words.seed ?? 0,
      onBatch: (rows, read) => progress.at(read / bytes, rows),
    });
    if (survey.count === 0) throw new TurboQuantError("bad-input", "there are no vectors in it", "Vectors are rows of numbers.");
    return survey;
  } finally {
    progress.end();
  }
}

async function measure(exam: Exam, terminal: Terminal, signal: AbortSignal): Promise<readonly Quality[]> {
  const progress = startProgress(terminal, "measuring", "widths");
  try {
    const found: Quality[] = [];
    for (const bits of WIDTHS) {
      progress.at(found.length / WIDTHS.length, found.length);
      await breathe();
      signal.throwIfAborted();
      found.push(exam.measure(bits));
    }
    return found;
  } finally {
    progress.end();
  }
}

function withoutVectors({ centre: _, sample: __, ...rest }: Survey): object {
  return rest;
}

function factsOf({
  norms,
  normalised,
  zeroRows,
  duplicates,
  comparedRows,
  count,
  centreSaves,
}: Survey): readonly (readonly [string, string])[] {
  const span = `${figure(norms.least)} to ${figure(norms.most)}, half of them below ${figure(norms.median)}`;
  const among = comparedRows < count ? `, among the first ${countText(comparedRows)}` : "";
  return [
    ["length", normalised ? "1: normalised" : span],
    ["zero rows", zeroRows === 0 ? "none" : `${countText(zeroRows)}: near nothing, and found by no question`],
    ["repeated", duplicates === 0 ? `none${among}` : `${countOf(duplicates, "row")} equal to one before${among}`],
    [
      "centre",
      centreSaves < WORTH_CENTRING
        ? `${percent(centreSaves)} of the squared error would go with the mean subtracted: not worth it`
        : `${percent(centreSaves)} of the squared error would go with the mean subtracted${centreSaves < 1 ? `, as ${(-Math.log2(1 - centreSaves) / 2).toFixed(2)} bits more would do` : ""}`,
    ],
  ];
}

function tableOf(qualities: readonly Quality[], dim: number): readonly string[] {
  const heads = ["bits", "bytes", "smaller", "squared error", `recall@${NEAREST}`, "in theory", `in first ${LOOKED_AT}`];
  return tableLines([
    heads,
    ...qualities.map(({ bits, bytes, error, recall, expectedRecall, recallLookedAt }) => [
      String(bits),
      countText(bytes),
      `${((dim * FLOAT_BYTES) / bytes).toFixed(1)}x`,
      figure(error),
      recall.toFixed(3),
      expectedRecall.toFixed(3),
      recallLookedAt.toFixed(3),
    ]),
  ]);
}

function adviceOf(qualities: readonly Quality[], choice: number | undefined, centred: Quality | undefined): readonly string[] {
  const chosen = qualities.find(({ bits }) => bits === choice);
  const second = qualities.find(({ recallLookedAt }) => recallLookedAt >= 0.99);
  return [
    chosen === undefined
      ? `No width finds ${percent(ENOUGH)} of the ${NEAREST} nearest by itself: these vectors lie too close together. Keep the originals for a second look.`
      : `Take ${countOf(chosen.bits, "bit")}: ${countOf(chosen.bytes, "byte")} a vector, and ${percent(chosen.recall)} of the ${NEAREST} nearest are found.`,
    ...(second === undefined || (choice !== undefined && second.bits >= choice)
      ? []
      : [
          `With the originals kept for a second look at ${LOOKED_AT}, ${countOf(second.bits, "bit")} will do: ${percent(second.recallLookedAt)}, ${countOf(second.bytes, "byte")} in memory.`,
        ]),
    ...(centred === undefined
      ? []
      : [
          `With the mean as centre ${countOf(centred.bits, "bit")} find ${thousandths(centred.recall)} instead of ${thousandths(recallAt(qualities, centred.bits))}.`,
        ]),
    "A larger collection has more that is nearly as near: there the same width finds fewer of the nearest.",
  ];
}

/** Of what is compared with another such share. */
function thousandths(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function recallAt(qualities: readonly Quality[], bits: number): number {
  return qualities.find((each) => each.bits === bits)?.recall ?? 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0.99 ? 1 : 0)} %`;
}

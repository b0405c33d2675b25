/** Recall and bytes against bits, as SVG. It is made of numbers alone, so that nothing in it can be anything else. */
import { LOOKED_AT, NEAREST, type Quality } from "../src/measuring/quality.ts";

const WIDTH = 720;
const HEIGHT = 340;
const LEFT = 52;
const RIGHT = 12;
const TOP = 14;
const BOTTOM = 60;
const FLOAT_BYTES = 4;

/** `qualities` of whole bits, the fewest first. */
export function chartOf(qualities: readonly Quality[], dim: number): string {
  const column = (WIDTH - LEFT - RIGHT) / qualities.length;
  const x = (nth: number): number => LEFT + column * (nth + 0.5);
  const y = (share: number): number => TOP + (HEIGHT - TOP - BOTTOM) * (1 - share);
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(share)}" y2="${y(share)}"/><text class="quiet" x="${LEFT - 6}" y="${y(share) + 4}" text-anchor="end">${share}</text>`,
  );
  const bars = qualities.map(({ bits, bytes }, nth) => {
    const top = y(Math.min(1, bytes / (dim * FLOAT_BYTES)));
    return [
      `<rect class="bar" x="${x(nth) - column * 0.3}" y="${top}" width="${column * 0.6}" height="${y(0) - top}"/>`,
      `<text x="${x(nth)}" y="${HEIGHT - BOTTOM + 23}" text-anchor="middle">${bits} bit${bits === 1 ? "" : "s"}</text>`,
      `<text class="quiet" x="${x(nth)}" y="${HEIGHT - BOTTOM + 46}" text-anchor="middle">${bytes} B</text>`,
    ].join("");
  });
  const line = (name: string, of: (quality: Quality) => number, expected: (quality: Quality) => number): string => {
    const points = qualities.map((quality, nth) => `${x(nth)},${y(of(quality)).toFixed(1)}`).join(" ");
    const dots = qualities.map((quality, nth) => `<circle class="${name}-dot" cx="${x(nth)}" cy="${y(of(quality)).toFixed(1)}" r="4"/>`);
    const rings = qualities.map((quality, nth) => `<circle class="theory" cx="${x(nth)}" cy="${y(expected(quality)).toFixed(1)}" r="8"/>`);
    return `<polyline class="${name}" points="${points}"/>${dots.join("")}${rings.join("")}`;
  };
  const says = qualities
    .map(({ bits, bytes, recall, recallLookedAt }) => `${bits} bits, ${bytes} bytes: ${recall.toFixed(2)} and ${recallLookedAt.toFixed(2)}`)
    .join("; ");
  return [
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="chart-title chart-says">`,
    `<title id="chart-title">Recall and bytes against bits a coordinate</title>`,
    `<desc id="chart-says">Share of the ${NEAREST} nearest among the first ${NEAREST} and the first ${LOOKED_AT} found. ${says}.</desc>`,
    ...grid,
    ...bars,
    line(
      "looked-at",
      ({ recallLookedAt }) => recallLookedAt,
      ({ expectedRecallLookedAt }) => expectedRecallLookedAt,
    ),
    line(
      "measured",
      ({ recall }) => recall,
      ({ expectedRecall }) => expectedRecall,
    ),
    "</svg>",
  ].join("");
}

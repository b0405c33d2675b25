import { expect, test } from "vitest";
import { startProgress } from "./progress.ts";
import { countOf, durationText, figure, sizeText } from "./quantity.ts";
import { createTerminal, type Environment } from "./terminal.ts";
import { keepStreams } from "./test-streams.ts";

/** What is said on stderr while a thousand things take their time, one draw for each of `steps`. */
function said(columns: number | undefined, { json = false, environment = {} as Environment, everyMs = 1000, steps = 4 } = {}): string {
  const kept = keepStreams(columns);
  let now = 0;
  const progress = startProgress(createTerminal(kept.streams, environment, json), "reading", "vectors", () => now);
  for (let step = 0; step <= steps; step++) {
    progress.at(step / steps, (1000 * step) / steps);
    now += everyMs;
  }
  progress.end();
  return kept.err();
}

test("a terminal shows a bar, how fast, and how long to go, and at the end nothing", () => {
  const lines = said(80).split("\r\u001b[K");
  expect(lines[3]).toBe(`reading ${"█".repeat(15)}${"░".repeat(15)}  50 %  250 vectors/s, 2.0 s left`);
  expect(lines.at(-1)).toBe("");
});

test("a narrow terminal gets no bar, and never a line that breaks", () => {
  for (const columns of [10, 20, 33, 40, 60])
    for (const line of said(columns).split("\r\u001b[K")) expect(line.length).toBeLessThan(columns);
});

test("what is drawn more often than one can see is not drawn", () => {
  expect(said(80, { everyMs: 1, steps: 500 }).split("\r\u001b[K").length).toBeLessThan(10);
});

test("a pipe gets a line now and then, a dumb terminal too, and with --json there is none", () => {
  expect(said(undefined, { everyMs: 6000 })).toBe(
    "reading:  50 %, 41.7 vectors/s, 12 s left\nreading: 100 %, 41.7 vectors/s, 0.0 s left\n",
  );
  expect(said(80, { everyMs: 6000, environment: { TERM: "dumb" } })).not.toContain("\r");
  expect(said(undefined)).toBe("");
  expect(said(80, { json: true, everyMs: 60_000 })).toBe("");
});

test("numbers as people read them", () => {
  expect([0, 999, 1000, 51_328, 1_536_000, 999_600_000, 5e15].map(sizeText)).toEqual([
    "0 bytes",
    "999 bytes",
    "1.0 KB",
    "51 KB",
    "1.5 MB",
    "1.0 GB",
    "5000 TB",
  ]);
  expect([40, 9940, 12_000, 200_000, 7_200_000].map(durationText)).toEqual(["0.0 s", "9.9 s", "12 s", "3 min 20 s", "2 h"]);
  expect([0, 0.000041, 0.0095, 0.117, 0.5694, 17, 123.4, 1234.5, 3.4e38, 1e-30, -2.5].map(figure)).toEqual([
    "0",
    "0.0000410",
    "0.00950",
    "0.117",
    "0.569",
    "17.0",
    "123",
    "1,235",
    "3.40e+38",
    "1.00e-30",
    "-2.50",
  ]);
  expect([countOf(1, "row"), countOf(2000, "row"), countOf(2, "index", "indexes")]).toEqual(["1 row", "2,000 rows", "2 indexes"]);
});

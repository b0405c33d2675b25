import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { createNodeCrypto } from "../../packages/perdure/src/host/node/crypto.ts";
import { findChromium, NO_CHROMIUM, type Page, startChromium } from "../../packages/perdure/test/browser/chromium.ts";
import { createRecorder, type Flight, type Recording } from "../recorder.ts";
import { readScenario } from "../scenario.ts";
import { runSeed, type SeedResult } from "../seed.ts";
import { storyPage } from "./page.ts";
import { type PageData, pageData } from "./page-data.ts";
import { mentions, timeline } from "./timeline.ts";

const PATIENCE_MS = 3 * 60_000;
const chromium = findChromium();

let recording: Recording;
let result: SeedResult;
let data: PageData;

beforeAll(async () => {
  const { format: _, ...scenario } = readScenario(readFileSync(new URL("../scenarios/handed-over-twice.json", import.meta.url), "utf8"));
  const recorder = createRecorder({ moments: true, flights: true });
  result = await runSeed({ ...scenario, hash: createNodeCrypto().hash, recorder });
  recording = recorder.recording();
  // One that never arrives, shortly before it broke: whether this run has one of its own there is chance.
  const lost: Flight = { from: "anna", to: "relay-0", sentMs: (result.broken?.atMs ?? 0) - 0.5, bytes: 40, frames: ["ping"], ids: [] };
  const flights = [...recording.flights, lost].toSorted((one, other) => one.sentMs - other.sentMs);
  data = pageData({ recording: { ...recording, flights }, result, town: "a town", again: "npm run lab" });
}, PATIENCE_MS);

test("a run that is watched has the same history as one that is not", async () => {
  const { format: _, ...scenario } = readScenario(readFileSync(new URL("../scenarios/handed-over-twice.json", import.meta.url), "utf8"));
  const unwatched = await runSeed({ ...scenario, hash: createNodeCrypto().hash });
  expect([unwatched.historyHash, unwatched.events]).toEqual([result.historyHash, result.events]);
});

test("the timeline says when, who and what, marks faults, and ends with what broke", () => {
  const lines = [...timeline(recording, result, { everything: false })];
  expect(lines.filter((line) => / ! relay-0 +is killed, back after 200 ms$/.test(line)).length).toBeGreaterThan(0);
  expect(lines.some((line) => /^00:\d\d\.\d{3} {3}\w+ +promises [0-9a-f]{6}\.\d+ for @\w+$/.test(line))).toBe(true);
  expect(lines.some((line) => / \* relay-0 +is dead$/.test(line))).toBe(true);
  expect(lines.at(-1)).toMatch(/ X BROKEN +3 completion: attempt 1 of [0-9a-f]{6}\.\d+ at \w+ follows \d$/);
  expect(lines.join("\n")).not.toMatch(/ag1[a-z2-7]{20}|[0-9a-f]{16}/);
  const everything = [...timeline(recording, result, { everything: true })];
  expect(everything.length).toBeGreaterThan(lines.length);
});

test("about one message: only what names it, and the faults", () => {
  const [id = ""] = /[0-9a-f]{16}\.\d+/.exec(result.broken?.what ?? "") ?? [];
  const about = recording.moments.filter((moment) => mentions(moment, id));
  expect(about.length).toBeGreaterThan(4);
  expect(recording.moments.filter((moment) => mentions(moment, id.replace(/^(.{6}).*\./, "$1.")))).toEqual(about);
  const [stream = ""] = id.split(".");
  expect(recording.moments.filter((moment) => mentions(moment, stream)).length).toBeGreaterThanOrEqual(about.length);
  for (const none of ["zzz", ".", "", `${id}0`, "0.5"]) expect(recording.moments.some((moment) => mentions(moment, none))).toBe(false);
  const lines = [...timeline(recording, result, { everything: false, about: id })];
  const starts = lines.filter((line) => line.includes(" starts "));
  expect(starts.length).toBeGreaterThanOrEqual(2);
  for (const line of starts) expect(line).toContain(` starts ${id.replace(/^(.{6}).*\./, "$1.")} `);
});

test("the page's lists: lives, faults, messages that arrive and some that never do", () => {
  const relay = data.hosts.indexOf("relay-0");
  expect(data.spans.filter(({ kind, host }) => kind === "up" && host === relay).length).toBeGreaterThan(1);
  expect(data.spans.find(({ kind }) => kind === "fault")).toMatchObject({ host: relay, other: -1, what: "relay-kill" });
  expect(data.flights.some(({ arrived }) => arrived === undefined)).toBe(true);
  expect(data.flights.every(({ at, arrived }) => arrived === undefined || arrived >= at)).toBe(true);
  expect(data.flights.some(({ what, ids }) => what.startsWith("mail") && (ids?.length ?? 0) > 0)).toBe(true);
  expect(data.broken?.what).toMatch(/of [0-9a-f]{6}\.\d at/);
});

test("what processes said cannot become markup", () => {
  const [moment] = data.moments;
  if (moment === undefined) throw new Error("no moments");
  const hostile = storyPage({ ...data, moments: [{ ...moment, what: "</script><script>alert(1)</script>" }] });
  expect(hostile).not.toContain("<script>alert");
  expect(hostile.match(/<script/g)).toHaveLength(2);
  expect(hostile).not.toMatch(/(src|href)="(?!data:)/);
});

if (chromium === undefined) test("the page in a browser", (context) => context.skip(NO_CHROMIUM));
else
  test.each([
    ["wide", 1280, 860],
    ["narrow", 390, 844],
  ])(
    "in a browser, %s: it opens where it broke, is worked by keys, and shows one message alone",
    { timeout: PATIENCE_MS },
    async (_, width, height) => {
      const folder = mkdtempSync(join(tmpdir(), "perdure-story-"));
      await using browser = await startChromium(chromium);
      const profile = await browser.profile();
      try {
        const file = join(folder, "run.html");
        writeFileSync(file, storyPage(data));
        const page = await profile.open("about:blank");
        await page.call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 500 });
        await page.goTo(pathToFileURL(file).href);
        expect(await page.evaluate("document.getElementById('verdict').textContent")).toMatch(/^Broken after 00:0\d\.\d{3}: 3 completion/);
        expect(await inSight(page, "#rows .broke")).toBe(true);
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
        expect(await page.evaluate("document.querySelectorAll('#drawing .arrow').length")).toBeGreaterThan(0);
        expect(await page.evaluate("document.querySelectorAll('#drawing .arrow.lost').length")).toBeGreaterThan(0);

        await press(page, "ArrowUp");
        expect(await chosenText(page)).toMatch(/ starts [0-9a-f]{6}\.\d/);
        expect(await page.evaluate("document.activeElement?.getAttribute('aria-selected')")).toBe("true");
        await press(page, "F");
        expect(await inSight(page, "#rows .fault[aria-selected=true]")).toBe(true);
        await press(page, "b");
        expect(await chosenText(page)).toMatch(/^Broken/);

        const before = await page.evaluate<number>("rows.length");
        await page.evaluate("document.querySelector('#detail-ids button').click()");
        expect(await page.evaluate<number>("rows.length")).toBeLessThan(before / 2);
        expect(await inSight(page, "#rows .broke")).toBe(true);
        await press(page, "Escape");
        await press(page, "3");
        expect(await page.evaluate<number>("rows.length")).toBeGreaterThan(before);
      } finally {
        await profile.close();
        rmSync(folder, { recursive: true });
      }
    },
  );

/** Once the page has drawn what followed from the last key. */
function inSight(page: Page, selector: string): Promise<boolean> {
  return page.evaluate(
    `new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => {
      const at = document.querySelector(${JSON.stringify(selector)})?.getBoundingClientRect();
      tell(at !== undefined && at.top > 0 && at.bottom <= innerHeight);
    })))`,
  );
}

function chosenText(page: Page): Promise<string> {
  return page.evaluate("document.querySelector('#rows [aria-selected=true] .said')?.textContent ?? ''");
}

async function press(page: Page, key: string): Promise<void> {
  await page.evaluate(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: ${JSON.stringify(key)}, bubbles: true }))`);
}

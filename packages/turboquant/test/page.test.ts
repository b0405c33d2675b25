/** The page as a person meets it, in a browser without a window. */
import { afterAll, expect, test } from "vitest";
import { buildPage } from "../../../scripts/turboquant-page.ts";
import { findChromium, NO_CHROMIUM, type Page, startChromium } from "../../perdure/test/browser/chromium.ts";
import { servePage } from "../../perdure/test/browser/page-server.ts";
import { npyBytes } from "../src/reading/test-file.ts";
import { createNormals, randomVector } from "../src/test-vectors.ts";

const SLOW_MS = 240_000;
const path = findChromium();

test("is one file: what it is made of is in it, and its policy lets it ask nobody", async () => {
  const page = await buildPage();
  expect(page).not.toMatch(/<script[^>]*\ssrc=|<link[^>]*stylesheet|@import|url\(/);
  expect(page).toContain("default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:");
  expect(page).not.toContain("/* main.ts */");
  expect(page).not.toContain("/* style.css */");
});

/** Lets a file fall on the page, and waits until it has done all it does with it. */
async function drop(page: Page, name: string, content: Uint8Array | string): Promise<void> {
  const base64 = Buffer.from(content).toString("base64");
  await page.evaluate(`(() => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(base64)}), (letter) => letter.charCodeAt(0));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([bytes], ${JSON.stringify(name)}));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  })()`);
  await settled(page);
}

const settled = (page: Page): Promise<void> =>
  page.evaluate(`new Promise((done) => {
    const look = () => document.getElementById("loading").hidden ? done() : setTimeout(look, 20);
    setTimeout(look, 20);
  })`);
const textOf = (page: Page, id: string): Promise<string> => page.evaluate(`document.getElementById("${id}").innerText`);
const isShown = (page: Page, id: string): Promise<boolean> => page.evaluate(`document.getElementById("${id}").checkVisibility()`);
const change = (page: Page, id: string, value: string, event = "change"): Promise<void> =>
  page.evaluate(
    `{ const it = document.getElementById("${id}"); it.value = ${JSON.stringify(value)}; it.dispatchEvent(new Event("${event}", { bubbles: true })); }`,
  );
const cellsOf = (page: Page, selector: string): Promise<readonly (readonly string[])[]> =>
  page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((row) => [...row.cells].map((cell) => cell.textContent))`);

const DIM = 32;
const COUNT = 600;
const vectors = npyBytes({ shape: `(${COUNT}, ${DIM})`, data: new Uint8Array(randomVector(DIM * COUNT, createNormals(3)).buffer) });

const cases: Readonly<Record<string, (page: Page) => Promise<void>>> = {
  "shows what each width keeps, with theory beside it, and searches": async (page) => {
    await drop(page, "mine.npy", vectors);
    expect(await textOf(page, "loaded")).toBe("mine.npy: 600 vectors of 32 coordinates (npy, float32).");
    const figures = await cellsOf(page, "#figures tr");
    expect(figures.map(([bits]) => bits)).toEqual(["bits", "1", "2", "3", "4", "5", "6", "7", "8"]);
    for (const [, , , , , recall, expected] of figures.slice(1)) expect(Math.abs(Number(recall) - Number(expected))).toBeLessThan(0.08);
    expect(Number(figures[8]?.[5])).toBeGreaterThan(0.95);
    expect(await page.evaluate(`document.querySelectorAll("#chart circle").length`)).toBe(32);
    expect(await page.evaluate(`document.querySelectorAll("#chart rect").length`)).toBe(8);

    const right = async (): Promise<readonly number[]> =>
      (
        await page.evaluate<readonly string[]>(`[...document.querySelectorAll("#answers caption strong")].map((each) => each.textContent)`)
      ).map((text) => Number(/: (\d+) of 10, [\d.]+\u00a0ms$/.exec(text)?.[1]));
    const [signs, refined, exact] = await right();
    expect([exact, refined]).toEqual([10, expect.toSatisfy((found: number) => found >= 7)]);
    expect(signs).toBeLessThanOrEqual(refined ?? 0);
    // A vector of the set is its own nearest, and answers change with what is asked.
    expect((await cellsOf(page, "#answers table:last-child tr")).slice(1, 2)).toEqual([["1", "1", "1.0000", "✓"]]);
    await change(page, "row", "17");
    expect((await cellsOf(page, "#answers table:last-child tr"))[1]?.[1]).toBe("17");
    await change(page, "nudge", "50", "input");
    expect(await textOf(page, "nudged")).toBe("50 %");
    expect(Number((await cellsOf(page, "#answers table:last-child tr"))[1]?.[2])).toBeLessThan(0.99);
    await change(page, "bits", "8");
    await page.evaluate(
      `new Promise((done) => { const look = () => document.getElementById("answers").innerText.includes("8 bits") ? done() : setTimeout(look, 20); look(); })`,
    );
    // A query may miss one or two; ten of them hold what the table says of this width.
    let found = 0;
    for (let row = 20; row < 30; row++) {
      await change(page, "row", String(row));
      found += (await right())[1] ?? 0;
    }
    expect(found).toBeGreaterThanOrEqual(93);
  },
  "says in sentences what is wrong with a file, and goes on": async (page) => {
    await drop(page, "bad.csv", "1,2\n3,nan\n");
    expect(await textOf(page, "trouble")).toMatch(/^Line 2, column 2 is "nan"\. Every coordinate is .*\.$/);
    expect(await page.evaluate(`document.getElementById("trouble").getAttribute("role")`)).toBe("alert");
    await drop(page, "what.docx", "PK");
    expect(await textOf(page, "trouble")).toMatch(/^\.docx is no format that can be read\. /);
    await drop(page, "raw.f32", new Uint8Array(randomVector(DIM * 100, createNormals(1)).buffer));
    expect(await textOf(page, "trouble")).toContain("does not say its dimension. Give it");
    expect(await textOf(page, "trouble")).not.toContain("--");
    await change(page, "dim", String(DIM));
    await settled(page);
    expect(await textOf(page, "loaded")).toContain("100 vectors of 32 coordinates");
    expect(await isShown(page, "trouble")).toBe(false);
    expect(await isShown(page, "search")).toBe(true);
    await drop(page, "few.csv", "1,2\n3,4\n");
    expect(await textOf(page, "loaded")).toMatch(/2 vectors of 2 coordinates .* too few to measure/);
    expect([await isShown(page, "quality"), await isShown(page, "search")]).toEqual([false, false]);
  },
  "says nothing of options, which it has none of": async (page) => {
    for (const [name, content, says] of [
      ["a.docx", "PK", ".fvecs, .csv, .tsv, .txt."],
      ["a.npy", "no such thing", "give it the ending of that."],
      [
        "a.csv",
        "id,text,x,y\n1,abc,2,3\n",
        "Leave the columns of the vector alone in it, or write each vector into one cell: [0.1, -0.2].",
      ],
      ["b.csv", 'a,"[1, 2]","[3, 4]"\n', "Leave one of them out."],
      ["a.f32", new Uint8Array(7), "Give it beside the file."],
      ["b.f32", new Uint8Array(64 * 384), "Give it beside the file. By its length it could be 384"],
    ] as const) {
      await drop(page, name, content);
      const trouble = await textOf(page, "trouble");
      expect(trouble).toContain(says);
      expect(trouble).not.toContain("--");
      expect(await page.evaluate(`document.getElementById("file").files[0].name`)).toBe(name);
    }
  },
  "says what of a set cannot be told apart": async (page) => {
    await drop(page, "zeros.csv", ["0,0,0", "1,2,3"].join("\n"));
    expect(await textOf(page, "loaded")).toContain("1 vector of nothing but zeros is as near to one as to another.");
  },
  "shows names as text, whatever they are": async (page) => {
    const rows = Array.from({ length: 80 }, (_, row) => `<img src=x onerror=alert(${row})>,${Math.sin(row)},${Math.cos(row * 2)},1`);
    await drop(page, "names.csv", ["name,x,y,z", ...rows].join("\n"));
    expect((await cellsOf(page, "#answers table:last-child tr"))[1]?.[1]).toBe("<img src=x onerror=alert(0)>");
    expect(await page.evaluate(`document.querySelectorAll("img").length`)).toBe(0);
  },
  "asks nobody, and could not": async (page) => {
    await drop(page, "mine.npy", vectors);
    expect(await page.evaluate(`performance.getEntriesByType("resource").map(({ name }) => name)`)).toEqual([]);
    expect(await page.evaluate(`fetch("/empty").then(() => "answered", () => "refused")`)).toBe("refused");
  },
  "fits a phone, and every field has a name": async (page) => {
    await page.call("Emulation.setDeviceMetricsOverride", { width: 360, height: 800, deviceScaleFactor: 1, mobile: true });
    await drop(page, "mine.npy", vectors);
    await page.evaluate(`document.querySelector("details").open = true`);
    const beside = await page.evaluate(
      `[...document.querySelectorAll("#answers th")].filter((cell) => cell.scrollWidth > cell.clientWidth).length`,
    );
    expect(beside).toBe(0);
    expect(await page.evaluate(`document.documentElement.scrollWidth`)).toBe(360);
    expect(
      await page.evaluate(
        `[...document.querySelectorAll("input, select")].filter((field) => field.labels.length === 0).map(({ id }) => id)`,
      ),
    ).toEqual([]);
  },
  "is readable in light and in dark": async (page) => {
    for (const value of ["light", "dark"]) {
      await page.call("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
      const [text, quiet, ground] = await page.evaluate<readonly string[]>(
        `[[document.body, "color"], [document.querySelector(".quiet"), "color"], [document.querySelector("section"), "backgroundColor"]].map(([of, what]) => getComputedStyle(of)[what])`,
      );
      expect(contrast(text ?? "", ground ?? "")).toBeGreaterThan(12);
      expect(contrast(quiet ?? "", ground ?? "")).toBeGreaterThan(4.5);
    }
  },
  "makes vectors up where there are none at hand": async (page) => {
    await page.evaluate(`{
      const [quality, search] = ["quality", "search"].map((id) => document.getElementById(id));
      globalThis.between = false;
      const look = () => { if (!quality.hidden && search.hidden) globalThis.between = true; };
      new MutationObserver(look).observe(document.body, { subtree: true, attributeFilter: ["hidden"] });
      document.getElementById("sample").click();
    }`);
    await settled(page);
    // What is measured is there to be read while the index for the search is still filled.
    expect(await page.evaluate(`globalThis.between`)).toBe(true);
    expect(await textOf(page, "loaded")).toBe("A made-up set: 5,000 vectors of 384 coordinates (seeded, the same each time).");
    expect([await isShown(page, "quality"), await isShown(page, "search")]).toEqual([true, true]);
    expect(await page.evaluate(`document.getElementById("file").files.length`)).toBe(0);
  },
};

/** Of two colours as browsers tell them, by WCAG 2. */
function contrast(one: string, other: string): number {
  const light = (colour: string): number => {
    const [red = 0, green = 0, blue = 0] = (colour.match(/\d+/g) ?? []).slice(0, 3).map((part) => {
      const share = Number(part) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, bright = 0] = [light(one), light(other)].toSorted((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

if (path === undefined) {
  for (const name of Object.keys(cases)) test(name, (context) => context.skip(NO_CHROMIUM));
} else {
  const server = await servePage("", await buildPage());
  const chromium = await startChromium(path);
  afterAll(async () => {
    await chromium[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }, SLOW_MS);
  test.each(Object.entries(cases))("%s", { timeout: SLOW_MS }, async (_, act) => {
    const profile = await chromium.profile();
    await act(await profile.open(server.origin));
    await profile.close();
  });
}

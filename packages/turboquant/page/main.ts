/**
 * The page: vectors of a file or made up, what each width keeps of them, and a search among them. All of it happens here; the page's policy lets it
 * ask nothing of anybody. What is begun last counts: work on vectors that were replaced meanwhile ends by itself.
 */
import { countOf } from "../src/cli/quantity.ts";
import { isTurboQuantError } from "../src/error.ts";
import { createKernels } from "../src/kernels/load.ts";
import { breathe, element } from "./element.ts";
import { pageHint } from "./page-hint.ts";
import { showQuality } from "./quality-section.ts";
import { createSearchSection } from "./search-section.ts";
import { madeUpSet, readSet, type VectorSet } from "./vector-set.ts";

const drop = element("drop", HTMLDivElement);
const file = element("file", HTMLInputElement);
const dim = element("dim", HTMLInputElement);
const trouble = element("trouble", HTMLParagraphElement);
const loaded = element("loaded", HTMLParagraphElement);
const loading = element("loading", HTMLProgressElement);
const sections = [element("quality", HTMLElement), element("search", HTMLElement)] as const;
const search = createSearchSection();

let turn = 0;

/** Throws in the middle of work that nobody waits for any more. */
class Replaced extends Error {}

async function work(what: string, load: (tell: (share: number) => Promise<void>) => Promise<VectorSet>): Promise<void> {
  const mine = ++turn;
  const tell = async (share: number): Promise<void> => {
    loading.value = share;
    await breathe();
    if (mine !== turn) throw new Replaced();
  };
  trouble.hidden = true;
  loading.hidden = false;
  loaded.textContent = what;
  for (const section of sections) section.hidden = true;
  try {
    await tell(0);
    const set = await load(tell);
    loaded.textContent = saysOf(set);
    // Each as soon as it is there: what is searched may take much longer than what is measured.
    if (await showQuality(set, tell)) sections[0].hidden = false;
    if (await search.show(set, tell)) sections[1].hidden = false;
    if (sections.every(({ hidden }) => hidden)) loaded.textContent += " That is too few to measure, or to search among.";
  } catch (error) {
    if (error instanceof Replaced || mine !== turn) return;
    loaded.textContent = "";
    trouble.textContent = sentenceOf(error);
    trouble.hidden = false;
  } finally {
    if (mine === turn) loading.hidden = true;
  }
}

function saysOf({ name, rows, dim, says, cut }: VectorSet): string {
  const zero = rows.filter((row) => row.every((value) => value === 0)).length;
  return [
    `${name}: ${countOf(rows.length, "vector")} of ${dim} coordinates (${says})${cut ? "; the file has more than this page takes" : ""}.`,
    ...(zero === 0 ? [] : [`${countOf(zero, "vector")} of nothing but zeros ${zero === 1 ? "is" : "are"} as near to one as to another.`]),
  ].join(" ");
}

function sentenceOf(error: unknown): string {
  if (!isTurboQuantError(error)) return `This did not work: ${error instanceof Error ? error.message : String(error)}.`;
  const says = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
  return `${says} ${pageHint(error.hint)}`;
}

let chosen: File | undefined;

function take(found: File | undefined): void {
  if (found === undefined) return;
  chosen = found;
  void work(`Reading ${found.name} …`, (tell) => readSet(found, dim.value === "" ? undefined : Number(dim.value), tell));
}

file.addEventListener("change", () => take(file.files?.[0]));
dim.addEventListener("change", () => {
  if (chosen !== undefined && /\.f32$/i.test(chosen.name)) take(chosen);
});
element("sample", HTMLButtonElement).addEventListener("click", () => {
  chosen = undefined;
  file.value = "";
  void work("Making vectors up …", async () => madeUpSet());
});
// The same file, chosen again after it was mended, is a change.
file.addEventListener("click", () => {
  file.value = "";
});
for (const name of ["dragover", "dragleave", "drop"] as const)
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    const dropped = name === "drop" ? event.dataTransfer?.files : undefined;
    if (dropped === undefined || dropped.length === 0) return;
    file.files = dropped;
    take(dropped[0]);
  });

element("kernels", HTMLParagraphElement).textContent = {
  relaxed: "Codes are written and read by WebAssembly with relaxed SIMD here.",
  simd: "Codes are written and read by WebAssembly with SIMD here.",
  plain: "Codes are written and read by plain JavaScript here: this browser has no WebAssembly with SIMD, or is not allowed it.",
}[createKernels().kind];

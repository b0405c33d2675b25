/**
 * The page: vectors of a file or made up, what each width keeps of them, and a search among them. All of it happens here; the page's policy lets it
 * ask nothing of anybody. What is begun last counts: work on vectors that were replaced meanwhile ends by itself.
 */
import { isTurboQuantError } from "../src/error.ts";
import { createKernels } from "../src/kernels/load.ts";
import { breathe, element } from "./element.ts";
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
    loaded.textContent = `${set.name}: ${set.rows.length.toLocaleString("en")} vectors of ${set.dim} coordinates (${set.says})${set.cut ? "; the file has more than this page takes" : ""}.`;
    if (await showQuality(set, tell)) sections[0].hidden = false;
    if (await search.show(set, tell)) sections[1].hidden = false;
  } catch (error) {
    if (error instanceof Replaced || mine !== turn) return;
    loaded.textContent = "";
    trouble.textContent = sentenceOf(error);
    trouble.hidden = false;
  } finally {
    if (mine === turn) loading.hidden = true;
  }
}

function sentenceOf(error: unknown): string {
  if (!isTurboQuantError(error)) return `This did not work: ${error instanceof Error ? error.message : String(error)}.`;
  const says = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
  return `${says} ${error.hint.replace(/--dim( \d+)?\.?/, "the dimension, beside the file.").replace("--format", "another ending")}`;
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
element("sample", HTMLButtonElement).addEventListener("click", () => void work("Making vectors up …", async () => madeUpSet()));
for (const name of ["dragover", "dragleave", "drop"] as const)
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer?.files[0]);
  });

element("kernels", HTMLParagraphElement).textContent = {
  relaxed: "Codes are written and read by WebAssembly with relaxed SIMD here.",
  simd: "Codes are written and read by WebAssembly with SIMD here.",
  plain: "Codes are written and read by plain JavaScript here: this browser has no WebAssembly with SIMD, or is not allowed it.",
}[createKernels().kind];

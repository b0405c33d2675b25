/** The tool by which a model reads again what left its window. What it answers is bounded, and an output like all others: it is admitted, and may leave the window again. */
import { isFields } from "./message-style.ts";
import { EARLIER_WORK, type Kept, MEDIA_BEGINS, type Shelf } from "./shelf.ts";
import { boundary, sliced } from "./shown-text.ts";

export interface ReadingTool {
  readonly name: string;
  readonly description: string;
  /** As JSON Schema. */
  readonly parameters: object;
  /** What the model asks for, as an object or as JSON; answers in words, also to what makes no sense. */
  run(asked: unknown): Promise<string>;
}

/** A thousand tokens of prose. */
const PAGE_CHARACTERS = 4000;
const MOST_PAGE_CHARACTERS = 16_000;
const LEAST_PAGE_CHARACTERS = 64;
const MOST_FOUND = 10;
/** Where several have it: so that one does not hide the others. */
const MOST_FOUND_IN_ONE = 3;
/** Around what was found; the last where no more fits. */
const AROUND = [160, 40, 10];
const MOST_WORDS_CHARACTERS = 200;

/** `fits`: whether so much may come into the window. What is read again must come in, as nothing is won by leaving it out once more. */
export function createReadingTool(name: string, shelf: Shelf, fits: (text: string) => boolean): ReadingTool {
  const page = async (reference: string, asked: Readonly<Record<string, unknown>>): Promise<string> => {
    if (reference.startsWith(MEDIA_BEGINS))
      return "That was a picture or a file, and is no text to read: call the tool again that gave it.";
    const text = await shelf.get(reference);
    if (text === undefined) return `Nothing is kept as ${reference.slice(0, 80)}. References begin with "ref-".`;
    if (typeof asked["find"] === "string") return found([[reference, text]], asked["find"], fits);
    const from = boundary(text, wholeNumber(asked["from"], 0, text.length));
    const length = wholeNumber(asked["length"], PAGE_CHARACTERS, MOST_PAGE_CHARACTERS);
    for (let characters = Math.max(2, length); ; characters >>= 1) {
      const shown = sliced(text, from, from + characters);
      const next = from + shown.length;
      const told = `[${reference}, characters ${from} to ${next} of ${text.length}${next < text.length ? `; go on with "from": ${next}` : ""}]\n${shown}`;
      if (characters <= LEAST_PAGE_CHARACTERS || fits(told)) return told;
    }
  };
  return {
    name,
    description:
      "Reads again what was left out of this conversation, by the reference that stands in its place: a page of it, or the places where some words stand, in one reference or in all.",
    parameters: {
      type: "object",
      properties: {
        reference: { type: "string", description: "As it stands in the text: ref-…" },
        from: { type: "integer", description: "The first character to read." },
        length: { type: "integer", description: `Characters to read, at most ${MOST_PAGE_CHARACTERS}.` },
        find: {
          type: "string",
          description: "Words to look for, as they stand in the text; without a reference, in all that was left out.",
        },
      },
    },
    run: async (given) => {
      const asked = typeof given === "string" ? parsed(given) : given;
      if (!isFields(asked)) return "This takes an object with a reference, or with words to find.";
      if (typeof asked["reference"] === "string") return page(asked["reference"], asked);
      if (typeof asked["find"] !== "string") return "This takes a reference, or words to find.";
      const texts: (readonly [string, string])[] = [];
      // Outputs before what tells of them, and not what was read again: it stands in what it was read from.
      const kept = shelf.list().filter(({ tool }) => tool !== name);
      const isWork = ({ tool }: Kept): boolean => tool === EARLIER_WORK;
      for (const { reference } of [...kept.filter((one) => !isWork(one)), ...kept.filter(isWork)]) {
        const text = await shelf.get(reference);
        if (text?.includes(asked["find"])) texts.push([reference, text]);
        if (texts.length >= MOST_FOUND) break;
      }
      return found(texts, asked["find"], fits);
    },
  };
}

function found(texts: readonly (readonly [string, string])[], words: string, fits: (text: string) => boolean): string {
  if (words === "" || words.length > MOST_WORDS_CHARACTERS) return `Words to find have 1 to ${MOST_WORDS_CHARACTERS} characters.`;
  let told = "";
  for (const around of AROUND) {
    const lines: string[] = [];
    for (const [reference, text] of texts) {
      let left = texts.length === 1 ? MOST_FOUND : MOST_FOUND_IN_ONE;
      for (let at = text.indexOf(words); at >= 0 && left-- > 0; at = text.indexOf(words, at + around + words.length))
        lines.push(`[${reference}, at ${at}] ${sliced(text, at - around, at + words.length + around)}`);
    }
    if (lines.length === 0) return "It stands nowhere, as it is written here.";
    while (lines.length > 1 && !fits(lines.join("\n"))) lines.pop();
    told = lines.join("\n");
    if (fits(told)) break;
  }
  return told;
}

function wholeNumber(value: unknown, otherwise: number, most: number): number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 ? Math.min(Math.floor(value), most) : otherwise;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Long inputs in short. The caller gives what writes a summary; one that was written is remembered, because a conversation brings the same text again with every turn.
 * A summary that is no shorter is not used.
 */
import { checkFunction, checkNames, checkNumber } from "../argument.ts";
import type { Step } from "../ladder/step.ts";
import { modelCallOf } from "./model-call.ts";
import type { Strategy } from "./strategy.ts";

/** Gives at most about so many characters. Calls that it makes of its own go where nothing asks for a summary of them. */
export type Summariser = (text: string, mostCharacters: number, signal: AbortSignal) => Promise<string> | string;

export interface SummariseSettings {
  readonly from?: Step | undefined;
  readonly summarise: Summariser;
  /** Characters from which on a text is long: 4000 unless said, a thousand tokens. */
  readonly longerThan?: number | undefined;
  /** Of them, what a summary may have: a quarter unless said. */
  readonly keep?: number | undefined;
  /** Of operations that are no calls of models: their texts, and the request with others in place of them. */
  readonly textsOf?:
    | ((request: unknown) => { readonly texts: readonly string[]; with(texts: readonly string[]): unknown } | undefined)
    | undefined;
}

/** Summaries that are remembered; texts of which are long. */
const REMEMBERED = 64;

/** Throws `bad-argument`. */
export function summarising(settings: SummariseSettings): Strategy {
  checkNames("summarising", settings, ["from", "summarise", "longerThan", "keep", "textsOf"]);
  const { from = "saving", summarise, longerThan = 4000, keep = 0.25, textsOf = textsOfModelCall } = settings;
  checkFunction("summarise", summarise);
  checkFunction("textsOf", textsOf);
  checkNumber("longerThan", longerThan, 1);
  checkNumber("keep", keep, 0, 1);
  // bound: REMEMBERED
  const known = new Map<string, string>();

  const shortOf = async (text: string, signal: AbortSignal): Promise<string> => {
    if (text.length <= longerThan) return text;
    const remembered = known.get(text);
    if (remembered !== undefined) return remembered;
    const summary = await summarise(text, Math.ceil(text.length * keep), signal);
    const short = typeof summary === "string" && summary.length < text.length ? summary : text;
    known.set(text, short);
    if (known.size > REMEMBERED) known.delete(known.keys().next().value as string);
    return short;
  };

  return {
    name: "summarise",
    from,
    lessen: async ({ request }, signal) => {
      const found = textsOf(request);
      if (found === undefined) return undefined;
      const texts = await Promise.all(found.texts.map((text) => shortOf(text, signal)));
      const [before, after] = [sizeOf(found.texts), sizeOf(texts)];
      if (after >= before) return undefined;
      return { kind: "request", request: found.with(texts), lost: `${before} characters of what was sent are told in ${after}` };
    },
  };
}

function sizeOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length, 0);
}

function textsOfModelCall(request: unknown): { readonly texts: readonly string[]; with(texts: readonly string[]): unknown } | undefined {
  const call = modelCallOf(request);
  return call && { texts: call.texts, with: (texts) => call.with({ texts }) };
}

/**
 * What a call will take, guessed from what is sent: tokens of the text by the kinds of its characters, pictures by the piece, and as much output as it may ask for. Guesses
 * are rather high than low: what is too high comes back with the answer, what is too low is refused.
 *
 * The time it takes is bounded: of a long text a part is looked at, and what is encoded in base64 is stepped over. It is not that of `context/token-guess.ts`, which guesses
 * texts one by one and by kind, so that each kind is corrected for itself: that looks at every character, ten times as long for megabytes, and its six rough kinds are
 * further off until answers corrected them (up to 1.7 of what there is, where this is up to 1.3). One number for a whole body is all that a quota wants.
 */
import type { Asked } from "../partition.ts";
import type { Cost } from "../quota/reading.ts";

/** What is answered where nothing limits it. */
const USUAL_OUTPUT = 1000;
/** The longest answers that large models give (128,000 tokens): who asks for a billion asks for no limit. */
const LONGEST_OUTPUT = 128_000;
/** Of a picture that is not small, as OpenAI and Anthropic count: from 765 to 1600. */
const PICTURE_TOKENS = 1600;
/** Strings of so many characters are looked at for base64. */
const LEAST_ENCODED = 1000;
/** Of a string, so many characters at its beginning tell that it is encoded: words have spaces before that. */
const ENCODED_LOOK = 400;
const ENCODED = /^(?:data:[\w/+.;=-]{0,100};base64,)?[A-Za-z0-9+/_-]{100,}={0,2}$/;
/** Of a longer text, so many characters are counted, from all of it. */
const MOST_COUNTED = 40_000;
/** Of them in one place. */
const COUNTED_AT_ONCE = 400;
/** Strings that are looked at one by one. */
const MOST_STRINGS = 20_000;

/**
 * Characters in a token, of the kinds that differ, so that texts come out at nine tenths to four thirds of what OpenAI's o200k counts: prose has 3.7 in a token, code 3.9,
 * lock files 2.5, German 4.3, Russian 3.6, Chinese 1.4, Japanese 1.1.
 */
const SMALL_IN_TOKEN = 4;
/** They begin words, and in keys and hashes stand alone. */
const CAPITALS_IN_TOKEN = 1.8;
const DIGITS_IN_TOKEN = 1.7;
const MARKS_IN_TOKEN = 2;
const OTHER_LETTERS_IN_TOKEN = 2.7;
const WIDE_IN_TOKEN = 1.1;

const MODEL_IN_PATH = /\/(?:models?|openai\/deployments)\/[\w.@%-]{1,100}/;
const MODEL_IN_BODY = /"model(?:Id)?"\s*:\s*"/;
const MOST_OUTPUT = /"(?:max_tokens|max_completion_tokens|max_output_tokens|maxOutputTokens|max_tokens_to_sample)"\s*:\s*(\d{1,20})/;
/** Answers that are written to one question, each as long as one alone. Within what was said quotes stand behind a backslash. */
const SEVERAL = /"(?:n|candidateCount|best_of)"\s*:\s*[1-9]/;
/** OpenAI's most. */
const MOST_ANSWERS = 128;
/** Parameters stand at the beginning or the end of a body. */
const LOOKED_AT = 20_000;

/** Requests alone, where no model is asked. */
export function guessedCost({ url, body }: Asked): Cost {
  if (body === undefined) return { requests: 1 };
  const looked = body.length > 2 * LOOKED_AT ? `${body.slice(0, LOOKED_AT)} ${body.slice(-LOOKED_AT)}` : body;
  if (!MODEL_IN_BODY.test(looked) && !MODEL_IN_PATH.test(url)) return { requests: 1 };
  const input = guessedTokens(body);
  const most = MOST_OUTPUT.exec(looked)?.[1];
  const longest = /\/(?:embeddings|rerank|moderations)\b/.test(url) ? 0 : Math.min(LONGEST_OUTPUT, Number(most ?? USUAL_OUTPUT));
  const output = longest * (longest > 0 && SEVERAL.test(looked) ? answersOf(body) : 1);
  return { requests: 1, "input-tokens": input, "output-tokens": output, tokens: input + output };
}

/** An argument of a tool may have such a name too, so it has to be looked where it stands. */
function answersOf(body: string): number {
  try {
    const { n, best_of: bestOf, generationConfig } = JSON.parse(body) as Readonly<Record<string, unknown>>;
    const { candidateCount } = (generationConfig ?? {}) as Readonly<Record<string, unknown>>;
    const counts = [n, bestOf, candidateCount].filter((one) => typeof one === "number");
    return Math.min(MOST_ANSWERS, Math.max(1, ...counts));
  } catch {
    return 1;
  }
}

/** Of a body in JSON, or of any text. */
export function guessedTokens(text: string): number {
  let pictures = 0;
  let counted = 0;
  let tokens = 0;
  // What stands between two quotes is a string, or what is between two of them.
  for (let from = 0, nth = 0; from < text.length; nth++) {
    const quote = nth < MOST_STRINGS ? text.indexOf('"', from) : -1;
    const to = quote < 0 ? text.length : quote;
    if (quote >= 0) tokens += 1 / MARKS_IN_TOKEN;
    if (to - from >= LEAST_ENCODED && ENCODED.test(text.slice(from, from + ENCODED_LOOK))) pictures++;
    else if (to - from > 0) {
      tokens += tokensOf(text, from, to, Math.max(COUNTED_AT_ONCE, MOST_COUNTED - counted));
      counted += to - from;
    }
    from = to + 1;
  }
  return Math.ceil(tokens) + pictures * PICTURE_TOKENS;
}

function tokensOf(text: string, from: number, to: number, most: number): number {
  const pieces = Math.ceil(Math.min(most, to - from) / COUNTED_AT_ONCE);
  const apart = (to - from) / pieces;
  let tokens = 0;
  let looked = 0;
  for (let nth = 0; nth < pieces; nth++) {
    const begin = Math.floor(from + nth * apart);
    const end = Math.min(to, Math.floor(begin + Math.min(apart, COUNTED_AT_ONCE)) + 1);
    for (let at = begin; at < end; at++) tokens += tokensOfCharacter(text.charCodeAt(at));
    looked += end - begin;
  }
  return looked === 0 ? 0 : (tokens * (to - from)) / looked;
}

/** From here on: punctuation, kana, ideographs, Hangul. */
const WIDE = 0x2e80;
const LATIN_END = 0x250;

/** Of one unit of UTF-16. */
export function tokensOfCharacter(code: number): number {
  if (code < 128) return TOKENS_OF_ASCII[code] as number;
  if (code >= WIDE) return 1 / WIDE_IN_TOKEN;
  return 1 / (code < LATIN_END ? SMALL_IN_TOKEN : OTHER_LETTERS_IN_TOKEN);
}

const TOKENS_OF_ASCII: readonly number[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  // The escape is not sent to the model.
  if (character === "\\") return 0;
  if (/[a-z ]/.test(character)) return 1 / SMALL_IN_TOKEN;
  if (/[A-Z]/.test(character)) return 1 / CAPITALS_IN_TOKEN;
  return 1 / (/[0-9]/.test(character) ? DIGITS_IN_TOKEN : MARKS_IN_TOKEN);
});

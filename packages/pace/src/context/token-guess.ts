/**
 * How many tokens a text takes, guessed from its characters alone.
 *
 * No tokenizer: each service has its own, some megabytes large, and few tell it. A guess says what *kind* of text it is of, because what corrects it later is known by kind:
 * a service whose prose is as expected may take twice as much for Chinese. `providers/cost.ts` guesses whole bodies for quotas: one number, in bounded time, of a part of
 * them; a window that is to leave out texts must know each, and all of it.
 */

/** `script`: letters beyond ASCII, as Cyrillic. `wide`: Chinese, Japanese, Korean, emoji. `dense`: long words that are none, as base64 and keys. */
export type TextKind = "prose" | "code" | "script" | "wide" | "dense" | "media";

/** Tokens by kind. */
export type TokenGuess = Readonly<Record<TextKind, number>>;

export const NO_TOKENS: TokenGuess = { prose: 0, code: 0, script: 0, wide: 0, dense: 0, media: 0 };

const CHARACTERS_PER_TOKEN = { prose: 4, code: 3, script: 2, wide: 1, dense: 1.5 };
/** Kinds change within a text: a page with a picture in it. */
const LOOKED_AT = 512;
/** No word of any language that is written with ASCII is so long. */
const DENSE_WORD = 60;
/** Of ASCII characters, those that are no letters and no spaces: 0.03 to 0.07 in prose, 0.15 and more in code and JSON. */
const CODE_SHARE = 0.12;
/** A picture: what the dearest of the usual services takes for a large one. */
const PICTURE_TOKENS = 1600;
/** Of other media, characters of base64 for a token: a page of a document is some 60,000 of them, and two or three thousand tokens. */
const MEDIA_CHARACTERS = 20;
/** Around each part: its role, its name, what separates it. */
const FRAME_TOKENS = 6;

const SPACE = 2;
/** Of ASCII: letters 0, other signs 1, spaces 2. */
const SIGNS = Uint8Array.from({ length: 0x80 }, (_, code) => (code <= 0x20 ? SPACE : /[a-z]/i.test(String.fromCharCode(code)) ? 0 : 1));

export function guessText(text: string): TokenGuess {
  const counts = { prose: 0, code: 0, script: 0, wide: 0, dense: 0 };
  let word = 0;
  for (let from = 0; from < text.length; from += LOOKED_AT) {
    const to = Math.min(text.length, from + LOOKED_AT);
    let [ascii, signs, longest] = [0, 0, word];
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      if (code < 0x80) {
        ascii++;
        const sign = SIGNS[code] as number;
        signs += sign & 1;
        word = sign === SPACE ? 0 : word + 1;
        if (word > longest) longest = word;
      } else {
        if (code >= 0x2e80) counts.wide++;
        else counts.script++;
        word = 0;
      }
    }
    counts[longest >= DENSE_WORD ? "dense" : signs > ascii * CODE_SHARE ? "code" : "prose"] += ascii;
  }
  const { prose, code, script, wide, dense } = CHARACTERS_PER_TOKEN;
  return {
    prose: FRAME_TOKENS + counts.prose / prose,
    code: counts.code / code,
    script: counts.script / script,
    wide: counts.wide / wide,
    dense: counts.dense / dense,
    media: 0,
  };
}

/** `characters`: of base64; none where only an address is sent. */
export function guessMedia(isPicture: boolean, characters: number): TokenGuess {
  return { ...NO_TOKENS, media: isPicture ? PICTURE_TOKENS : Math.max(PICTURE_TOKENS, characters / MEDIA_CHARACTERS) };
}

export function addGuesses(one: TokenGuess, other: TokenGuess): TokenGuess {
  return {
    prose: one.prose + other.prose,
    code: one.code + other.code,
    script: one.script + other.script,
    wide: one.wide + other.wide,
    dense: one.dense + other.dense,
    media: one.media + other.media,
  };
}

export function sumOfGuess({ prose, code, script, wide, dense, media }: TokenGuess): number {
  return prose + code + script + wide + dense + media;
}

/** What was found of texts that were looked at: a conversation is looked at before every call, and only its end is new. Known by the text itself, so it holds whoever copies messages. */
import { fingerprintOf } from "./fingerprint.ts";
import { guessText, type TokenGuess } from "./token-guess.ts";

export interface TextLook {
  readonly guess: TokenGuess;
  readonly fingerprint: string;
}

export type LookAtText = (text: string) => TextLook;

/** Of all texts together: more than a window of a million tokens holds. They are the caller's own, as long as he has them. */
const MOST_CHARACTERS = 4_000_000;
/** Longer ones leave at once, by pages. */
const MOST_TEXT_CHARACTERS = 500_000;

export function createTextLooks(): LookAtText {
  const known = new Map<string, TextLook>();
  let characters = 0;
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const look = { guess: guessText(text), fingerprint: fingerprintOf(text) };
    if (text.length > MOST_TEXT_CHARACTERS) return look;
    if (characters + text.length > MOST_CHARACTERS) {
      known.clear();
      characters = 0;
    }
    known.set(text, look);
    characters += text.length;
    return look;
  };
}

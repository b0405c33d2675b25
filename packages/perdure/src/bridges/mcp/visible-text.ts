/**
 * Text that somebody else wrote, made harmless for a reader that is a model: everything that is there can be seen.
 *
 * What a person would not see and a model would read (zero-width letters, tag letters, direction marks, variation
 * selectors, escape sequences) is shown as `<U+202E>`. Joiners and selectors inside an emoji stay, for that is how emoji are
 * written. Nothing is dropped: what was sent can be told from what is shown.
 */

/** Controls but tab and newline, what renderers leave out, half surrogate pairs, private use, what is not assigned, blank braille. */
const UNSEEN = /(?![\t\n])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
const ALL_UNSEEN: RegExp = new RegExp(UNSEEN.source, "gu");
/** A picture, and what it is joined to: a family, a flag of four parts. Longer chains are data in disguise. */
const EMOJI = /\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?(?:\u200d\p{Extended_Pictographic}\ufe0f?\p{Emoji_Modifier}?){0,4}/gu;

/** The text with all that cannot be seen spelled out; lines keep their breaks. */
export function visibleText(text: string): string {
  const lines = text.replaceAll("\r\n", "\n");
  if (!UNSEEN.test(lines)) return lines;
  let shown = "";
  let at = 0;
  for (const emoji of lines.matchAll(EMOJI)) {
    shown += spelled(lines.slice(at, emoji.index)) + emoji[0];
    at = emoji.index + emoji[0].length;
  }
  return shown + spelled(lines.slice(at));
}

/** One line of at most `limit` characters, in double quotes with quotes inside escaped: it cannot end itself. */
export function quotedLine(text: string, limit = 200): string {
  return JSON.stringify(visibleLine(text, limit));
}

/** One line of at most `limit` characters. */
export function visibleLine(text: string, limit = 200): string {
  // What cannot be shown in `limit` characters need not be looked at: a name may be as long as its sender likes.
  const line = visibleText(text.slice(0, 4 * limit))
    .replace(/\s+/gu, " ")
    .trim();
  const letters = Array.from(line);
  return letters.length <= limit && text.length <= 4 * limit ? line : `${letters.slice(0, limit - 1).join("")}…`;
}

function spelled(text: string): string {
  return text.replace(ALL_UNSEEN, (letter) => `<U+${(letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

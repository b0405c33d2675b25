/**
 * Text that somebody else chose (a name, a reason, a mail's body) is data: on a terminal it must not move the cursor,
 * change colours, set the title or write right to left over what we say.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The text with every control character but newline and tab shown as `�`; lines keep their breaks. */
export function safeText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(CONTROL, "\ufffd");
}

/** One line of at most `limit` letters, for tables and reasons. */
export function safeLine(text: string, limit = 200): string {
  const line = safeText(text).replace(/\s+/g, " ").trim();
  const letters = Array.from(line);
  return letters.length <= limit ? line : `${letters.slice(0, limit - 1).join("")}…`;
}

/** A name to put a file under in the current folder: no way into another one, no option, no hidden file; empty stays empty. */
export function safeFileName(text: string): string {
  return safeLine(text, 200)
    .replace(/[/\\:]/g, "_")
    .replace(/^[.\-~]+/, "_");
}

/** The name when a shell takes it as one plain word, else `instead`: for commands that people copy. */
export function plainWord(text: string, instead: string): string {
  return /^\w[\w.-]{0,79}$/.test(text) ? text : instead;
}

/**
 * How many tokens a text is at most, without anybody's tokenizer.
 *
 * Tokenizers differ, and each vendor's changes. This counts by kind of letter what the three that can be had offline
 * (o200k_base, cl100k_base, Claude 2) need at most: a plain word a quarter of its letters, letters that are no plain word two
 * thirds, digits and marks one each, letters beyond ASCII by their width. Prose comes out 1.5 times too high, base64 and emoji
 * about right; only text made of rare ideographs alone is up to a sixth more than this says.
 */
const PIECES =
  /(?<word>(?<![A-Za-z0-9+/=_-])[A-Za-z]?[a-z]{1,15}(?![A-Za-z0-9+/=_-]))|(?<letters>[A-Za-z]+)|(?<blank>[^\S\r\n]+)|(?<mark>\p{ASCII})|(?<two>[\u0080-\u07ff])|(?<three>[\u0800-\uffff])|(?<four>[\u{10000}-\u{10ffff}])/gu;

export function tokensAtMost(text: string): number {
  let tokens = 0;
  for (const { groups = {} } of text.matchAll(PIECES)) {
    const { word, letters, blank, mark, two, three } = groups;
    if (word !== undefined) tokens += Math.max(1, word.length / 4);
    else if (letters !== undefined) tokens += Math.max(1, letters.length / 1.5);
    else if (blank !== undefined) tokens += blank === " " ? 0.2 : Math.max(1, blank.length / 4);
    else if (mark !== undefined) tokens += 1;
    else if (two !== undefined) tokens += 1.25;
    else tokens += three === undefined ? 3 : 2;
  }
  return Math.ceil(tokens);
}

/** The longest beginning of `text`, in whole letters, for which `shown` stays within `budget` tokens. */
export function beginningWithin(text: string, budget: number, shown: (beginning: string) => string): string {
  let fits = 0;
  let tooLong = text.length + 1;
  while (tooLong - fits > 1) {
    const middle = (fits + tooLong) >>> 1;
    if (tokensAtMost(shown(text.slice(0, middle))) <= budget) fits = middle;
    else tooLong = middle;
  }
  // Half of a surrogate pair is no letter.
  const cut = text.slice(0, fits);
  return cut.isWellFormed() || !text.isWellFormed() ? cut : cut.slice(0, -1);
}

/** How many of `count` items an answer has room for: each of its forms with that many stays within `budget` tokens. */
export function mostWithin(count: number, budget: number, forms: (items: number) => readonly string[]): number {
  const fitting = (items: number): boolean => forms(items).every((form) => tokensAtMost(form) <= budget);
  let fits = 0;
  let tooMany = count + 1;
  while (tooMany - fits > 1) {
    const middle = (fits + tooMany) >>> 1;
    if (fitting(middle)) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

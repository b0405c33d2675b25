/**
 * The fields of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy: "burst";q=100;w=60` says what is allowed, `RateLimit: "burst";r=50;t=30` what is left of it.
 * Both are lists of structured fields (RFC 9651). Earlier drafts wrote `RateLimit: limit=100, remaining=50, reset=30`, or one field for each.
 */
export interface RateItem {
  readonly name: string;
  readonly parameters: Readonly<Record<string, number | string>>;
}

const MOST_CHARACTERS = 4000;
const MOST_MEMBERS = 20;
/** Of hundreds of digits it would be endless, of which nothing can be counted; a structured field has fifteen at most. */
const NUMBER = /^-?\d{1,15}(?:\.\d{1,20})?$/;

/** Empty for what cannot be read. */
export function rateItems(text: string): readonly RateItem[] {
  if (text.length > MOST_CHARACTERS) return [];
  const items: RateItem[] = [];
  for (const member of outsideQuotes(text, ",").slice(0, MOST_MEMBERS)) {
    const [name = "", ...rest] = outsideQuotes(member, ";");
    const parameters: Record<string, number | string> = {};
    for (const one of rest) {
      // Keys of partitions are in base64, that ends in the same sign.
      const at = one.indexOf("=");
      const [key, value] = at < 0 ? [one.trim(), ""] : [one.slice(0, at).trim(), one.slice(at + 1).trim()];
      if (/^[a-z*][\w.*-]*$/.test(key)) parameters[key] = NUMBER.test(value) ? Number(value) : unquoted(value);
    }
    items.push({ name: unquoted(name.trim()), parameters });
  }
  return items;
}

/** `limit=100, remaining=50, reset=30`, as drafts up to the seventh wrote it. */
export function oldRateItem(text: string): Readonly<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const part of text.slice(0, MOST_CHARACTERS).split(",")) {
    const [, key, value] = /^\s*(limit|remaining|reset)\s*=\s*(\d{1,15})\s*$/.exec(part) ?? [];
    if (key !== undefined) found[key] = Number(value);
  }
  return found;
}

function outsideQuotes(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let isQuoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\" && isQuoted) at++;
    else if (text[at] === '"') isQuoted = !isQuoted;
    else if (text[at] === separator && !isQuoted) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  parts.push(text.slice(from));
  return parts;
}

function unquoted(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1).replace(/\\(["\\])/g, "$1") : text;
}

/**
 * Just enough of TypeScript's grammar to see code as code: comments vanish, strings, templates and regular expressions
 * become single tokens, and what stands inside `${}` of a template is code again.
 */
export interface Token {
  readonly kind: "name" | "string" | "text" | "number" | "regex" | "mark";
  /** The source text; for `string` and `text` (a template's literal part) what stands between the quotes. */
  readonly text: string;
  readonly line: number;
}

/** After these names a slash begins a regular expression, after any other it divides. */
const BEFORE_VALUE = new Set("return typeof case in of void delete throw new do else instanceof yield await".split(" "));
const NAME = /[\p{ID_Start}$_#][\p{ID_Continue}$\u200c\u200d]*/uy;
const NUMBER = /\d[\w.]*/y;
const LONG_MARKS = /\?\.(?!\d)|=>|\.\.\.|./suy;

export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  /** One entry per open template; its number counts braces opened inside the current `${`. */
  const templates: number[] = [];
  let at = 0;
  let line = 1;

  const take = (kind: Token["kind"], end: number, text = source.slice(at, end)): void => {
    tokens.push({ kind, text, line });
    skip(end);
  };
  const skip = (end: number): void => {
    for (let i = at; i < end; i++) if (source[i] === "\n") line++;
    at = end;
  };
  const matched = (pattern: RegExp): number => {
    pattern.lastIndex = at;
    return pattern.test(source) ? pattern.lastIndex : at;
  };
  /** From just inside a template to its end or its next `${`. */
  const takeTemplateText = (): void => {
    let end = at;
    while (end < source.length && source[end] !== "`" && !(source[end] === "$" && source[end + 1] === "{"))
      end += source[end] === "\\" ? 2 : 1;
    take("text", end);
    if (source[at] === "$") {
      skip(at + 2);
      templates.push(0);
    } else skip(at + 1);
  };

  if (source.startsWith("#!")) skip(lineEnd(source, 0));
  while (at < source.length) {
    const here = source[at] as string;
    const next = source[at + 1];
    if (/\s/.test(here)) skip(at + 1);
    else if (here === "/" && next === "/") skip(lineEnd(source, at));
    else if (here === "/" && next === "*") skip(endOf(source, "*/", at + 2));
    else if (here === '"' || here === "'") {
      const end = stringEnd(source, at);
      take("string", end, source.slice(at + 1, end - 1));
    } else if (here === "`") {
      skip(at + 1);
      takeTemplateText();
    } else if (here === "}" && templates.at(-1) === 0) {
      templates.pop();
      skip(at + 1);
      takeTemplateText();
    } else if (here === "/" && beginsRegex(tokens.at(-1))) take("regex", regexEnd(source, at));
    else if (matched(NAME) > at) take("name", matched(NAME));
    else if (matched(NUMBER) > at) take("number", matched(NUMBER));
    else {
      const open = templates.length - 1;
      if (open >= 0 && here === "{") templates[open] = (templates[open] ?? 0) + 1;
      if (open >= 0 && here === "}") templates[open] = (templates[open] ?? 0) - 1;
      take("mark", matched(LONG_MARKS));
    }
  }
  return tokens;
}

function beginsRegex(previous: Token | undefined): boolean {
  if (previous === undefined) return true;
  if (previous.kind === "mark") return previous.text !== ")" && previous.text !== "]" && previous.text !== "}";
  return previous.kind === "name" && BEFORE_VALUE.has(previous.text);
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf("\n", from);
  return end < 0 ? source.length : end;
}

function endOf(source: string, close: string, from: number): number {
  const end = source.indexOf(close, from);
  return end < 0 ? source.length : end + close.length;
}

function stringEnd(source: string, from: number): number {
  const quote = source[from];
  let end = from + 1;
  while (end < source.length && source[end] !== quote && source[end] !== "\n") end += source[end] === "\\" ? 2 : 1;
  return end + 1;
}

function regexEnd(source: string, from: number): number {
  let inClass = false;
  let end = from + 1;
  for (; end < source.length && source[end] !== "\n"; end++) {
    const here = source[end];
    if (here === "\\") end++;
    else if (here === "[") inClass = true;
    else if (here === "]") inClass = false;
    else if (here === "/" && !inClass) break;
  }
  end++;
  while (/[a-z]/.test(source[end] ?? "")) end++;
  return end;
}

/**
 * How many tokens an answer of a model says, counted while it passes: texts, arguments of tools and thoughts that are shown, in answers and streams of OpenAI (chat and
 * responses), Anthropic, Gemini and their likes. For answers that tell no usage.
 *
 * It goes through JSON byte by byte, knows where it is in a tree of names that lead to what is said, and adds up its characters as `cost.ts` does; what leads elsewhere is
 * stepped over. Nothing is kept but a sum, a name and one node for each level of the tree. A text counts once it is whole: of a stream each event, of an answer all of it, as
 * what a service was stopped in it may have made to the end. What is not said is not counted: thoughts that a model keeps to itself.
 */
import { tokensOfCharacter } from "./cost.ts";

export interface SaidCounter {
  feed(bytes: Uint8Array): void;
  /** Another text begins; what was not whole is dropped. */
  reset(): void;
  /** Of all that was whole; `undefined` where none of it was of a known form. */
  tokens(): number | undefined;
}

/** What stands under a name; arrays are stepped through. */
interface Node {
  /** Where its texts are added up; none where they are no words of the model. */
  readonly sum: Sum | undefined;
  /** Whatever is in it is said, names and marks too: the input of a tool. */
  readonly isAll: boolean;
  /** Nobody else answers in this form. */
  readonly isForm: boolean;
  readonly under: Readonly<Record<string, Node>>;
}

/** Some count only beside a type, and of two that say the same one counts. */
type Sum = "words" | "delta" | "message" | "response" | "reasoning" | "reasoningContent";

const at = (under: Readonly<Record<string, Node>>, isForm = false): Node => ({ sum: undefined, isAll: false, isForm, under });
const said = (sum: Sum, under: Readonly<Record<string, Node>> = {}): Node => ({ sum, isAll: false, isForm: false, under });
const all = (sum: Sum): Node => ({ sum, isAll: true, isForm: false, under: {} });

const WORDS = said("words");
const CALLED = at({ name: WORDS, arguments: WORDS });
/** Mistral's thoughts are parts of its content. */
const PARTS = said("words", { text: WORDS, thinking: at({ text: WORDS }) });
const CHOSEN = at(
  {
    content: PARTS,
    refusal: WORDS,
    // Some write both, with the same in them.
    reasoning: said("reasoning"),
    reasoning_content: said("reasoningContent"),
    tool_calls: at({ function: CALLED }),
    function_call: CALLED,
    audio: at({ transcript: WORDS }),
  },
  true,
);
const DELTA = said("delta");
const MESSAGE = said("message");
const RESPONSE = said("response");
const ROOT = at({
  choices: at({ delta: CHOSEN, message: CHOSEN, text: WORDS }),
  candidates: at({ content: at({ parts: at({ text: WORDS, functionCall: at({ name: WORDS, args: all("words") }) }) }, true) }),
  // A text with OpenAI's responses, an object with Anthropic.
  delta: said("delta", { text: DELTA, thinking: DELTA, partial_json: DELTA }),
  content: at({ text: MESSAGE, thinking: MESSAGE, name: MESSAGE, input: all("message") }),
  output: at({
    content: at({ text: RESPONSE, refusal: RESPONSE }),
    summary: at({ text: RESPONSE }),
    name: RESPONSE,
    arguments: RESPONSE,
    input: RESPONSE,
    code: RESPONSE,
  }),
});

const OBJECT_OF_ITS_FORM = /^(?:chat\.completion|text_completion|response$)/;
const TYPE_OF_ITS_FORM = /^(?:response\.|message_start$|message$|content_block_)/;
/** A sound in base64 is no words. */
const SOUND = /audio\.delta$/;

/** Names of the tree, and types, are no longer. */
const MOST_NAME = 60;

const [QUOTE, BACKSLASH, COLON, COMMA, SPACE, SMALL_U] = [0x22, 0x5c, 0x3a, 0x2c, 0x20, 0x75];
const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_ARRAY, CLOSE_ARRAY] = [0x7b, 0x7d, 0x5b, 0x5d];

/** By the first byte of a character in UTF-8; the others say nothing. What is beyond 16 bits `cost.ts` sees as two. */
const WEIGHTS = Float64Array.from({ length: 256 }, (_, byte) => {
  if (byte < 0x80) return tokensOfCharacter(byte);
  if (byte < 0xc0) return 0;
  if (byte < 0xca) return tokensOfCharacter(0xe9);
  if (byte < 0xe3) return tokensOfCharacter(0x430);
  return tokensOfCharacter(0x4e00) * (byte < 0xf0 ? 1 : 2);
});

export function createSaidCounter(): SaidCounter {
  let whole: number | undefined;
  let sums: Record<Sum, number>;
  /** Of the text that is under way, as far as it says. */
  let [type, object, isForm] = ["", "", false];
  /** Of each object and array that is open and leads somewhere. */
  let nodes: Node[] = [];
  let arrays: boolean[] = [];
  /** How deep it is in what leads nowhere, and in what is said whatever it is. */
  let [passed, inAll] = [0, 0];
  /** Of the value that comes next. */
  let next: Node | undefined;
  let name = "";
  /** The string that is open: a name or a type is kept, what is said is added up. */
  let string: "none" | "kept" | "said" | "passed" = "none";
  let kept: number[] = [];
  let sum: Sum = "words";
  let isEscaped = false;
  let [digits, code] = [0, 0];

  const reset = (): void => {
    sums = { words: 0, delta: 0, message: 0, response: 0, reasoning: 0, reasoningContent: 0 };
    [type, object, isForm] = ["", "", false];
    [nodes, arrays, passed, inAll, next, name, string, isEscaped, digits] = [[], [], 0, 0, ROOT, "", "none", false, 0];
  };
  reset();

  const count = (): void => {
    const isOfType = TYPE_OF_ITS_FORM.test(type);
    if (!isForm && !isOfType && !OBJECT_OF_ITS_FORM.test(object)) return;
    const { words, delta, message, response, reasoning, reasoningContent } = sums;
    whole = (whole ?? 0) + words + Math.max(reasoning, reasoningContent);
    if (isOfType && !SOUND.test(type)) whole += delta;
    if (type === "message") whole += message;
    if (object === "response") whole += response;
  };

  const open = (isArray: boolean): void => {
    // Nobody answers in arrays of arrays, and so many would be kept.
    if (passed > 0 || next === undefined || (isArray && arrays.at(-1) === true)) passed++;
    else if (next.isAll) [inAll, sum] = [1, next.sum ?? "words"];
    else {
      if (next.isForm && !isArray) isForm = true;
      nodes.push(next);
      arrays.push(isArray);
      if (!isArray) [next, name] = [undefined, ""];
    }
  };

  const close = (): void => {
    if (passed > 0) {
      passed--;
      return;
    }
    const node = nodes.pop();
    const isArray = arrays.pop();
    if (node !== ROOT || isArray !== false) return;
    count();
    const [before, beforeArrays] = [nodes, arrays];
    reset();
    [nodes, arrays] = [before, beforeArrays];
  };

  const outside = (byte: number): void => {
    if (byte === QUOTE) begin();
    else if (inAll > 0) {
      if (byte > SPACE) sums[sum] += WEIGHTS[byte] as number;
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) inAll++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) inAll--;
    } else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) open(byte === OPEN_ARRAY);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) close();
    else if (passed > 0) return;
    else if (byte === COLON) {
      const node = nodes.at(-1);
      // What stands under it alone, and not what all objects have.
      next = node !== undefined && Object.hasOwn(node.under, name) ? node.under[name] : undefined;
    } else if (byte === COMMA) {
      next = arrays.at(-1) === true ? nodes.at(-1) : undefined;
      name = "";
    }
  };

  const begin = (): void => {
    if (inAll > 0) {
      sums[sum] += WEIGHTS[QUOTE] as number;
      string = "said";
    } else if (passed > 0) string = "passed";
    else if (next?.sum !== undefined) [string, sum] = ["said", next.sum];
    else if (arrays.at(-1) === false && (name === "" || (nodes.at(-1) === ROOT && (name === "type" || name === "object"))))
      [string, kept] = ["kept", []];
    else string = "passed";
  };

  const end = (): void => {
    if (string === "kept") {
      const text = kept.length > MOST_NAME ? "?" : String.fromCharCode(...kept);
      if (name === "") name = text;
      else if (name === "type") type = text;
      else object = text;
    } else if (inAll > 0) sums[sum] += WEIGHTS[QUOTE] as number;
    string = "none";
  };

  /** Adds up what is said until the string ends; where that is, or the end of the bytes. */
  const listen = (bytes: Uint8Array, from: number): number => {
    let tokens = 0;
    let to = from;
    for (; to < bytes.length; to++) {
      const byte = bytes[to] as number;
      if (digits > 0) {
        code = code * 16 + (Number.parseInt(String.fromCharCode(byte), 16) || 0);
        if (--digits === 0) tokens += tokensOfCharacter(code);
      } else if (isEscaped) {
        isEscaped = false;
        if (byte === SMALL_U) [digits, code] = [4, 0];
        else tokens += WEIGHTS[byte] as number;
      } else if (byte === BACKSLASH) isEscaped = true;
      else if (byte === QUOTE) break;
      else tokens += WEIGHTS[byte] as number;
    }
    sums[sum] += tokens;
    return to;
  };

  /** As far as `listen`, of what is no words. */
  const pass = (bytes: Uint8Array, from: number): number => {
    for (let to = from; to < bytes.length; to++) {
      if (isEscaped) {
        isEscaped = false;
        continue;
      }
      const quote = bytes.indexOf(QUOTE, to);
      const stop = quote < 0 ? bytes.length : quote;
      if (string === "kept") for (let one = to; one < stop && kept.length <= MOST_NAME; one++) kept.push(bytes[one] as number);
      let slashes = 0;
      while (stop - slashes > to && bytes[stop - slashes - 1] === BACKSLASH) slashes++;
      isEscaped = slashes % 2 === 1;
      if (quote >= 0 && !isEscaped) return quote;
      to = stop - 1;
    }
    return bytes.length;
  };

  return {
    reset,
    feed: (bytes) => {
      for (let to = 0; to < bytes.length; to++) {
        if (string === "none") outside(bytes[to] as number);
        else {
          to = string === "said" ? listen(bytes, to) : pass(bytes, to);
          if (to < bytes.length) end();
        }
      }
    },
    tokens: () => (whole === undefined ? undefined : Math.ceil(whole)),
  };
}

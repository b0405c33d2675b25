/** What services say when what was sent is longer than the window of the model: whether it is that, how large the window is, and what was sent. */

export interface Overflow {
  /** Tokens of the window, where told. */
  readonly sizeTokens: number | undefined;
  /** Tokens that were sent, where told. */
  readonly sentTokens: number | undefined;
}

/** Beyond these no number is a window: a typing error, or somebody else's number. */
export const LEAST_WINDOW = 256;
const MOST_WINDOW = 100_000_000;
/** Of an error: some bring the whole request along. */
const LOOKED_AT = 10_000;
const DEPTH = 4;
const FIELDS = ["message", "error", "responseBody", "body", "data", "cause", "code"];

/** Tokens of a minute are none of a window: "Request too large for gpt-4o … on tokens per min (TPM)". */
const OF_RATES = /rate.?limit|per.?(?:min|day|hour)|\bTPM\b|\bTPD\b/i;
const NUMBER = "([\\d][\\d,_]{0,14})";

/** By service, as of 2026. Each is tried in turn; what matches says that it is one. */
const SIGNS: readonly RegExp[] = [
  /context[_ ]length[_ ]exceeded|maximum context length|max(?:imum)? prompt length|exceeds? (?:the )?context (?:window|limit|length)/i,
  /exceeds? the available context size|prompt is too long|input is too long|prompt too long|exceeded model token limit/i,
  /input token count.{0,40}exceeds|prompt token count.{0,40}exceeds|number of tokens in the prompt cannot exceed/i,
  /(?:exceeds|longer than|larger than).{0,60}context (?:window|length|size)/i,
];

const SIZES: readonly RegExp[] = [
  // OpenAI, vLLM, DeepSeek, Groq, OpenRouter: "maximum context length is 128000 tokens"; "maximum context length (262144)"; xAI: "maximum prompt length is 131072".
  new RegExp(`maximum (?:context|prompt) length (?:is |of |\\()${NUMBER}`, "i"),
  // Mistral: "too large for model with 32768 maximum context length".
  new RegExp(`${NUMBER} maximum context length`, "i"),
  // Anthropic: "208310 tokens > 200000 maximum"; "exceed context limit: 199759 + 8192 > 200000".
  new RegExp(`> ?${NUMBER}`),
  // Gemini: "the maximum number of tokens allowed (1048576)".
  new RegExp(`maximum number of tokens allowed:? ?\\(?${NUMBER}`, "i"),
  // llama.cpp: "the available context size (4096 tokens)"; Kimi: "exceeded model token limit: 131072"; Copilot: "exceeds the limit of 128000".
  new RegExp(`context size \\(?${NUMBER}`, "i"),
  new RegExp(`token limit:? ${NUMBER}`, "i"),
  new RegExp(`exceeds the limit of ${NUMBER}`, "i"),
  // Cohere: "number of tokens in the prompt cannot exceed 4081".
  new RegExp(`cannot exceed ${NUMBER}`, "i"),
];

const SENT: readonly RegExp[] = [
  new RegExp(`\\(${NUMBER} in (?:the messages|your prompt)`, "i"),
  new RegExp(`messages resulted in ${NUMBER} tokens`, "i"),
  new RegExp(`prompt contains (?:at least )?${NUMBER}`, "i"),
  new RegExp(`request contains ${NUMBER}`, "i"),
  new RegExp(`${NUMBER} tokens > `, "i"),
  new RegExp(`context limit: ${NUMBER} \\+`, "i"),
  new RegExp(`token count (?:of |\\()${NUMBER}`, "i"),
  new RegExp(`input length \\(${NUMBER}`, "i"),
];

/** `undefined` for errors of other kinds. `error`: what a client threw, an answer's body, or its text. */
export function overflowOf(error: unknown): Overflow | undefined {
  const text = textsOf(error, DEPTH).join("\n").slice(0, LOOKED_AT);
  if (OF_RATES.test(text) || !SIGNS.some((sign) => sign.test(text))) return undefined;
  const sizeTokens = numberIn(text, SIZES);
  const sentTokens = numberIn(text, SENT);
  return {
    sizeTokens: sizeTokens !== undefined && sizeTokens >= LEAST_WINDOW && sizeTokens <= MOST_WINDOW ? sizeTokens : undefined,
    sentTokens: sentTokens !== undefined && sentTokens > 0 && sentTokens <= MOST_WINDOW ? sentTokens : undefined,
  };
}

function numberIn(text: string, looks: readonly RegExp[]): number | undefined {
  for (const look of looks) {
    const found = look.exec(text)?.[1];
    if (found !== undefined) return Number(found.replaceAll(/[,_]/g, ""));
  }
  return undefined;
}

function textsOf(error: unknown, depth: number): readonly string[] {
  if (typeof error === "string") return [error.slice(0, LOOKED_AT)];
  if (typeof error !== "object" || error === null || depth === 0) return [];
  return FIELDS.flatMap((field) => textsOf((error as Readonly<Record<string, unknown>>)[field], depth - 1));
}

/**
 * What is known of services beyond what their answers tell, with where it is known from. A service that is not here is one of which nothing is known.
 *
 * `sure`: it is in the service's own documentation; otherwise others found it.
 */
export interface Known {
  readonly service: string;
  readonly host: RegExp;
  /** Requests that a refused one takes of the quota of requests; `undefined` where nobody says. */
  readonly refusedTakes: number | undefined;
  /** Of output: what may come (`max_tokens`) is taken when it begins, and what was not used comes back or does not; or what came is taken when it came. */
  readonly outputTaken: "what-may-come" | "what-came";
  readonly sure: boolean;
  readonly source: string;
  readonly on: string;
}

export const KNOWN: readonly Known[] = [
  {
    service: "OpenAI",
    host: /(?:^|\.)api\.openai\.com$/,
    refusedTakes: 1,
    outputTaken: "what-may-come",
    sure: true,
    source: "https://platform.openai.com/docs/guides/rate-limits",
    on: "2026-11-23",
  },
  {
    service: "Azure OpenAI",
    host: /\.openai\.azure\.com$/,
    refusedTakes: undefined,
    outputTaken: "what-may-come",
    sure: false,
    source: "https://learn.microsoft.com/azure/ai-services/openai/how-to/quota",
    on: "2026-11-23",
  },
  {
    service: "Anthropic",
    host: /(?:^|\.)api\.anthropic\.com$/,
    refusedTakes: undefined,
    outputTaken: "what-came",
    sure: false,
    source: "https://tokenmix.ai/blog/claude-rate-exceeded-error-5-fixes-2026",
    on: "2026-06-04",
  },
];

export function knownOf(host: string): Known | undefined {
  return KNOWN.find((known) => known.host.test(host));
}

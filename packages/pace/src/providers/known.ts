/** What is known of services beyond what their answers tell, with where it is known from. A service that is not here is one of which nothing is known. */
export interface Known {
  readonly service: string;
  readonly host: RegExp;
  /** Requests that a refused one takes of the quota of requests. */
  readonly refusedTakes: number;
  readonly source: string;
  readonly on: string;
}

const KNOWN: readonly Known[] = [
  {
    service: "OpenAI",
    host: /(?:^|\.)api\.openai\.com$/,
    refusedTakes: 1,
    source: "https://platform.openai.com/docs/guides/rate-limits",
    on: "2026-11-23",
  },
];

export function knownOf(host: string): Known | undefined {
  return KNOWN.find((known) => known.host.test(host));
}

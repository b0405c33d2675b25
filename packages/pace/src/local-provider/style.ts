/** What the services that are played have in common, and where they differ. */
import type { Bucket } from "./bucket.ts";

/** What is asked of a model. */
export interface Question {
  readonly model: string;
  readonly inputTokens: number;
  /** The answer's words: each is a token. */
  readonly words: readonly string[];
  readonly isStream: boolean;
  /** OpenAI tells the usage of a stream only to those who ask for it. */
  readonly tellsUsage: boolean;
}

export interface Levels {
  readonly nowMs: number;
  /** Now, since 1970. */
  readonly dateMs: number;
  readonly requests: Bucket;
  readonly tokens: Bucket;
}

export type RefusalKind = "requests" | "tokens" | "spent" | "overloaded";

/** One part of a stream, or all of an answer that is none. */
export type Part = string;

export interface Style {
  /** The fields that tell the levels. */
  fields(levels: Levels): Readonly<Record<string, string>>;
  refusal(kind: RefusalKind, words: string): { readonly status: number; readonly body: unknown };
  whole(question: Question, id: string): unknown;
  /** The events of a stream: what comes before the words, one for each word, and what comes after. */
  stream(
    question: Question,
    id: string,
  ): { readonly before: readonly Part[]; readonly word: (word: string) => Part; readonly after: readonly Part[] };
}

export function event(data: unknown, name?: string): Part {
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return `${name === undefined ? "" : `event: ${name}\n`}data: ${text}\n\n`;
}

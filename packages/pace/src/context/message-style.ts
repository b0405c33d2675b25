/** How a client writes its messages: what the window must know of them to count, to shorten and to keep pairs together. One for each style, in `styles/`. */
import type { Media } from "./media.ts";
import type { TokenGuess } from "./token-guess.ts";

export type MessagePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "call"; readonly callId: string; readonly tool: string; readonly text: string }
  /** `text`: all of it that is text; `media`: all that is not. */
  | {
      readonly kind: "result";
      readonly callId: string;
      readonly tool: string | undefined;
      readonly text: string;
      readonly media?: readonly Media[];
    }
  /** Pictures and documents, which are `media`, and what the style does not know. `key` tells one from another. */
  | { readonly kind: "other"; readonly key: string; readonly guess: TokenGuess; readonly media?: Media };

export type MessageRole = "system" | "user" | "assistant" | "tool";

export interface MessageStyle<Message> {
  roleOf(message: Message): MessageRole;
  partsOf(message: Message): readonly MessagePart[];
  /** The same message, with other text as the text of that call's result. Its media stay, in their order. */
  withResult(message: Message, callId: string, text: string): Message;
  /** The same message, with these texts in the place of its media, as `partsOf` has them in order; without a text one stays. Where a style cannot, media stay for good. */
  withoutMedia?(message: Message, texts: readonly (string | undefined)[]): Message;
  /** What the user says. */
  userMessage(text: string): Message;
  /** All tokens of the input in what an answer tells of its use, those from a cache too; `undefined` where it does not. */
  inputTokensOf(usage: unknown): number | undefined;
}

/** As a table of a client's roles has it; who is not in it is the model. */
export function roleIn(roles: Readonly<Record<string, MessageRole>>, role: unknown): MessageRole {
  return typeof role === "string" && Object.hasOwn(roles, role) ? (roles[role] as MessageRole) : "assistant";
}

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  try {
    return JSON.stringify(value) ?? "";
  } catch {
    // No JSON, as what has itself in it: it cannot be sent so, which is for the client to say.
    return Object.prototype.toString.call(value);
  }
}

/** The sum of those that are numbers; `undefined` where the first is none. */
export function sumOf(usage: unknown, names: readonly string[]): number | undefined {
  if (!isFields(usage)) return undefined;
  const numbers = names.map((name) => usage[name]);
  if (typeof numbers[0] !== "number") return undefined;
  return numbers.reduce<number>((sum, number) => sum + (typeof number === "number" ? number : 0), 0);
}

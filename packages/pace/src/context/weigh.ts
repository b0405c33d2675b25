import { fingerprintOf } from "./fingerprint.ts";
import type { Weighed } from "./ledger.ts";
import type { MessagePart, MessageRole } from "./message-style.ts";
import { addGuesses, guessText, NO_TOKENS, type TokenGuess } from "./token-guess.ts";

/** What a message is known by, and what it may take. */
export function weighParts(role: MessageRole, parts: readonly MessagePart[]): Weighed {
  let guess: TokenGuess = NO_TOKENS;
  let told = `${role}`;
  for (const part of parts) {
    guess = addGuesses(guess, part.kind === "other" ? part.guess : guessText(part.text));
    if (part.kind === "call") guess = addGuesses(guess, guessText(part.tool));
    told += `\n${part.kind} ${part.kind === "other" ? part.key : `${"callId" in part ? part.callId : ""} ${part.text}`}`;
  }
  return { key: fingerprintOf(told), guess };
}

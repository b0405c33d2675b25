import { fingerprintOf } from "./fingerprint.ts";
import type { Weighed } from "./ledger.ts";
import type { MessagePart, MessageRole } from "./message-style.ts";
import type { LookAtText } from "./text-looks.ts";
import { addGuesses, NO_TOKENS, type TokenGuess } from "./token-guess.ts";

/** What a message is known by, and what it may take. */
export function weighParts(role: MessageRole, parts: readonly MessagePart[], lookAt: LookAtText): Weighed {
  let guess: TokenGuess = NO_TOKENS;
  let told: string = role;
  for (const part of parts) {
    const look = lookAt(part.kind === "other" ? part.key : part.text);
    guess = addGuesses(guess, part.kind === "other" ? part.guess : look.guess);
    if (part.kind === "result")
      for (const media of part.media ?? []) {
        guess = addGuesses(guess, media.guess);
        told += `\n${fingerprintOf(media.key)}`;
      }
    if (part.kind === "call") guess = addGuesses(guess, lookAt(part.tool).guess);
    told += `\n${part.kind} ${"callId" in part ? part.callId : ""} ${look.fingerprint}`;
  }
  return { key: fingerprintOf(told), guess };
}

/** What it brings to take something out of a message. */
import type { Measures } from "./compaction.ts";
import { guessText, sumOfGuess, type TokenGuess } from "./token-guess.ts";

/** Of what is taken away, as the ledger counts what nobody told alone. */
const COUNTED = 0.8;

/** How many tokens less the message takes, at least, where of its `own` these texts are shown in the place. */
export function gainOf<Message>(
  message: Message,
  own: TokenGuess,
  shown: readonly string[],
  { ledger, calibration, weigh }: Pick<Measures<Message>, "ledger" | "calibration" | "weigh">,
): number {
  const whole = weigh(message);
  const share = Math.min(1, sumOfGuess(own) / Math.max(1, sumOfGuess(whole.guess)));
  return ledger.tokensOf(whole) * share * COUNTED - shown.reduce((sum, text) => sum + calibration.most(guessText(text)), 0);
}

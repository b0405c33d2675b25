/**
 * Answers of before for questions that are the same: the same operation, request and scope, to the letter. Work that does something is never answered so. Only results of which nothing was lost are kept, so many and
 * for so long, and how old one is, is said.
 */

import { checkNames, checkNumber, checkWhole } from "../argument.ts";
import type { Clock } from "../host/clock.ts";
import { systemClock } from "../host/node/clock.ts";
import type { Step } from "../ladder/step.ts";
import { held } from "./held-result.ts";
import { stableText } from "./json.ts";
import type { Strategy, Work } from "./strategy.ts";

export interface AnswerCacheSettings {
  readonly from?: Step | undefined;
  /** Answers that are kept: 256 unless said, of at most 100,000 characters each. */
  readonly most?: number | undefined;
  /** How old one may be: five minutes unless said. */
  readonly freshMs?: number | undefined;
}

const MOST = 256;
const FRESH_MS = 5 * 60_000;
/** Longer questions seldom come again. */
const MOST_KEY_CHARACTERS = 200_000;

interface Kept {
  readonly atMs: number;
  readonly give: () => unknown;
}

/** Throws `bad-argument`. */
export function answerCache(settings: AnswerCacheSettings = {}, clock: Clock = systemClock): Strategy {
  checkNames("answerCache", settings, ["from", "most", "freshMs"]);
  const { from = "saving", most = MOST, freshMs = FRESH_MS } = settings;
  checkWhole("most", most, 1);
  checkNumber("freshMs", freshMs, 0);
  // bound: most
  const answers = new Map<string, Kept>();
  return {
    name: "cache",
    from,
    lessen: (work) => {
      if (!work.isQuestion) return undefined;
      const found = answers.get(keyOf(work) ?? "");
      const ageMs = found === undefined ? 0 : clock.now() - found.atMs;
      if (found === undefined || ageMs > freshMs) return undefined;
      return { kind: "answer", result: found.give(), lost: `an answer that is ${Math.round(ageMs / 1000)} s old` };
    },
    answered: (work, result) => {
      const key = work.isQuestion ? keyOf(work) : undefined;
      if (key === undefined) return;
      const atMs = clock.now();
      void held(result).then((give) => {
        if (give === undefined) return;
        answers.delete(key);
        answers.set(key, { atMs, give });
        if (answers.size > most) answers.delete(answers.keys().next().value as string);
      });
    },
  };
}

function keyOf({ operation, scope, request }: Pick<Work, "operation" | "scope" | "request">): string | undefined {
  try {
    const key = stableText([scope, operation, request]);
    return key.length <= MOST_KEY_CHARACTERS ? key : undefined;
  } catch {
    // It has itself in it.
    return undefined;
  }
}

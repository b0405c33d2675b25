/**
 * What calls of models cost in dollars, by the prices that their owner named.
 *
 * A model without a price cannot be held to a budget of dollars: nothing can be reserved of it before its answers come, and most services tell no dollars with them. Such
 * a call is refused where such a budget is: who set one would learn of what was spent beside it from the bill. Where the model shows only by the answer, as of a question
 * that is a stream, it is too late for that, and it is told. Each model is told of once.
 */
import { PaceError } from "../error.ts";
import type { Cost } from "../quota/reading.ts";
import { type Prices, priceOf, usdOfGuess, usdOfUsage } from "./prices.ts";
import { costOfSaid, costOfUsage, type Said, type Usage } from "./usage.ts";

export interface Dollars {
  /** With its dollars, where the model has a price. */
  guessed(cost: Cost, model: string | undefined): Cost;
  /** What it took; with its dollars, where the service tells them or the model has a price. */
  taken(usage: Usage, model: string | undefined): Cost;
  /** The same where no usage was told: of what the answer says. `guess`: what was sent is of it. */
  said(said: Said, guess: Cost, model: string | undefined): Cost;
  /** Of a call of which a budget in dollars has to count. Throws `bad-argument`, and tells it, where it is of a model without a price. */
  checkGuess(guess: Cost, model: string | undefined): void;
  /** The same of work that is no `fetch`: one that names its model says what it takes of it. */
  checkWork(guess: Cost, model: string | undefined): void;
  /** The same of what it took: it is told. */
  lookAtTaken(taken: Cost, model: string | undefined): void;
}

const TOKENS = ["input-tokens", "output-tokens", "tokens"] as const;
/** Whether it says what it takes of a model. */
export function isOfTokens(cost: Cost): boolean {
  return TOKENS.some((unit) => cost[unit] !== undefined);
}

/** Whoever calls chooses the names. */
const MOST_TOLD = 100;
const MOST_NAME_CHARACTERS = 100;

export function createDollars(prices: Prices, tell: (error: PaceError) => void): Dollars {
  // bound: MOST_TOLD.
  const told = new Set<string>();
  const tellOnce = (name: string, error: PaceError): void => {
    if (told.has(name) || told.size >= MOST_TOLD) return;
    told.add(name);
    tell(error);
  };
  const missing = (model = ""): PaceError => {
    const name = model.slice(0, MOST_NAME_CHARACTERS);
    const [who, priced] =
      name === ""
        ? ["a model that neither its call nor its answer names", "name it, of work that is no fetch by run(…, { model }); or "]
        : [
            `the model "${name}"`,
            `name it in the policy (of the proxy: in the file of --policy), prices: { "${name}": { inputUsdPerMillion: …, outputUsdPerMillion: … } }, 0 where it costs nothing; or, in a program, `,
          ];
    const error = new PaceError(
      "bad-argument",
      `${who} has no price, and a quota of the policy counts dollars`,
      `To have it counted, ${priced}say what a call of it takes: with({ cost: { usd: … } }).`,
    );
    tellOnce(name, error);
    return error;
  };
  /** Neither before its call nor by its answer, as far as that is for the model to say. */
  const uncounted = (model: string): PaceError => {
    const error = new PaceError(
      "bad-argument",
      `a quota of the policy counts dollars, and what work of the model "${model.slice(0, MOST_NAME_CHARACTERS)}" takes is not said by input and output`,
      'Say both, in guess as in what is told: { "input-tokens": …, "output-tokens": … }.',
    );
    tellOnce(`${model.slice(0, MOST_NAME_CHARACTERS)} `, error);
    return error;
  };
  const unpriced = (model: string | undefined): PaceError =>
    model === undefined || priceOf(prices, model) === undefined ? missing(model) : uncounted(model);
  return {
    guessed: (cost, model) => {
      const price = priceOf(prices, model);
      const isTokens = cost["input-tokens"] !== undefined || cost["output-tokens"] !== undefined;
      return price === undefined || !isTokens ? cost : { ...cost, usd: usdOfGuess(cost, price) };
    },
    taken: (usage, model) => costOfUsage(usage, usdOfUsage(usage, priceOf(prices, usage.model) ?? priceOf(prices, model))),
    said: (said, guess, model) => costOfSaid(said, guess, priceOf(prices, said.model) ?? priceOf(prices, model)),
    checkGuess: (guess, model) => {
      if (guess.usd === undefined && isOfTokens(guess)) throw unpriced(model);
    },
    checkWork: (guess, model) => {
      if (guess.usd === undefined && (isOfTokens(guess) || model !== undefined)) throw unpriced(model);
    },
    lookAtTaken: (taken, model) => {
      if (taken.usd === undefined) unpriced(model);
    },
  };
}

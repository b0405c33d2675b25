/**
 * A cheaper model, where it is cheaper: one that has not seen the prompt reads all of it anew, at the full price, while the one that has seen it reads what its cache holds
 * for a tenth. Without prices it is taken anyway, and what the cache loses is said.
 */

import { checkNames, checkNumber, checkObject, checkText } from "../argument.ts";
import { PaceError } from "../error.ts";
import type { Step } from "../ladder/step.ts";
import { type ModelCall, modelCallOf } from "./model-call.ts";
import type { Strategy } from "./strategy.ts";

/** Of a million tokens. */
export interface ModelPrice {
  readonly inputUsd: number;
  /** Read from a prompt cache; `inputUsd` unless said. */
  readonly cachedInputUsd?: number | undefined;
  readonly outputUsd: number;
}

export interface CheaperModelSettings {
  readonly from?: Step | undefined;
  /** By the name of a model the one below it; in an emergency the one below that, where there is one. */
  readonly models: Readonly<Record<string, string>>;
  readonly prices?: Readonly<Record<string, ModelPrice>> | undefined;
}

const PRICE_NAMES = ["inputUsd", "cachedInputUsd", "outputUsd"] as const;
const CHARACTERS_PER_TOKEN = 4;
/** What is answered where nothing limits it. */
const USUAL_OUTPUT = 1000;

/** Throws `bad-argument`. */
export function cheaperModel(settings: CheaperModelSettings): Strategy {
  checkNames("cheaperModel", settings, ["from", "models", "prices"]);
  const { from = "saving", models, prices = {} } = settings;
  checkObject("models of cheaperModel", models, '{ large: "small" }');
  checkObject("prices of cheaperModel", prices, "{ large: { inputUsd: 3, outputUsd: 15 } }");
  for (const [model, other] of Object.entries(models)) {
    checkText(`what is below "${model}"`, other);
    if (model === other) throw new PaceError("bad-argument", `"${model}" is cheaper than itself`, "Name another model, or leave it out.");
  }
  for (const [model, price] of Object.entries(prices)) {
    checkNames(`the price of "${model}"`, price, PRICE_NAMES);
    for (const name of PRICE_NAMES)
      if (price[name] !== undefined || name !== "cachedInputUsd") checkNumber(`${name} of ${model}`, price[name], 0);
  }

  const below = (model: string): string | undefined => (Object.hasOwn(models, model) ? models[model] : undefined);
  const isDearer = (call: ModelCall, model: string, other: string): boolean => {
    const [stays, goes] = [prices[model], prices[other]];
    return stays !== undefined && goes !== undefined && costOf(call, goes, 0) >= costOf(call, stays, call.cachedCharacters);
  };

  return {
    name: "cheaper model",
    from,
    lessen: ({ request, shortage }) => {
      const call = modelCallOf(request);
      const model = call?.model;
      const next = model === undefined ? undefined : below(model);
      if (call === undefined || model === undefined || next === undefined) return undefined;
      const lowest = shortage.step === "emergency" ? below(next) : undefined;
      const other = [lowest, next].find((one) => one !== undefined && one !== model && !isDearer(call, model, one));
      if (other === undefined) return undefined;
      const cached = Math.round(call.cachedCharacters / CHARACTERS_PER_TOKEN);
      const anew = cached > 0 ? `, which reads about ${cached} tokens anew that a cache held` : "";
      return { kind: "request", request: call.with({ model: other }), lost: `an answer of ${other} instead of ${model}${anew}` };
    },
  };
}

function costOf({ characters, mostOutput = USUAL_OUTPUT }: ModelCall, price: ModelPrice, cachedCharacters: number): number {
  const fresh = (characters - cachedCharacters) / CHARACTERS_PER_TOKEN;
  const cached = cachedCharacters / CHARACTERS_PER_TOKEN;
  return fresh * price.inputUsd + cached * (price.cachedInputUsd ?? price.inputUsd) + mostOutput * price.outputUsd;
}

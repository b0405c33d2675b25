/** What tokens cost, as their user says: prices change, and none are built in. */
import { bad, checkNames, checkObject, shown } from "../argument.ts";
import type { Cost } from "../quota/reading.ts";
import type { Usage } from "./usage.ts";

/** Dollars for a million tokens. */
export interface Price {
  readonly inputUsdPerMillion: number;
  readonly outputUsdPerMillion: number;
  /** Of what was read from the service's cache; as other input unless said. */
  readonly cachedInputUsdPerMillion?: number | undefined;
  /** Of what was written to it; as other input unless said. */
  readonly cacheWriteUsdPerMillion?: number | undefined;
}

/** By the model as it is named in requests. A price holds for dated ones too: that of "gpt-4o" for "openai/gpt-4o-2024-08-06", and not for "gpt-4o-mini". */
export type Prices = Readonly<Record<string, Price>>;

const FIELDS = ["inputUsdPerMillion", "outputUsdPerMillion", "cachedInputUsdPerMillion", "cacheWriteUsdPerMillion"];
const DATED = /(?:-\d{4}-\d{2}-\d{2}|-\d{8}|-latest|@[\w.-]{1,20}|-v\d{1,2}(?::\d{1,2})?)$/;
const MILLION = 1e6;

/** Throws `bad-argument` for what is no price. */
export function checkPrices(prices: Prices): void {
  checkObject("prices", prices, "{ large: { inputUsdPerMillion: 3, outputUsdPerMillion: 15 } }");
  for (const [model, price] of Object.entries(prices)) {
    checkNames(`the price of "${model}"`, price, FIELDS);
    for (const [field, usd] of Object.entries(price))
      if (usd !== undefined && !(typeof usd === "number" && usd >= 0 && Number.isFinite(usd)))
        throw bad(`${field} of "${model}" is ${shown(usd)}`, "Dollars for a million tokens, zero or more.");
    if (price.inputUsdPerMillion === undefined || price.outputUsdPerMillion === undefined)
      throw bad(`the price of "${model}" is not whole`, "It has inputUsdPerMillion and outputUsdPerMillion.");
  }
}

export function priceOf(prices: Prices, model: string | undefined): Price | undefined {
  if (model === undefined) return undefined;
  for (const name of [model, model.slice(model.lastIndexOf("/") + 1)])
    for (const one of [name, name.replace(DATED, "")]) if (Object.hasOwn(prices, one)) return prices[one];
  return undefined;
}

/** What it cost: as the service says, or by its price. */
export function usdOfUsage(usage: Usage, price: Price | undefined): number | undefined {
  if (usage.usd !== undefined || price === undefined) return usage.usd;
  const {
    inputUsdPerMillion: input,
    outputUsdPerMillion: output,
    cachedInputUsdPerMillion = input,
    cacheWriteUsdPerMillion = input,
  } = price;
  const millionths =
    usage.inputTokens * input + usage.cachedTokens * cachedInputUsdPerMillion + usage.cacheWrittenTokens * cacheWriteUsdPerMillion;
  return (millionths + usage.outputTokens * output) / MILLION;
}

/** What it will cost, by a guess of its tokens. */
export function usdOfGuess(cost: Cost, price: Price): number {
  return ((cost["input-tokens"] ?? 0) * price.inputUsdPerMillion + (cost["output-tokens"] ?? 0) * price.outputUsdPerMillion) / MILLION;
}

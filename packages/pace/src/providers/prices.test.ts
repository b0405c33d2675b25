import { describe, expect, it } from "vitest";
import { isPaceError } from "../error.ts";
import { checkPrices, type Price, priceOf, usdOfGuess, usdOfUsage } from "./prices.ts";
import type { Usage } from "./usage.ts";

const PRICE: Price = { inputUsdPerMillion: 3, outputUsdPerMillion: 15, cachedInputUsdPerMillion: 0.3, cacheWriteUsdPerMillion: 3.75 };
const USAGE: Usage = {
  model: "m",
  inputTokens: 1000,
  cachedTokens: 10_000,
  cacheWrittenTokens: 2000,
  outputTokens: 500,
  countsCached: false,
  usd: undefined,
};

describe("what a call costs", () => {
  it("is the sum of its tokens, each by its price", () => {
    expect(usdOfUsage(USAGE, PRICE)).toBeCloseTo(0.003 + 0.003 + 0.0075 + 0.0075, 12);
    expect(usdOfUsage(USAGE, { inputUsdPerMillion: 3, outputUsdPerMillion: 15 })).toBeCloseTo(0.0465, 12);
    expect(usdOfGuess({ requests: 1, "input-tokens": 1000, "output-tokens": 1000, tokens: 2000 }, PRICE)).toBeCloseTo(0.018, 12);
  });

  it("is what the service says where it does", () => {
    expect(usdOfUsage({ ...USAGE, usd: 0.5 }, PRICE)).toBe(0.5);
  });

  it("is not known of a model without a price", () => {
    expect(usdOfUsage(USAGE, undefined)).toBe(undefined);
  });
});

describe("whose price it is", () => {
  const prices = { "gpt-4o": PRICE, "gpt-4o-mini": { ...PRICE, inputUsdPerMillion: 1 } };
  it.each([
    ["gpt-4o", 3],
    ["gpt-4o-2024-08-06", 3],
    ["openai/gpt-4o", 3],
    ["gpt-4o-mini-2024-07-18", 1],
    ["gpt-4o-audio", undefined],
    ["gpt-4", undefined],
    [undefined, undefined],
  ])("of %s", (model, input) => {
    expect(priceOf(prices, model)?.inputUsdPerMillion).toBe(input);
  });

  it("of a model that is named as what every object has", () => {
    expect(priceOf(prices, "toString")).toBe(undefined);
  });
});

it.each([
  [{ inputUsdPerMillion: -1, outputUsdPerMillion: 1 }],
  [{ inputUsdPerMillion: Number.NaN, outputUsdPerMillion: 1 }],
  [{ inputUsdPerMillion: 1 }],
  [{ inputUsdPerMillion: 1, outputUsdPerMillion: 1, input: 2 }],
])("%j is no price", (price) => {
  let thrown: unknown;
  try {
    checkPrices({ m: price as Price });
  } catch (error) {
    thrown = error;
  }
  expect(isPaceError(thrown) && thrown.code).toBe("bad-argument");
});

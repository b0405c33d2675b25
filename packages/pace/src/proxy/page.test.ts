import { createContext, runInContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { amountText, spanText, windowText } from "../monitor/quantity.ts";
import { PAGE, PAGE_SCRIPT } from "./page.ts";

describe("the live page", () => {
  it("writes quantities as the monitor does", () => {
    const document = { querySelector: () => ({}), createElement: () => ({ append: () => undefined, style: {} }) };
    const context = createContext({ document, fetch: () => new Promise(() => undefined), setTimeout: () => 0 });
    const said = runInContext(`${PAGE_SCRIPT}; ({ amount, span, windowText })`, context) as Record<string, (value: number) => string>;
    const values = [
      0, 1e-17, 0.000_04, 0.000_42, 0.0123, 0.25, 0.996, 9.94, 20.7, 9999, 24_500, 99_999, 200_000, 999_999, 1_500_000, 60_000, 90_000,
      3_600_000, 86_400_000, 259_200_000,
    ];
    for (const value of values) {
      expect(said["amount"]?.(value)).toBe(amountText(value));
      expect(said["span"]?.(value)).toBe(spanText(value));
      expect(said["windowText"]?.(value)).toBe(windowText(value));
    }
  });

  it("asks nobody but the proxy, and writes names of others as text alone", () => {
    expect(PAGE).not.toMatch(/https?:\/\//);
    expect(PAGE_SCRIPT).not.toMatch(/innerHTML|insertAdjacentHTML|document\.write|eval/);
  });
});

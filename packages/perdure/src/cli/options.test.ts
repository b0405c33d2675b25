import { expect, test } from "vitest";
import { patience } from "./options.ts";

test("a command that is killed after no time at all is refused", () => {
  expect([patience("1ms"), patience("15m")]).toEqual([1, 900_000]);
  for (const text of ["0s", "0.1ms", "0ms"]) expect(() => patience(text)).toThrow("more than nothing");
});

import { expect, test } from "vitest";
import { thisPage } from "./platform.ts";

test("what is no page of a browser is told so", () => {
  expect(() => thisPage()).toThrowError(
    expect.objectContaining({ code: "unsupported-platform", hint: expect.stringContaining("perdure") }),
  );
});

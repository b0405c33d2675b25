import { expect, it } from "vitest";
import { bareAddress } from "./bare-address.ts";

it.each([
  ["https://a.example/v1?key=sk", "https://a.example/v1"],
  ["https://name:sk@a.example/v1#sk", "https://a.example/v1"],
  ["name:sk@a.example", "a.example"],
  ["https://a.example/@me", "https://a.example/@me"],
  ["127.0.0.1:8790", "127.0.0.1:8790"],
  ["", ""],
])("%s is said again as %s", (given, expected) => {
  expect(bareAddress(given)).toBe(expected);
});

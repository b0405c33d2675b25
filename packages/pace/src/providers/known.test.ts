import { expect, it } from "vitest";
import { knownOf } from "./known.ts";

it.each([
  ["api.openai.com", "OpenAI"],
  ["eu.api.openai.com", "OpenAI"],
  ["mine.openai.azure.com", undefined],
  ["api.anthropic.com", undefined],
  ["api.openai.com.example.org", undefined],
  ["notapi.openai.com", undefined],
])("%s is known as %s", (host, service) => {
  expect(knownOf(host)?.service).toBe(service);
});

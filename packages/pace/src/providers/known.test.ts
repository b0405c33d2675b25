import { expect, it } from "vitest";
import { knownOf } from "./known.ts";

it.each([
  ["api.openai.com", "OpenAI"],
  ["eu.api.openai.com", "OpenAI"],
  ["mine.openai.azure.com", "Azure OpenAI"],
  ["api.anthropic.com", "Anthropic"],
  ["api.openai.com.example.org", undefined],
  ["notapi.anthropic.comx", undefined],
])("%s is known as %s", (host, service) => {
  expect(knownOf(host)?.service).toBe(service);
});

/**
 * Real clients from npm, each asking twenty questions at once of a provider on this machine that lets four a second in: alone, and at a pace.
 *
 *   npm install --prefix examples/pace/real-clients && npm start --prefix examples/pace/real-clients
 *
 * Exits with 1 where a question that went at a pace was not answered.
 */
import process from "node:process";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import Anthropic from "@anthropic-ai/sdk";
import { clientFetch, createPace, paced, paceMiddleware } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";
import { generateText, streamText, wrapLanguageModel } from "ai";
import OpenAI from "openai";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const QUESTIONS = 20;
const messages = [{ role: "user", content: "Tell me of the moon." }];
const apiKey = "any";

const PROVIDERS = {
  "levels are told": { tells: "levels" },
  "only refusals tell, and a twentieth is overloaded": { tells: "nothing", wait: "milliseconds", full: 0.004, overloaded: 0.05 },
};

async function collected(stream, textOf) {
  let text = "";
  for await (const piece of stream) text += textOf(piece) ?? "";
  return text;
}

/** Each gives the function that asks once; those named "alone" are here to compare. */
const CLIENTS = {
  "openai, alone": (url) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1` });
    return async () => (await client.chat.completions.create({ model: "m", messages })).choices[0].message.content;
  },
  openai: (url, pace) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, fetch: clientFetch(pace) });
    return async () => (await client.chat.completions.create({ model: "m", messages })).choices[0].message.content;
  },
  "openai, fetch: pace.fetch": (url, pace) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, fetch: pace.fetch, maxRetries: 0 });
    return async () => (await client.chat.completions.create({ model: "m", messages })).choices[0].message.content;
  },
  "openai, streams": (url, pace) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, fetch: clientFetch(pace) });
    return async () =>
      await collected(
        await client.chat.completions.create({ model: "m", messages, stream: true }),
        ({ choices }) => choices[0]?.delta.content,
      );
  },
  "openai, a class for each question": (url, pace) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, fetch: clientFetch(pace) });
    return async (nth) => {
      const headers = { "pace-class": nth % 2 === 0 ? "interactive" : "background", "pace-requester": `user ${nth % 3}` };
      return (await client.chat.completions.create({ model: "m", messages }, { headers })).choices[0].message.content;
    };
  },
  "openai, by paced": (url, pace) => {
    const client = new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 });
    return paced(pace, "openai", async () => (await client.chat.completions.create({ model: "m", messages })).choices[0].message.content);
  },
  "anthropic, alone": (url) => {
    const client = new Anthropic({ apiKey, baseURL: url });
    return async () => (await client.messages.create({ model: "m", max_tokens: 50, messages })).content[0].text;
  },
  anthropic: (url, pace) => {
    const client = new Anthropic({ apiKey, baseURL: url, fetch: clientFetch(pace) });
    return async () => (await client.messages.create({ model: "m", max_tokens: 50, messages })).content[0].text;
  },
  "anthropic, streams": (url, pace) => {
    const client = new Anthropic({ apiKey, baseURL: url, fetch: clientFetch(pace) });
    return async () => (await client.messages.stream({ model: "m", max_tokens: 50, messages }).finalMessage()).content[0].text;
  },
  "AI SDK, alone": (url) => {
    const openai = createOpenAI({ apiKey, baseURL: `${url}/v1` });
    return async () => (await generateText({ model: openai.chat("m"), messages })).text;
  },
  "AI SDK with openai": (url, pace) => {
    const openai = createOpenAI({ apiKey, baseURL: `${url}/v1`, fetch: clientFetch(pace) });
    return async () => (await generateText({ model: openai.chat("m"), messages, maxRetries: 0 })).text;
  },
  "AI SDK with openai, streams": (url, pace) => {
    const openai = createOpenAI({ apiKey, baseURL: `${url}/v1`, fetch: clientFetch(pace) });
    return async () => await collected(streamText({ model: openai.chat("m"), messages, maxRetries: 0 }).textStream, (text) => text);
  },
  "AI SDK with anthropic, a middleware": (url, pace) => {
    const anthropic = createAnthropic({ apiKey, baseURL: `${url}/v1` });
    const model = wrapLanguageModel({ model: anthropic("m"), middleware: paceMiddleware(pace) });
    return async () =>
      (await generateText({ model, messages, maxOutputTokens: 50, providerOptions: { pace: { class: "interactive" } } })).text;
  },
  "AI SDK with openai, a middleware, streams": (url, pace) => {
    const openai = createOpenAI({ apiKey, baseURL: `${url}/v1` });
    const model = wrapLanguageModel({ model: openai.chat("m"), middleware: paceMiddleware(pace) });
    return async () => await collected(streamText({ model, messages }).textStream, (text) => text);
  },
};

async function asked(name, make, settings) {
  await using provider = await startLocalProvider({
    requestsPerMinute: 240,
    tokensPerMinute: 1e6,
    full: 0.02,
    words: 5,
    wordMs: 2,
    ...settings,
  });
  using pace = createPace();
  const ask = make(provider.url, pace);
  const from = performance.now();
  const ends = await Promise.allSettled(Array.from({ length: QUESTIONS }, (_, nth) => ask(nth)));
  const answered = ends.filter(({ value }) => value?.includes("word5")).length;
  const { refused, overloaded } = provider.counts().get("m");
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  process.stdout.write(
    `${name.padEnd(42)} ${String(answered).padStart(2)} of ${QUESTIONS} answered, ${refused} refusals, ${overloaded} overloaded, ${seconds} s\n`,
  );
  const failed = ends.find(({ status }) => status === "rejected")?.reason;
  if (failed !== undefined) process.stdout.write(`    ${failed.name}: ${String(failed.message).slice(0, 100)}\n`);
  return answered === QUESTIONS || name.endsWith("alone");
}

/** Where the wait is three days a client is told at once, by its own error, and does not ask again by itself. */
async function givenUp() {
  await using provider = await startLocalProvider({ tells: "nothing", wait: "three-days", requestsPerMinute: 1, full: 1 });
  using pace = createPace();
  const client = new OpenAI({ apiKey, baseURL: `${provider.url}/v1`, fetch: clientFetch(pace) });
  const ask = () => client.chat.completions.create({ model: "m", messages });
  await ask();
  const errors = [await ask().catch((error) => error), await ask().catch((error) => error)];
  const { accepted, refused } = provider.counts().get("m");
  for (const { name, status, code, headers } of errors)
    process.stdout.write(
      `    ${name} ${status} ${code}, to be asked again in ${headers.get("retry-after")} s; pace-refused: ${headers.get("pace-refused")}\n`,
    );
  process.stdout.write(`a wait of three days: the service was asked ${accepted + refused} times for three questions\n`);
  return accepted + refused === 2;
}

let isWhole = true;
for (const [label, settings] of Object.entries(PROVIDERS)) {
  process.stdout.write(`\n${label}\n`);
  const all = await Promise.all(Object.entries(CLIENTS).map(([name, make]) => asked(name, make, settings)));
  isWhole &&= all.every(Boolean);
}
process.stdout.write("\n");
isWhole = (await givenUp()) && isWhole;
process.exitCode = isWhole ? 0 : 1;

/**
 * Forty questions at once to a service that lets five a second in: with fetch, with fetch and three tries, and with one line changed.
 *
 *   npm ci                            once, in the repository
 *   node examples/pace/one-line.js
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createPace } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const QUESTIONS = 40;

async function withTries(url, init) {
  for (let pauseMs = 500; ; pauseMs *= 2) {
    const answer = await fetch(url, init);
    if (answer.status !== 429 || pauseMs > 2000) return answer;
    await setTimeout(pauseMs);
  }
}

async function ask(name, fetch) {
  const provider = await startLocalProvider({ requestsPerMinute: 300, full: 0.02 });
  const from = performance.now();
  const answers = await Promise.all(
    Array.from({ length: QUESTIONS }, () =>
      fetch(`${provider.url}/v1/chat/completions`, {
        method: "POST",
        headers: { authorization: "Bearer any" },
        body: JSON.stringify({ model: "small", max_tokens: 10, messages: [{ role: "user", content: "How far is the moon?" }] }),
      }),
    ),
  );
  const seconds = ((performance.now() - from) / 1000).toFixed(1);
  const answered = answers.filter(({ status }) => status === 200).length;
  const { refused } = provider.counts().get("small");
  process.stdout.write(
    `${name.padEnd(22)} ${String(answered).padStart(2)} of ${QUESTIONS} answered, ${String(refused).padStart(3)} refusals, ${seconds} s\n`,
  );
  await provider[Symbol.asyncDispose]();
}

using pace = createPace();
await ask("fetch", fetch);
await ask("fetch and three tries", withTries);
await ask("pace.fetch", pace.fetch);

/**
 * Two cents a day, and not one more: what does not fit any more is known before it is asked.
 *
 *   npm ci                            once, in the repository
 *   node examples/pace/budget.js
 */
import process from "node:process";
import { createPace, isPaceError } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const DAY_MS = 86_400_000;
const provider = await startLocalProvider({ requestsPerMinute: 600, full: 1, tokensPerMinute: 1e6 });
using pace = createPace({
  quotas: { "*": [{ unit: "usd", limit: 0.02, windowMs: DAY_MS, shape: "window" }] },
  prices: { small: { inputUsdPerMillion: 10, outputUsdPerMillion: 50 } },
});

for (let nth = 1; ; nth++) {
  try {
    const answer = await pace.fetch(`${provider.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "small", max_tokens: 100, messages: [{ role: "user", content: "Tell me of the moon. ".repeat(20) }] }),
    });
    await answer.json();
    const { limit, used } = pace.gauges().find(({ unit }) => unit === "usd");
    process.stdout.write(`question ${nth}: ${answer.status}; ${(used * 100).toFixed(2)} of ${(limit * 100).toFixed(0)} cents are spent\n`);
  } catch (error) {
    if (!isPaceError(error)) throw error;
    const hours = ((error.availableInMs ?? 0) / 3_600_000).toFixed(1);
    process.stdout.write(`question ${nth}: ${error.code}, ${error.message}; there is money again in ${hours} hours. It was not asked.\n`);
    break;
  }
}
process.stdout.write(`the service was asked ${provider.counts().get("small").accepted} times\n`);
await provider[Symbol.asyncDispose]();

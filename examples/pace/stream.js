/**
 * Answers in streams, five at a time and more than the tokens of the minute let: words come when they come, and what they took is read on the way.
 *
 *   npm ci                            once, in the repository
 *   node examples/pace/stream.js
 */
import process from "node:process";
import { createPace } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const provider = await startLocalProvider({ requestsPerMinute: 600, tokensPerMinute: 6000, full: 0.02, words: 20, wordMs: 30 });
using pace = createPace(
  {},
  {
    watch: (event) => {
      if (event.kind === "used")
        process.stdout.write(`   used: ${event.used["input-tokens"]} tokens of input, ${event.used["output-tokens"]} of output\n`);
    },
  },
);

await Promise.all(
  Array.from({ length: 5 }, async (_, nth) => {
    const asked = performance.now();
    const answer = await pace.fetch(`${provider.url}/v1/chat/completions`, {
      method: "POST",
      body: JSON.stringify({
        model: "small",
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: 20,
        messages: [{ role: "user", content: "Tell me of the moon." }],
      }),
    });
    let first;
    let words = 0;
    for await (const piece of answer.body.pipeThrough(new TextDecoderStream())) {
      first ??= performance.now() - asked;
      words += piece.match(/word\d+/g)?.length ?? 0;
    }
    process.stdout.write(
      `answer ${nth + 1}: first piece after ${Math.round(first)} ms, ${words} words after ${Math.round(performance.now() - asked)} ms\n`,
    );
  }),
);
await provider[Symbol.asyncDispose]();

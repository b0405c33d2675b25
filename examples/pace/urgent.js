/**
 * A batch of sixty in the background, and somebody who asks something each second: how long does he wait?
 *
 *   npm ci                            once, in the repository
 *   node examples/pace/urgent.js
 */
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createPace } from "@perdure/pace";
import { startLocalProvider } from "@perdure/pace/local-provider";

// Who reads the first lines and goes away, as head does, has read enough.
process.stdout.on("error", ({ code }) => process.exit(code === "EPIPE" ? 0 : 1));

const provider = await startLocalProvider({ requestsPerMinute: 300, full: 0.02, tells: "levels" });
using pace = createPace();
const batch = pace.with({ class: "background", requester: "nightly report" });
const person = pace.with({ class: "interactive", deadlineMs: 5000 });

const ask = (fetch) =>
  fetch(`${provider.url}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "any" },
    body: JSON.stringify({ model: "small", max_tokens: 10, messages: [{ role: "user", content: "How far is the moon?" }] }),
  });

const from = performance.now();
let done = 0;
const all = Promise.all(
  Array.from({ length: 60 }, () =>
    ask(batch.fetch).then(() => {
      done++;
    }),
  ),
);
for (let nth = 1; nth <= 6; nth++) {
  await setTimeout(1000);
  const asked = performance.now();
  const { status } = await ask(person.fetch);
  const [{ waiting }] = pace.state().values();
  process.stdout.write(
    `second ${nth}: answered ${status} after ${Math.round(performance.now() - asked)} ms; of the batch ${done} are done, ${waiting} wait\n`,
  );
}
await all;
const { refused } = provider.counts().get("small");
process.stdout.write(`the batch took ${((performance.now() - from) / 1000).toFixed(1)} s; refusals: ${refused}\n`);
await provider[Symbol.asyncDispose]();

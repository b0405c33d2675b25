/**
 * A batch that is put off to the night, stops where the quota of a service is spent, and goes on where it was when there is some again:
 *
 *   node examples/nightly/nightly.js
 *
 * Stop it in the middle (Ctrl+C, or kill -9) and start it again: it goes on with the step where it was, and what was read is not read again. A report whose sending was cut off is sent
 * again under the same key, by which a service knows that it has it. Ours is a part of this program: it lets five calls in and then says 429 for ten seconds, and forgets the keys when the
 * program ends. Work is kept in the folder nightly-work, or where the environment variable NIGHTLY says. Run `npm ci` in the repository once before.
 */
import { createServer } from "node:http";
import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { createPace } from "@perdure/pace";
import { letIn, openWork, task } from "@perdure/pace/work";

/** Dates, not days of the week: a key names one piece of work until that is forgotten, and "report of Monday" would be last week's where that was missed. */
const DAYS = ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"];
const QUOTA = 5;
const WINDOW_MS = 10_000;
/** So long it is known what was done; a day unless said. Whoever starts this again within a month gets no report a second time. */
const KEEP_MS = 30 * 86_400_000;

const say = (line) => process.stdout.write(`${line}\n`);
const service = await startService();
const pace = createPace();
const work = await openWork(process.env.NIGHTLY ?? "nightly-work", {
  // In earnest it is { from: "22:00", to: "06:00", zone: "Europe/Berlin" }, and `room` tells how much more the quota has.
  offPeak: { from: "00:00", to: "23:59" },
  atOnce: 1,
  keepMs: KEEP_MS,
  tell: ({ key, state, result, reason }) => say(`  ${key}: ${state} ${result ?? reason ?? ""}`),
});

/** What comes too late is worth more as an error that says for how long than as an answer. */
async function ask(path, { signal, ...init }) {
  const answer = await letIn(await pace.with({ class: "background", deadlineMs: 2000 }).fetch(`${service}${path}`, { signal, ...init }));
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return await answer.text();
}

work.handle(
  "report",
  task({
    version: 1,
    steps: [
      { name: "read", run: ({ input, signal }) => ask(`/page/${input.day}`, { signal }) },
      { name: "summarise", run: ({ results, signal }) => ask(`/summary/${results.read.length}`, { signal }) },
      {
        name: "send",
        effect: "keyed",
        run: ({ results, key, signal }) =>
          ask("/report", { method: "POST", body: results.summarise, headers: { "Idempotency-Key": key }, signal }),
      },
    ],
  }),
);

for (const day of DAYS) {
  const { key, state } = await work.defer("report", { day }, { key: `report of ${day}`, deadlineMs: 12 * 3_600_000 });
  say(`${key}: ${state}`);
}
process.once("SIGINT", () => void end());

// Also where all of it was done when it was put off, as the second time that this is started: then nothing is told any more.
while (work.list("waiting").length + work.list("running").length > 0) await setTimeout(250);
await end();

async function end() {
  await work.close();
  pace.close();
  process.exit();
}

async function startService() {
  const reports = new Set();
  let calls = 0;
  let windowMs = 0;
  const server = createServer((request, response) => {
    if (Date.now() > windowMs + WINDOW_MS) [calls, windowMs] = [0, Date.now()];
    if (++calls > QUOTA) {
      const waitMs = windowMs + WINDOW_MS - Date.now();
      say(`  (the service lets nothing in for ${Math.ceil(waitMs / 1000)} s)`);
      return response.writeHead(429, { "Retry-After": Math.ceil(waitMs / 1000) }).end();
    }
    const key = request.headers["idempotency-key"];
    if (key !== undefined) reports.add(key);
    say(`  ${request.method} ${request.url}`);
    response.end(key === undefined ? `text of ${request.url}` : `report ${reports.size} of this service`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

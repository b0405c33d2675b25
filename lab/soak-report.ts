/** `npm run lab -- --days N`: a town for days, and what it took. */
import { parseArgs } from "node:util";
import { countText } from "../packages/perdure/src/cli/quantity.ts";
import { PerdureError } from "../packages/perdure/src/wire/error.ts";
import { wholeNumber } from "./command.ts";
import { createQuickHash } from "./quick-hash.ts";
import { MAX_AGENTS, MAX_RELAYS } from "./scenario.ts";
import { type Chapter, runSoak } from "./soak.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Runs it with these words, how many days first, tells how far it is on stderr, and gives the exit code. */
export async function soak(words: readonly string[], say: (line: string) => void): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "1" },
      relays: { type: "string", default: "5" },
      agents: { type: "string", default: "50" },
    },
  });
  const days = positive("days", positionals[0] ?? "");
  const seed = wholeNumber("seed", values.seed, 0);
  const relays = wholeNumber("relays", values.relays, 1, MAX_RELAYS);
  const agents = wholeNumber("agents", values.agents, 2, MAX_AGENTS);
  const begun = process.cpuUsage();
  const usedSeconds = (): number => {
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1_000_000;
  };
  const startBytes = process.memoryUsage.rss();
  let mostBytes = startBytes;
  let before = { events: 0, completed: 0, seconds: 0 };
  const progress = ({ virtualMs, events, counts, open }: Chapter): void => {
    const seconds = usedSeconds();
    const bytes = process.memoryUsage.rss();
    mostBytes = Math.max(mostBytes, bytes);
    const spent = seconds - before.seconds;
    process.stderr.write(
      `${(virtualMs / HOUR_MS).toFixed(1)} h of ${(days * 24).toFixed(1)}: ${counts.completed} messages, ${open} under way, ` +
        `${rate(events - before.events, spent)} events/s, ${rate(counts.completed - before.completed, spent)} messages/s, ${megabytes(bytes)}\n`,
    );
    before = { events, completed: counts.completed, seconds };
  };
  const result = await runSoak({
    seed,
    days,
    relays,
    agents,
    hash: createQuickHash(),
    progress,
  });
  const seconds = usedSeconds();
  const { counts, events, faults, virtualMs, historyHash, broken } = result;
  say(
    `${(virtualMs / DAY_MS).toFixed(2)} days, ${countText(relays, "relay")}, ${countText(agents, "agent")}, ${countText(faults, "fault")}, ${countText(counts.crashes, "crash", "crashes")}; ` +
      `${countText(counts.promised, "message")} promised, ${counts.completed} completed, ${counts.repeats} started again; history ${historyHash}`,
  );
  say(
    `${seconds.toFixed(1)} s of one core, ${rate(events, seconds)} events/s, ${rate(counts.completed, seconds)} messages/s; ` +
      `memory ${megabytes(startBytes)} at the start, ${megabytes(process.memoryUsage.rss())} at the end, ${megabytes(mostBytes)} at most`,
  );
  say(broken ?? "nothing broke");
  return broken === undefined ? 0 : 1;
}

function rate(count: number, seconds: number): string {
  return (seconds > 0 ? count / seconds : 0).toFixed(0);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new PerdureError("bad-argument", `--${name} is "${text}"`, { hint: "It takes a number above 0." });
  return value;
}

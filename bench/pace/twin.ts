/** The same in the machine's time: a service over HTTP and three processes of each contestant, beside what virtual time says of that trace. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { unitsOf } from "../../packages/pace/src/testing/traces.ts";
import type { ScenarioFigures } from "./contest.ts";
import type { Contestant } from "./contestant.ts";
import { jain, rounded } from "./figures.ts";
import type { MemberOrder, MemberSays } from "./http-member.ts";
import type { ServiceSays } from "./http-service.ts";
import { type Scenario, tellsLevels } from "./scenarios.ts";

export interface TwinFigures {
  readonly contestant: string;
  readonly goodput: number;
  readonly refusalsPerSuccess: number;
  readonly fairness: number;
  /** Of the seeds in virtual time. */
  readonly simulated: { readonly goodput: number; readonly least: number; readonly most: number; readonly refusalsPerSuccess: number };
  readonly difference: number;
}

/** Contestants that run beside each other, each with a service of its own: with more of them the machine is what is measured. */
const BESIDE = 4;

export async function playTwin(
  scenario: Scenario,
  contestants: readonly Contestant[],
  simulated: ScenarioFigures,
  say: (line: string) => void,
): Promise<readonly TwinFigures[]> {
  const meant = contestants.filter(({ needsLevels }) => needsLevels === undefined || tellsLevels(scenario));
  const found: TwinFigures[] = [];
  say(
    `${scenario.name} processes over HTTP, ${Math.ceil(meant.length / BESIDE) * (scenario.trace.endMs / 1000)} s: goodput and 429s each, by the seeds in virtual time`,
  );
  for (let at = 0; at < meant.length; at += BESIDE) {
    const some = await Promise.all(meant.slice(at, at + BESIDE).map((one) => playOne(scenario, one, simulated)));
    for (const { contestant, goodput, refusalsPerSuccess, simulated: said, difference } of some)
      say(
        `  ${contestant.padEnd(19)} ${goodput.toFixed(3)} ${refusalsPerSuccess.toFixed(3)}   virtual ${said.goodput.toFixed(3)} (${said.least.toFixed(3)} to ${said.most.toFixed(3)}) ${said.refusalsPerSuccess.toFixed(3)}   ${difference > 0 ? "+" : ""}${difference.toFixed(3)}`,
      );
    found.push(...some);
  }
  return found;
}

async function playOne(scenario: Scenario, { name }: Contestant, simulated: ScenarioFigures): Promise<TwinFigures> {
  const children: ChildProcess[] = [];
  const start = (file: string, ...words: readonly string[]): ChildProcess => {
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), words, { execArgv: [] });
    children.push(child);
    return child;
  };
  try {
    const service = start("http-service.ts", scenario.name);
    const first = (await answerOf(service)) as Extract<ServiceSays, { port: number }>;
    const order: MemberOrder = { contestant: name, scenario: scenario.name, address: `http://127.0.0.1:${first.port}/` };
    const members = Array.from({ length: scenario.instances }, () => start("http-member.ts"));
    await Promise.all(members.map((member) => answerOf(member)));
    const said = (await Promise.all(members.map((member) => answerOf(member, order)))) as readonly MemberSays[];
    const { accepted, refused } = (await answerOf(service, "how many")) as Extract<ServiceSays, { accepted: number }>;
    const done = said.map((one) => one.done);
    const goodput = done.reduce((sum, one) => sum + one, 0) / unitsOf(scenario.trace, 0, scenario.trace.endMs);
    const row = simulated.rows.find(({ contestant }) => contestant === name);
    const virtual = row?.figures.goodput?.median ?? Number.NaN;
    const goodputs = row?.goodputs ?? [];
    return {
      contestant: name,
      goodput: rounded(goodput),
      refusalsPerSuccess: rounded(refused / Math.max(1, accepted)),
      fairness: rounded(jain(done)),
      simulated: {
        goodput: virtual,
        least: Math.min(...goodputs),
        most: Math.max(...goodputs),
        refusalsPerSuccess: row?.figures.refusalsPerSuccess?.median ?? Number.NaN,
      },
      difference: rounded(goodput - virtual),
    };
  } finally {
    for (const child of children) child.kill();
  }
}

/** What a process says next, after it was told something. */
async function answerOf(child: ChildProcess, told?: MemberOrder | string): Promise<unknown> {
  const ended = new AbortController();
  try {
    const gone = once(child, "exit", { signal: ended.signal }).then(([code]) => {
      throw new Error(`a process of the twin ended with ${code}`);
    });
    const said = once(child, "message", { signal: ended.signal });
    if (told !== undefined) child.send(told);
    const [words] = (await Promise.race([said, gone])) as [unknown];
    return words;
  } finally {
    ended.abort();
  }
}

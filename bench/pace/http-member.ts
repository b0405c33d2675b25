/** A process of a contestant in the twin: says that it is ready, is told what to do, and keeps its backlog going against a service over HTTP until it is told to tell what came of it. */
import process from "node:process";
import { createPace } from "../../packages/pace/src/pace.ts";
import { type Answer, ATTEMPTS, type Client, type Contestant, isRefusal, type Job } from "./contestant.ts";
import { CONTESTANTS, OURS } from "./contestants.ts";
import { scenarioNamed } from "./scenarios.ts";

export interface MemberOrder {
  readonly contestant: string;
  readonly scenario: string;
  readonly address: string;
}

export interface MemberSays {
  readonly done: number;
  readonly failed: number;
}

const AFTER_FAILURE_MS = 1000;

/** Ours is its `fetch`, in the place of the machine's. */
async function clientOf(contestant: Contestant, { scenario, address }: MemberOrder): Promise<Client> {
  const { trace, instances } = scenarioNamed(scenario);
  if (contestant.name !== OURS) return await contestant.open({ perSecond: trace.perSecond(0), instances });
  const pace = createPace({ attempts: ATTEMPTS });
  return {
    do: async ({ deadlineMs }) => {
      try {
        const answer = await pace.with({ deadlineMs }).fetch(address);
        await answer.text();
        return isRefusal(answer) ? "given-up" : "done";
      } catch {
        return "given-up";
      }
    },
  };
}

async function take(order: MemberOrder): Promise<void> {
  const contestant = CONTESTANTS.find(({ name }) => name === order.contestant);
  const { trace, work } = scenarioNamed(order.scenario);
  const backlog = work.find((kind) => kind.kind === "backlog");
  if (contestant === undefined || backlog === undefined) throw new Error(`there is no ${order.contestant}, or no backlog`);
  const client = await clientOf(contestant, order);
  const endMs = performance.now() + trace.endMs;
  let [done, failed] = [0, 0];
  const ask = async (): Promise<Answer> => {
    const answer = await fetch(order.address);
    // Whoever does not read a body holds its connection.
    await answer.text();
    return answer;
  };
  const job: Job = { class: backlog.class, requester: backlog.requester, deadlineMs: backlog.deadlineMs, ask };
  const followed = async (): Promise<void> => {
    for (;;) {
      const end = await client.do(job);
      if (performance.now() > endMs) return;
      if (end === "done") done++;
      else {
        failed++;
        await new Promise((resolve) => setTimeout(resolve, AFTER_FAILURE_MS));
      }
    }
  };
  const failures: unknown[] = [];
  for (let nth = 0; nth < backlog.waiting; nth++) followed().catch((error) => failures.push(error));
  await new Promise((resolve) => setTimeout(resolve, trace.endMs));
  if (failures.length > 0) throw failures[0];
  process.send?.({ done, failed } satisfies MemberSays, () => process.exit(0));
}

// All begin together, however long it took to start each.
process.send?.("ready");
process.once("message", (order: MemberOrder) => {
  void take(order);
});

/** Plays one scenario with one contestant, in virtual time. */
import { seededRandom } from "../../packages/pace/src/testing/draws.ts";
import { createProvider, PROVIDER_SETTINGS, type ProviderAnswer } from "../../packages/pace/src/testing/provider.ts";
import { unitsOf } from "../../packages/pace/src/testing/traces.ts";
import type { Answer, Client, Contestant, Job, JobEnd } from "./contestant.ts";
import type { Figures } from "./figures.ts";
import { createLedger, type Optimum, RECOVERY_MS } from "./ledger.ts";
import { mostInTime } from "./optimum.ts";
import type { Scenario } from "./scenarios.ts";
import type { VirtualGlobals } from "./virtual-globals.ts";
import type { Arrivals, Backlog } from "./work.ts";

/** Processes do not begin in the same moment. */
const FIRST_WITHIN_MS = 500;
/** Who could not do a job looks at the next one a little later, and does not run through all of them. */
const AFTER_FAILURE_MS = 1000;
/** The longest answer of a service that is not slow: who may leave at his deadline has it so much later. */
const GRACE_MS = 1000;
/** What a service does with a call, and when calls come, is of streams of chance of their own: the same for all contestants. */
const SERVICE_SEED = 0x5e51;
const WORK_SEED = 0x3037;

export async function play(scenario: Scenario, contestant: Contestant, seed: number, globals: VirtualGlobals): Promise<Figures> {
  const { trace, instances, service: settings, work, foreign, troubledMs } = scenario;
  const time = globals.begin(seed);
  const service = createProvider(time, seededRandom(seed ^ SERVICE_SEED), { perSecond: trace.perSecond, ...settings });
  const random = seededRandom(seed ^ WORK_SEED);
  const ledger = createLedger({ instances, endMs: trace.endMs, graceMs: GRACE_MS, ...(troubledMs === undefined ? {} : { troubledMs }) });

  const begin = async (client: Client, instance: number, kind: Backlog | Arrivals): Promise<JobEnd> => {
    const beganMs = time.now();
    let attempts = 0;
    const job: Job = {
      class: kind.class,
      requester: kind.requester,
      deadlineMs: kind.deadlineMs,
      ask: () =>
        new Promise((resolve) => {
          ledger.attempted(time.now(), ++attempts);
          service.ask(1, (answer) => {
            ledger.answered(answer.status);
            resolve(seen(answer));
          });
        }),
    };
    const end = await client.do(job);
    ledger.ended(time.now(), instance, job, beganMs, end);
    return end;
  };
  const followed = async (client: Client, instance: number, kind: Backlog): Promise<void> => {
    for (;;)
      if ((await begin(client, instance, kind)) !== "done")
        await new Promise<void>((resolve) => void time.wake(time.now() + AFTER_FAILURE_MS, resolve));
  };

  const known = { perSecond: trace.perSecond(0), instances };
  const arrivals = work.filter((kind) => kind.kind === "arrivals").map((kind) => ({ kind, atMs: kind.atMs(random, trace.endMs) }));
  const clients: Promise<Client>[] = [];
  const failures: unknown[] = [];
  const failed = (error: unknown): void => void failures.push(error);
  for (let instance = 0; instance < instances; instance++) {
    const opens = contestant.open(known);
    clients.push(opens);
    const atMs = random() * FIRST_WITHIN_MS;
    time.wake(atMs, () => {
      for (const kind of work)
        if (kind.kind === "backlog")
          for (let nth = 0; nth < kind.waiting; nth++) opens.then((client) => followed(client, instance, kind)).catch(failed);
    });
  }
  for (const { kind, atMs } of arrivals)
    for (const at of atMs) {
      const instance = Math.floor(random() * instances);
      time.wake(at, () => void clients[instance]?.then((client) => begin(client, instance, kind)).catch(failed));
    }

  const other = { asked: 0, got: 0 };
  if (foreign !== undefined) {
    for (let at = 0; at < trace.endMs; at += 1000) {
      const count = foreign(at);
      for (let nth = 0; nth < count; nth++)
        time.wake(at + random() * 1000, () => {
          other.asked++;
          service.ask(1, ({ status }) => {
            if (status === 200) other.got++;
          });
        });
    }
  }

  await Promise.all(clients);
  await globals.run(trace.endMs);
  if (failures.length > 0) throw failures[0];
  const optimum = optimumOf(
    scenario,
    arrivals.flatMap(({ kind, atMs }) => atMs.map((at) => ({ atMs: at, untilMs: at + kind.deadlineMs }))),
  );
  return ledger.figures(optimum, other);
}

/** Of a backlog all that is let in but what another asks for; of arrivals what can be done in time. */
function optimumOf({ trace, service, work, foreign, troubledMs }: Scenario, wishes: readonly { atMs: number; untilMs: number }[]): Optimum {
  const ours = { ...trace, perSecond: (nowMs: number) => trace.perSecond(nowMs) - (foreign?.(nowMs) ?? 0) };
  if (work.every(({ kind }) => kind === "arrivals"))
    return {
      all: mostInTime(
        [...wishes].sort((one, other) => one.atMs - other.atMs),
        ours,
        service.burst ?? PROVIDER_SETTINGS.burst,
      ),
    };
  const all = unitsOf(ours, 0, trace.endMs);
  if (troubledMs === undefined) return { all };
  return { all, afterTrouble: unitsOf(ours, troubledMs.to + RECOVERY_MS, troubledMs.to + 2 * RECOVERY_MS) };
}

function seen({ status, fields }: ProviderAnswer): Answer {
  return { status, headers: { get: (name) => fields[name] ?? null } };
}

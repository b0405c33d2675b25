/** Programs that answer programs, in a simulated world: storms of two and of three, and work that only looks like one. */
import { expect, test } from "vitest";
import type { Agent, Handler } from "../src/agent/api.ts";
import { openAgentWith } from "../src/agent/open-agent.ts";
import type { LogFields } from "../src/host/log.ts";
import { createNodeHost } from "../src/host/node/index.ts";
import { createNodeScope } from "../src/host/node/scope.ts";
import { createWorld, type World } from "../src/host/simulated/index.ts";
import { openRelayWith } from "../src/relay/open-relay.ts";
import { isPerdureError } from "../src/wire/error.ts";

const PER_THREAD = 20;
const PER_PAIR = 50;
const SETTINGS = { autoPerThread: PER_THREAD, autoPerPair: PER_PAIR, redialMinMs: 10, redialMaxMs: 200, retryMinMs: 1, retryMaxMs: 20 };
const MINUTE_MS = 60_000;
const SLOW_MS = 120_000;
const hash = createNodeHost().crypto.hash;

interface Scene {
  readonly world: World;
  readonly agents: readonly Agent[];
  /** Automatic messages an agent queued, by turns and by `agent.send` together. */
  queued(index: number): number;
  events(event: string): readonly LogFields[];
  pass(ms: number): Promise<void>;
}

async function scene(seed: number, names: readonly string[], loopGuard = true): Promise<Scene> {
  const world = createWorld({ seed, hash, cryptoOrder: "at-once" });
  const facts: { readonly host: string; readonly event: string; readonly fields: LogFields }[] = [];
  world.onLog((host, _level, event, fields) => void facts.push({ host, event, fields }));
  const relay = await world.complete(openRelayWith({ host: world.host("relay"), folder: "post", listen: "ws://127.0.0.1:4410" }));
  const agents: Agent[] = [];
  for (const name of names) {
    agents.push(
      await world.complete(
        openAgentWith({ ...world.host(name), scope: createNodeScope() }, "home", {
          join: relay.address,
          name,
          strangers: "welcome",
          settings: SETTINGS,
          defences: { dedupe: true, floor: true, contacts: true, loopGuard },
        }),
      ),
    );
  }
  return {
    world,
    agents,
    queued: (index) =>
      facts.filter(({ host, event }) => host === names[index] && (event === "agent.turn-queued" || event === "agent.queued")).length,
    events: (event) => facts.filter((fact) => fact.event === event).map(({ fields }) => fields),
    async pass(ms) {
      await world.run({ untilMs: world.nowMs + ms });
    },
  };
}

/** Each hands on what it gets, twice, to the next. */
function storm({ agents }: Scene, write: "turn" | "agent"): void {
  for (const [index, agent] of agents.entries()) {
    const next = agents[(index + 1) % agents.length] as Agent;
    const handler: Handler = async (_mail, turn) => {
      for (const word of ["once", "twice"]) {
        if (write === "turn") await turn.send(next.id, word);
        else await agent.send(next.id, word);
      }
    };
    agent.serve(handler, { concurrency: 4 }).catch(() => undefined);
  }
}

const SHAPES = [
  ["two", "turn"],
  ["two", "agent"],
  ["three", "turn"],
  ["three", "agent"],
] as const;

test.each(SHAPES)(
  "a storm of %s that writes by %s stops within its budget, and both owners are told",
  { timeout: SLOW_MS },
  async (count, write) => {
    const on = await scene(11, count === "two" ? ["a", "b"] : ["a", "b", "c"]);
    storm(on, write);
    const first = await on.world.complete((on.agents[0] as Agent).send("@b", "begin"));
    await on.pass(10 * MINUTE_MS);
    const sizes = on.agents.map((_, index) => on.queued(index));
    // What a first answer sends is not counted: two messages. The one who began sent one by its own will.
    for (const size of sizes) expect(size).toBeLessThanOrEqual(PER_THREAD + 3);
    for (const agent of on.agents) {
      const paused = await on.world.complete(agent.contacts.paused());
      expect(paused.length).toBeGreaterThan(0);
      expect((await on.world.complete(agent.status())).paused).toBe(paused.length);
    }
    expect(on.events("agent.loop-paused").length).toBeGreaterThan(0);
    const refused = [];
    for (const agent of on.agents)
      for (const sent of await on.world.complete(agent.outbox()))
        refused.push(...sent.steps.filter(({ detail }) => detail.startsWith("loop-paused")));
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ proof }) => proof))).toEqual(new Set(["receipt"]));

    await on.pass(120 * MINUTE_MS);
    expect(on.agents.map((_, index) => on.queued(index))).toEqual(sizes);
    const after = await on.world.complete((on.agents[0] as Agent).sent(first.id));
    expect(after.steps.at(-1)?.state).toMatch(/^(done|refused)$/);
  },
);

test("the same storm without the guard goes on to the end of its chains", { timeout: SLOW_MS }, async () => {
  const on = await scene(11, ["a", "b"], false);
  storm(on, "turn");
  await on.world.complete((on.agents[0] as Agent).send("@b", "begin"));
  await on.pass(10 * MINUTE_MS);
  expect(Math.max(on.queued(0), on.queued(1))).toBeGreaterThan(5 * PER_THREAD);
});

test("what code of a handler sends past its turn is as deep as what the turn sends; a question of its own can be answered", async () => {
  const on = await scene(3, ["a", "b", "c"]);
  const [a, b, c] = on.agents as [Agent, Agent, Agent];
  const seen: string[] = [];
  c.serve(async (mail, turn) => {
    seen.push(`${await mail.text()} ${mail.depth} ${mail.auto}`);
    if ((await mail.text()) === "question") await turn.reply("answer");
  }).catch(() => undefined);
  b.serve(async () => {
    await b.send("@c", "note");
    seen.push(`answer ${(await b.ask("@c", "question", { timeoutMs: MINUTE_MS })).depth}`);
  }).catch(() => undefined);
  const sent = await on.world.complete(a.send("@b", "begin"));
  await on.world.complete(sent.until("done"));
  expect(seen).toEqual(["note 1 true", "question 1 false", "answer 2"]);
  await on.world.complete(b.send("@c", "by its own will"));
  await on.pass(MINUTE_MS);
  expect(seen.at(-1)).toBe("by its own will 0 false");
});

test("a thousand tasks answered automatically are no storm", { timeout: SLOW_MS }, async () => {
  const on = await scene(5, ["boss", "worker"]);
  const [boss, worker] = on.agents as [Agent, Agent];
  let answers = 0;
  worker.serve(async (mail, turn) => await turn.reply(`done: ${await mail.text()}`), { concurrency: 16 }).catch(() => undefined);
  boss.serve(() => void answers++, { concurrency: 16 }).catch(() => undefined);
  for (let task = 0; task < 1000; task++) await on.world.complete(boss.send("@worker", `task ${task}`));
  await on.world.run({ untilMs: on.world.nowMs + 30 * MINUTE_MS, until: () => answers === 1000 });
  expect(answers).toBe(1000);
  for (const agent of on.agents) expect(await on.world.complete(agent.contacts.paused())).toEqual([]);
});

test("a pause survives a restart, stops nobody who asks by their own will, and ends by its owner's word", {
  timeout: SLOW_MS,
}, async () => {
  const on = await scene(7, ["a", "b"]);
  const [a, b] = on.agents as [Agent, Agent];
  storm(on, "turn");
  const first = await on.world.complete(a.send("@b", "begin"));
  await on.pass(10 * MINUTE_MS);
  const thread = (await on.world.complete(b.contacts.paused()))[0]?.thread ?? "";
  expect(thread).toMatch(/^[0-9a-f]{32}$/);
  await on.world.complete(b.close());
  const again = await on.world.complete(openAgentWith(on.world.host("b"), "home", { settings: SETTINGS }));
  expect((await on.world.complete(again.contacts.paused())).map((each) => each.thread)).toContain(thread);

  const before = on.queued(1);
  again.serve(async (mail, turn) => (mail.auto ? undefined : await turn.reply("yes?"))).catch(() => undefined);
  const wish = await on.world.complete(a.send("@b", "by my own will", { thread }));
  await on.world.complete(wish.until("done"));
  expect(on.queued(1)).toBe(before + 1);

  await on.world.complete(again.contacts.resume(thread));
  expect((await on.world.complete(again.contacts.paused())).map((each) => each.thread)).not.toContain(thread);
  expect(await on.world.complete(again.contacts.resume("x").catch((error: unknown) => (isPerdureError(error) ? error.code : "")))).toBe(
    "bad-argument",
  );
  expect((await on.world.complete(a.sent(first.id))).steps.length).toBeGreaterThan(1);
});

/** What a process of a real town does: it opens its folder, says everything that happens, answers what it is asked, and ends with who started it. */
import { createInterface } from "node:readline";
import type { Agent } from "../../packages/perdure/src/agent/api.ts";
import { diary } from "../../packages/perdure/src/agent/diary.ts";
import { openAgentWith } from "../../packages/perdure/src/agent/open-agent.ts";
import type { Host } from "../../packages/perdure/src/host/host.ts";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { createDraws } from "../../packages/perdure/src/host/simulated/index.ts";
import { openRelayWith, type Relay } from "../../packages/perdure/src/relay/open-relay.ts";
import { askRelay } from "../../packages/perdure/src/relay/owner-socket.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { AgentId } from "../../packages/perdure/src/wire/ids.ts";
import type { Ledger } from "../ledger.ts";
import { AGENT_FOLDER, defencesOf, isRelay, RELAY_FOLDER, VAULT } from "../town.ts";
import { liveIn } from "../traffic.ts";
import { type CitizenConfig, type Living, type Order, type Question, type Shown, sharedMs, type Word } from "./citizen-words.ts";
import { countedHost } from "./counted-host.ts";
import { namedNet } from "./named-net.ts";

const say = (word: Word): void => {
  process.stdout.write(`${JSON.stringify({ ...word, atMs: sharedMs() })}\n`);
};

export async function beCitizen(config: CitizenConfig): Promise<void> {
  const clock = { jumpedMs: 0 };
  const { host, endAt } = countedHost(hostOf(config, clock), endHere);
  endAt(config.endAt);
  process.stdin.on("end", () => process.exit(0));
  let lives: { readonly agent?: Agent; readonly relay?: Relay };
  try {
    lives = isRelay(config.name) ? { relay: await openRelay(config, host) } : { agent: await openAgent(config, host) };
  } catch (error) {
    say({ say: "not-started", ...whyOf(error) });
    process.exit(0);
  }
  const { agent, relay } = lives;
  const answer = async (question: Question): Promise<unknown> => {
    switch (question.ask) {
      case "status":
        return relay?.status();
      case "show":
        return agent === undefined ? undefined : await show(agent);
      case "bundle":
        return relay === undefined
          ? await agent?.bundle()
          : JSON.stringify(await askRelay(host, `${config.disk}/${RELAY_FOLDER}`, { name: "bundle" }));
      case "invite":
        return (await agent?.invite())?.text;
      case "accept":
        return void (await agent?.accept(question.text));
      case "contact":
        return void (await agent?.contacts.add(question.id as AgentId));
      case "jump":
        clock.jumpedMs += question.byMs;
        return undefined;
      case "end-at":
        return endAt(question.calls);
      case "live":
        return agent === undefined ? undefined : live(config, host, agent, question);
    }
  };
  createInterface({ input: process.stdin }).on("line", (line) => {
    const { number, question } = JSON.parse(line) as Order;
    answer(question).then(
      (value) => say({ say: "answer", number, value }),
      (error: unknown) => say({ say: "answer", number, value: undefined, error: whyOf(error) }),
    );
  });
  const id = String(relay?.id ?? agent?.id);
  say({ say: "up", id, address: relay?.address ?? "", listens: relay?.listens ?? "" });
}

/** As `kill -9` from outside, at a place that nobody outside can find. */
function endHere(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("this process has ended");
}

/** This machine, with the names of the town, and a date that can be set for one process. */
function hostOf({ lines }: CitizenConfig, jumps: { readonly jumpedMs: number }): Host {
  const host = createNodeHost({ log: { write: (level, event, fields = {}) => say({ say: "fact", level, event, fields }) } });
  const { clock } = host;
  return {
    ...host,
    net: namedNet(host.net, lines),
    clock: { monotonicMs: clock.monotonicMs, after: clock.after, wallMs: () => clock.wallMs() + jumps.jumpedMs },
  };
}

async function openRelay({ name, disk, port, settings, without, recorded }: CitizenConfig, host: Host): Promise<Relay> {
  return await openRelayWith({
    host,
    folder: `${disk}/${RELAY_FOLDER}`,
    listen: `ws://127.0.0.1:${port}`,
    public: `wss://${name}/`,
    tickets: false,
    allowPrivatePeers: true,
    settings,
    defences: defencesOf(new Set(without)).relayDefences,
    incidents: recorded,
  });
}

async function openAgent({ name, disk, join, settings, open, hasVault, without, recorded }: CitizenConfig, host: Host): Promise<Agent> {
  return await openAgentWith(host, `${disk}/${AGENT_FOLDER}`, {
    join,
    name,
    ...(hasVault ? { recoveryFile: `${disk}/${VAULT}/0` } : {}),
    settings,
    strangers: open ? "welcome" : "wait",
    defences: defencesOf(new Set(without)).agentDefences,
    ...(recorded ? { diary } : {}),
  });
}

function live({ name, label }: CitizenConfig, host: Host, agent: Agent, living: Living): void {
  const { beginMs, untilMs, stormy, neighbours, letters } = living;
  const draws = createDraws(`${label}/life of ${name}`);
  const told: Pick<Ledger, "promised" | "step" | "handed" | "refused" | "unexpected"> = {
    promised: (_, id, to, text) => say({ say: "promised", id, to, text }),
    step: (_, id, step) => say({ say: "step", id, step }),
    handed: (_, { from, id, auto, depth, thread }, text) => say({ say: "handed", mail: { from, id, auto, depth, thread }, text }),
    refused: (_, code) => say({ say: "refused", code }),
    unexpected: (what) => say({ say: "unexpected", what }),
  };
  liveIn({
    name,
    agent,
    host,
    draws,
    writing: draws.fork("letters"),
    ledger: told,
    neighbours,
    letters: { letters, taken: 0 },
    wrote: () => say({ say: "wrote" }),
    beginMs,
    stormy,
    untilMs,
    isCurrent: () => true,
    nowMs: sharedMs,
  });
}

async function show(agent: Agent): Promise<Shown> {
  const { outgoing, failed, failedDropped } = await agent.status();
  const boxes: Record<string, { readonly from: string; readonly id: string }[]> = {};
  for (const box of ["contacts", "requests", "failed"] as const) {
    boxes[box] = [];
    for await (const { from, id } of agent.inbox({ box })) boxes[box].push({ from, id });
  }
  const outbox = (await agent.outbox()).map(({ id, steps }) => ({ id, state: steps.at(-1)?.state }));
  return { outgoing, failed, failedDropped, outbox, boxes };
}

function whyOf(error: unknown): { readonly code: string; readonly why: string } {
  return { code: isPerdureError(error) ? error.code : "none", why: String(error) };
}

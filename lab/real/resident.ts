/**
 * An agent in a process of its own, for kill-nine: `resident.ts <folder> <relay address> <name> [<invite>]`. With an invite it writes
 * to who gave it, without one it serves and says an invite. Facts of the agent and promises to its caller go to standard output as
 * JSON lines, which the kernel keeps when the process is killed. Takes orders from standard input, one a line: `stop` (writing), `rotate`
 * (the keys) and `keys` (say how often they were replaced, as the agent sees it and as its relay does).
 */
import { createInterface } from "node:readline";
import { openAgentWith } from "../../packages/perdure/src/agent/open-agent.ts";
import { createNodeHost } from "../../packages/perdure/src/host/node/index.ts";
import { isPerdureError } from "../../packages/perdure/src/wire/error.ts";
import type { AgentId } from "../../packages/perdure/src/wire/ids.ts";
import { heldLog } from "./held-log.ts";

const [folder = "", join = "", name = "", invite = ""] = process.argv.slice(2);
const INVITE_MS = 10_000;
/** Messages on their way at once. */
const OPEN_MESSAGES = 64;
const SETTINGS = { redialMinMs: 50, redialMaxMs: 1000, ackTimeoutMs: 1000, retryMinMs: 50, dialTimeoutMs: 2000, openTimeoutMs: 60_000 };
const FACTS = new Set(["agent.handler-start", "agent.completed", "agent.put-off", "agent.claim-freed"]);

const say = (fact: Readonly<Record<string, unknown>>): void => {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
};

const host = createNodeHost({
  log: {
    write: (level, event, fields) => {
      if (FACTS.has(event) || level === "error") say({ event, ...fields });
    },
  },
});

const agent = await openAgentWith(host, folder, { join, name, settings: SETTINGS });
const keys = async (): Promise<{ readonly standing: string; readonly rotations: number }> => {
  const { standing, log } = await agent.identity.show();
  return { standing, rotations: log.filter(({ kind }) => kind === "rotate").length };
};
let stopped = false;
const orders: Readonly<Record<string, () => Promise<void>>> = {
  stop: async () => {
    stopped = true;
  },
  rotate: async () => {
    await agent.identity.rotate();
  },
  keys: async () => say({ event: "keys", own: await keys(), held: await heldLog(host, `${folder}-stranger`, join, agent.id) }),
};
createInterface({ input: process.stdin }).on("line", (word) => {
  orders[word]?.().catch((error: unknown) => say({ event: "trouble", why: `${word}: ${String(error)}` }));
});
const { standing } = await keys();
if (standing !== "in-force") say({ event: "trouble", why: `after a start the keys are ${standing}` });

if (invite === "") {
  say({ event: "up", id: agent.id, invite: (await agent.invite()).text });
  await agent.serve(
    async (mail, turn) => {
      await turn.reply(`got ${mail.sizeBytes} bytes`);
    },
    { concurrency: 4 },
  );
} else {
  say({ event: "up", id: agent.id });
  const desk = await friend();
  let open = 0;
  const follow = async (sent: Awaited<ReturnType<typeof agent.send>>): Promise<void> => {
    open++;
    try {
      for await (const step of sent)
        if (step.state !== "queued" && step.state !== "accepted") say({ event: "step", id: sent.id, state: step.state, proof: step.proof });
    } finally {
      open--;
    }
  };
  const report = (error: unknown): void => say({ event: "trouble", code: isPerdureError(error) ? error.code : "none", why: String(error) });
  for (const sent of await agent.outbox()) follow(sent).catch(report);
  agent.serve(() => {}).catch(report);
  for (let number = 0; !stopped; number++) {
    if (open >= OPEN_MESSAGES) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      continue;
    }
    try {
      const sent = await agent.send(desk, `note ${number} ${"x".repeat(number % 3000)}`);
      say({ event: "promised", id: sent.id });
      follow(sent).catch(report);
    } catch (error) {
      report(error);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  say({ event: "stopped" });
}

/** Who gave the invite: accepted once, whatever becomes of this process while it is on its way. */
async function friend(): Promise<AgentId> {
  for (;;) {
    const [known] = await agent.contacts.list();
    if (known !== undefined) return known.id;
    await agent.accept(invite, { timeoutMs: INVITE_MS }).catch((error: unknown) => {
      if (!isPerdureError(error) || error.code !== "timed-out") say({ event: "trouble", why: String(error) });
    });
  }
}

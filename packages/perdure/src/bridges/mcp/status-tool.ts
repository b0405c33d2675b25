/** Who this agent is and how it stands. */
import * as z from "zod";
import { isoText } from "./moment-text.ts";
import { awaitNews } from "./reading-tools.ts";
import { READS, type Tool } from "./tool.ts";
import { quotedLine } from "./visible-text.ts";

/** Paused threads that are named; the status says how many there are. */
const PAUSED_NAMED = 10;

const input = z.object({});
const output = z.object({
  id: z.string(),
  name: z.string().optional(),
  folder: z.string(),
  relay: z.object({ id: z.string(), url: z.string(), connected: z.boolean(), trouble: z.string().optional() }),
  waiting: z.number(),
  requests: z.number(),
  failed: z.number(),
  outgoing: z.number(),
  strangers: z.enum(["wait", "welcome"]),
  paused: z.array(z.object({ thread: z.string(), peer: z.string(), why: z.string(), at: z.string() })),
});

export const statusTool: Tool<typeof input, typeof output> = {
  name: "status",
  title: "Who am I",
  description: "This agent's id, name and relay, whether the relay is reachable, how much mail waits, and what the loop guard has paused.",
  input,
  output,
  hints: READS,
  failure: "could not tell the status",
  async run(call) {
    const { agent, signal } = call;
    await awaitNews(call);
    const { id, name, folder, relay, waiting, requests, failed, outgoing, strangers, paused } = await agent.status({ signal });
    const stopped = paused === 0 ? [] : await agent.contacts.paused({ signal });
    const named = stopped
      .slice(0, PAUSED_NAMED)
      .map(({ thread, peer, why, atMs }) => ({ thread, peer, why: quotedLine(why, 120), at: isoText(atMs) }));
    const trouble = relay.lastError === undefined ? undefined : quotedLine(relay.lastError, 160);
    const lines = [
      `This agent is ${id}${name === undefined ? "" : ` (@${name} at its relay)`}, in ${folder}.`,
      `Relay ${relay.url}: ${relay.connected ? "connected" : `not connected${trouble === undefined ? "" : ` (${trouble})`}; what is sent waits on this disk`}.`,
      `${waiting} waiting, ${requests} of strangers in requests, ${failed} failed, ${outgoing} on their way out.`,
      strangers === "wait" ? "Mail of strangers waits in requests." : "Mail of strangers is let in.",
      ...named.map(
        ({ thread, peer, why, at }) =>
          `Paused by the loop guard since ${at}: ${thread === "" ? "all" : `thread ${thread}`} with ${peer}: ${why}`,
      ),
      ...(paused > named.length ? [`${paused - named.length} more paused.`] : []),
    ];
    return {
      text: lines.join("\n"),
      data: {
        id,
        ...(name === undefined ? {} : { name }),
        folder,
        relay: { id: relay.id, url: relay.url, connected: relay.connected, ...(trouble === undefined ? {} : { trouble }) },
        waiting,
        requests,
        failed,
        outgoing,
        strangers,
        paused: named,
      },
    };
  },
};

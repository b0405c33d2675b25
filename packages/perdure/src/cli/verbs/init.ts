/** `perdure init`: makes the identity with the custody the person chose, then joins the relay. */
import { resolve } from "node:path";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { isAgentName } from "../../wire/ids.ts";
import { readAgentCard } from "../agent-card.ts";
import { agentFolder } from "../folder.ts";
import type { Invocation, Verb } from "../invocation.ts";
import type { InitWords } from "../words.ts";

export function initVerb(options: InitWords): Verb {
  return async (invocation) => {
    const { host, terminal, signal, environment, overrides } = invocation;
    const folder = agentFolder(options.at, environment);
    const relay = options.relay;
    if (relay === undefined) {
      throw new PerdureError("bad-argument", "an agent needs a relay", {
        hint: "Add --relay <address>; `perdure relay` starts one on this machine and prints its address.",
      });
    }
    const name = options.name?.replace(/^@/, "");
    if (name !== undefined && !isAgentName(name)) {
      throw new PerdureError("bad-argument", `"${name}" cannot be a name`, {
        hint: "Use 1 to 32 lower-case letters, digits and inner hyphens.",
      });
    }
    const custody = options.custody ?? (terminal.stdin.isTerminal && terminal.stderr.isTerminal ? "split" : "together");
    if (custody === "together" && options.recovery !== undefined) {
      throw new PerdureError("bad-argument", "a recovery file is only written with custody split", {
        hint: "Add --custody split, or leave --recovery out.",
      });
    }
    const recoveryFile = custody === "split" ? resolve(options.recovery ?? `${name ?? "agent"}.recovery`) : undefined;
    await refuseExisting(invocation, folder);
    const { openAgentWith } = await import("../../agent/open-agent.ts");
    await using agent = await openAgentWith(host, folder, {
      join: relay,
      settings: overrides,
      signal,
      ...(name === undefined ? {} : { name }),
      ...(recoveryFile === undefined ? {} : { recoveryFile }),
    });
    const status = await agent.status({ signal });
    const card = await readAgentCard(host, folder);
    terminal.object({
      type: "agent",
      id: agent.id,
      name: card.name,
      folder,
      custody: card.custody,
      recoveryFile,
      relay: status.relay.url,
      relayId: status.relay.id,
    });
    terminal.line(agent.id);
    if (card.name !== undefined) terminal.note(`name      @${card.name} at that relay`);
    terminal.note(`folder    ${folder}`);
    if (card.custody === "together")
      terminal.note("custody   together: everything is in the folder; whoever takes the folder is this agent");
    else {
      terminal.note(`custody   split: the next control key is in ${recoveryFile ?? "the recovery file"} and nowhere else`);
      terminal.note("          Move that file off this machine. Daily work does not need it; taking the identity back does.");
    }
    return 0;
  };
}

/** An agent that has a relay is done; one whose making was interrupted goes on. */
async function refuseExisting({ host }: Invocation, folder: string): Promise<void> {
  const card = await readAgentCard(host, folder).catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "no-agent-here") return undefined;
    throw error;
  });
  if (card === undefined || card.homes.length === 0) return;
  throw new PerdureError("agent-exists", `${folder} is the folder of ${card.name === undefined ? card.id : `@${card.name} (${card.id})`}`, {
    hint: "Use it as it is, or name another folder with --at.",
  });
}

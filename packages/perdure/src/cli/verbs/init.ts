/** `perdure init`: makes the identity with the custody the person chose, then joins the relay. */
import { placeApart } from "../../host/node/place-apart.ts";
import { formatRelayAddress, parseRelayAddress } from "../../protocol/link/index.ts";
import { equalBytes } from "../../wire/bytes.ts";
import { isPerdureError, PerdureError } from "../../wire/error.ts";
import { isAgentName } from "../../wire/ids.ts";
import { type AgentCard, readAgentCard } from "../agent-card.ts";
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
    const moved = await requireNewOrMoved(invocation, folder, relay, name);
    const recoveryFile =
      custody === "split" && moved === undefined ? await placeApart(options.recovery ?? `${name ?? "agent"}.recovery`, folder) : undefined;
    const passphrase =
      options.passphrase === true
        ? await invocation.passphrases.choose("passphrase for the new agent")
        : await invocation.passphrases.givenNew();
    const { openAgentWith } = await import("../../agent/open-agent.ts");
    await using agent = await openAgentWith(host, folder, {
      join: relay,
      settings: overrides,
      signal,
      ...(name === undefined ? {} : { name }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(recoveryFile === undefined ? {} : { recoveryFile }),
      ...(options.strangers === undefined ? {} : { strangers: options.strangers }),
    });
    const card = await readAgentCard(host, folder);
    const [home] = card.homes;
    const address = home === undefined ? undefined : formatRelayAddress(home.url, home.relayId);
    if (moved !== undefined && home?.url === moved.homes[0]?.url) {
      throw new PerdureError("folder-in-use", `another process has ${folder} and goes on with the old address`, {
        hint: "Stop that process and call this again.",
      });
    }
    const strangers = await agent.contacts.policy(undefined, { signal });
    terminal.object({
      type: "agent",
      id: agent.id,
      name: card.name,
      folder,
      custody: card.custody,
      recoveryFile,
      relay: address,
      strangers,
    });
    terminal.line(agent.id);
    if (card.name !== undefined) terminal.note(`name      @${card.name} at that relay`);
    terminal.note(`folder    ${folder}`);
    if (moved !== undefined) {
      terminal.note(`relay     now at ${home?.url}`);
      return 0;
    }
    if (card.custody === "together")
      terminal.note("custody   together: everything is in the folder; whoever takes the folder is this agent");
    else {
      terminal.note(`custody   split: the next control keys are in ${recoveryFile ?? "the recovery file"} and nowhere else`);
      terminal.note("          Move that file off this machine. Daily work does not need it; taking the identity back does.");
    }
    if (card.isSealed) terminal.note("sealed    with a passphrase: without it nobody can open this folder, nor can you");
    terminal.note(
      strangers === "welcome"
        ? "strangers welcome: anybody's mail reaches your handlers"
        : "strangers wait: perdure invite lets somebody in, perdure contacts requests shows who knocks",
    );
    return 0;
  };
}

/**
 * An agent that has a relay is done, but for the relay's new address: then its card as it was. One whose making was
 * interrupted goes on. `agent-exists`.
 */
async function requireNewOrMoved(
  { host }: Invocation,
  folder: string,
  relay: string,
  name: string | undefined,
): Promise<AgentCard | undefined> {
  const card = await readAgentCard(host, folder).catch((error: unknown) => {
    if (isPerdureError(error) && error.code === "no-agent-here") return undefined;
    throw error;
  });
  const [home] = card?.homes ?? [];
  if (card === undefined || home === undefined) return undefined;
  const { url, relayIdRaw } = parseRelayAddress(relay);
  const sameRelay = relayIdRaw !== undefined && equalBytes(relayIdRaw, home.relayId);
  if (sameRelay && url !== home.url && (name === undefined || name === card.name)) return card;
  throw new PerdureError("agent-exists", `${folder} is the folder of ${card.name === undefined ? card.id : `@${card.name} (${card.id})`}`, {
    hint: "Use it as it is, or name another folder with --at.",
  });
}

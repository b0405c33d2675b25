/** `perdure init`: makes the identity with the custody the person chose, then joins the relay. */
import { resolve } from "node:path";
import { createIdentity } from "../../identity/index.ts";
import { parseRelayAddress } from "../../protocol/link/index.ts";
import { PerdureError } from "../../wire/error.ts";
import { isAgentName } from "../../wire/ids.ts";
import { MAX_TRANSPORT_BYTES } from "../../wire/limits.ts";
import { readAgentCard } from "../agent-card.ts";
import { agentFolder } from "../folder.ts";
import type { Invocation, Verb } from "../invocation.ts";
import type { InitWords } from "../program.ts";

export function initVerb(options: InitWords): Verb {
  return async (invocation) => {
    const { host, terminal, signal, environment, settings, overrides } = invocation;
    const folder = agentFolder(options.at, environment);
    const relay = options.relay;
    if (relay === undefined) {
      throw new PerdureError("bad-argument", "an agent needs a relay", { hint: "Add --relay <address>; `perdure relay` starts one on this machine and prints its address." });
    }
    const name = options.name?.replace(/^@/, "");
    if (name !== undefined && !isAgentName(name)) {
      throw new PerdureError("bad-argument", `"${name}" cannot be a name`, { hint: "Use 1 to 32 lower-case letters, digits and inner hyphens." });
    }
    const custody = options.custody ?? (terminal.stdin.isTerminal && terminal.stderr.isTerminal ? "split" : "together");
    if (custody === "together" && options.recovery !== undefined) {
      throw new PerdureError("bad-argument", "a recovery file is only written with custody split", { hint: "Add --custody split, or leave --recovery out." });
    }
    const recoveryFile = custody === "split" ? resolve(options.recovery ?? `${name ?? "agent"}.recovery`) : undefined;
    await reach(invocation, relay);
    await createAlone(invocation, folder, { custody, name, recoveryFile });
    const { openAgentWith } = await import("../../agent/open-agent.ts");
    await using agent = await openAgentWith(host, folder, { join: relay, settings: overrides, signal });
    const status = await agent.status({ signal });
    terminal.object({ type: "agent", id: agent.id, name, folder, custody, recoveryFile, relay: status.relay.url, relayId: status.relay.id });
    terminal.line(agent.id);
    if (name !== undefined) terminal.note(`name      @${name} at that relay`);
    terminal.note(`folder    ${folder}`);
    if (recoveryFile === undefined) terminal.note("custody   together: everything is in the folder; whoever takes the folder is this agent");
    else {
      terminal.note(`custody   split: the next control key is in ${recoveryFile} and nowhere else`);
      terminal.note("          Move that file off this machine. Daily work does not need it; taking the identity back does.");
    }
    return 0;

    async function createAlone(on: Invocation, at: string, wish: { readonly custody: "split" | "together"; readonly name: string | undefined; readonly recoveryFile: string | undefined }): Promise<void> {
      const lock = await on.host.files.lock(at);
      try {
        await createIdentity({
          host: on.host, folder: at, role: "mail", custody: wish.custody, settings,
          ...(wish.name === undefined ? {} : { name: wish.name }),
          ...(wish.recoveryFile === undefined ? {} : { recoveryPath: wish.recoveryFile }),
        });
      } finally {
        await lock.release();
      }
    }
  };
}

/** Nothing is made while the relay does not answer. */
async function reach({ host, settings, signal }: Invocation, relay: string): Promise<void> {
  const { url } = parseRelayAddress(relay);
  const connection = await host.net.dial(url, { timeoutMs: settings.dialTimeoutMs, maxMessageBytes: MAX_TRANSPORT_BYTES, signal });
  connection.start({ message: () => {}, drained: () => {}, closed: () => {} });
  connection.close();
}

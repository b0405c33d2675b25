/** `perdure id`: who this agent is, from its folder alone. */
import { formatRelayAddress } from "../../protocol/link/index.ts";
import { readAgentCard } from "../agent-card.ts";
import { agentFolder } from "../folder.ts";
import type { Verb } from "../invocation.ts";
import { dateText, durationText } from "../quantity.ts";
import type { FolderOptions } from "../words.ts";

export function idVerb(options: FolderOptions): Verb {
  return async ({ host, terminal, environment }) => {
    const folder = agentFolder(options.at, environment);
    const card = await readAgentCard(host, folder);
    const [home] = card.homes;
    const relay = home === undefined ? undefined : formatRelayAddress(home.url, home.relayId);
    terminal.object({
      type: "agent",
      id: card.id,
      name: card.name,
      folder,
      custody: card.custody,
      relay,
      keyExpiresAtMs: card.keyExpiresAtMs,
    });
    const { faint } = terminal.stdout.paint;
    const row = (label: string, text: string): void => terminal.line(`${faint(label.padEnd(8))}${text}`);
    row("id", card.id);
    if (card.name !== undefined) row("name", `@${card.name}`);
    row("folder", folder);
    row(
      "custody",
      card.custody === "split" ? "split: the next control key is in the recovery file" : "together: a stolen folder is a stolen identity",
    );
    row("relay", relay ?? "none yet: perdure init --relay <address>");
    row(
      "key",
      `until ${dateText(card.keyExpiresAtMs).slice(0, 16)} (${durationText(Math.max(0, card.keyExpiresAtMs - host.clock.wallMs()))}); renewed by use`,
    );
    return 0;
  };
}

/** `perdure settings`: every wait and limit in force for the agent of this folder. */
import { printContradictions, printExternal, printUnchosen } from "../external-rows.ts";
import { awaitNews, openHere, type Verb } from "../invocation.ts";
import { printSettings } from "../setting-rows.ts";
import type { SettingsWords } from "../words.ts";

export function settingsVerb(options: SettingsWords): Verb {
  return async (invocation) => {
    const { terminal, signal } = invocation;
    await using agent = await openHere(invocation, options.at);
    // What is negotiated is known once there is a session, and so is what is on its connection.
    await awaitNews(invocation, agent);
    const { role, relay } = await agent.status({ signal });
    if (role === "guest") terminal.note("another process holds the folder: these are its settings");
    const { external, contradictions } = await agent.surroundings({ signal });
    if (options.unchosen === true) return printUnchosen(terminal, external);
    if (options.external === true) printExternal(terminal, external);
    else {
      printSettings(terminal, await agent.settings({ signal }));
      if (!relay.connected) terminal.note("no session with the relay is open: nothing is negotiated");
    }
    printContradictions(terminal, contradictions);
    return 0;
  };
}

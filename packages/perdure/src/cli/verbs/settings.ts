/** `perdure settings`: every wait and limit in force for the agent of this folder. */
import { awaitNews, openHere, type Verb } from "../invocation.ts";
import { printSettings } from "../setting-rows.ts";
import type { FolderOptions } from "../words.ts";

export function settingsVerb(options: FolderOptions): Verb {
  return async (invocation) => {
    const { terminal, signal } = invocation;
    await using agent = await openHere(invocation, options.at);
    // What is negotiated is known once there is a session.
    await awaitNews(invocation, agent);
    printSettings(terminal, await agent.settings({ signal }));
    const { role, relay } = await agent.status({ signal });
    if (!relay.connected) terminal.note("no session with the relay is open: nothing is negotiated");
    if (role === "guest") terminal.note("another process holds the folder: these are its settings");
    return 0;
  };
}

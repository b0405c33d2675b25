/** The SDK on Node: the same agent, with this machine as its host. */
import { createNodeHost } from "../host/node/index.ts";
import type { Agent, OpenOptions } from "./api.ts";
import { openAgentWith } from "./open-agent.ts";

/**
 * Opens the agent in the folder `at`, which several processes may do at once; with `join` an empty folder becomes a new
 * agent at that relay. `no-agent-here`, `relay-unreachable` (only when creating), `wrong-relay`, `key-damaged`,
 * `log-damaged`, `timed-out`, `aborted`, or what the disk says.
 */
export async function openAgent(at: string, options: OpenOptions = {}): Promise<Agent> {
  return await openAgentWith(createNodeHost(), at, options);
}

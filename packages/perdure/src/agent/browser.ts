/**
 * `import { openAgent } from "perdure/browser"`: the same agent, with a page of a browser as its host. Folders are kept in the
 * origin's own storage; several tabs may open one.
 */
import { createBrowserHost, createPageLog } from "../host/browser/index.ts";
import type { Agent, OpenOptions } from "./api.ts";
import { openAgentWith } from "./open-agent.ts";

export { type ErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
export type { AgentId, MessageId } from "../wire/ids.ts";
export type * from "./api.ts";

/**
 * Opens the agent in the folder `at` of this origin, which several tabs may do at once; with `join` an empty folder becomes a new
 * agent at that relay, which must let pages of this origin in. Warnings go to the console. Errors as in Node, and
 * `unsupported-platform` in a browser that lacks something.
 */
export async function openAgent(at: string, options: OpenOptions = {}): Promise<Agent> {
  return await openAgentWith(createBrowserHost({ log: createPageLog("warn", console) }), at, options);
}

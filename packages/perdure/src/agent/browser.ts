/**
 * `import { openAgent } from "perdure/browser"`: the same agent, with a page of a browser as its host. Folders are kept in the
 * origin's own storage; several tabs may open one.
 */
import { createBrowserHost, createPageLog, type RecoveryPages, withRecoveryPages } from "../host/browser/index.ts";
import type { Agent, OpenOptions } from "./api.ts";
import { openAgentWith } from "./open-agent.ts";

export type { RecoveryPages } from "../host/browser/index.ts";
export { type ErrorCode, isPerdureError, PerdureError } from "../wire/error.ts";
export type { AgentId, MessageId } from "../wire/ids.ts";
export type * from "./api.ts";

export interface PageOptions extends OpenOptions {
  /**
   * Where recovery files go in a browser: `recoveryFile` then names a page, "page:…". It comes from the tab that
   * holds the folder (`status().role`), so that is where to rotate.
   */
  readonly recoveryPages?: RecoveryPages;
}

/**
 * Opens the agent in the folder `at` of this origin, which several tabs may do at once; with `join` an empty folder becomes a new
 * agent at that relay, which must let pages of this origin in. Warnings go to the console. Errors as in Node, and
 * `unsupported-platform` in a browser that lacks something.
 */
export async function openAgent(at: string, { recoveryPages, ...options }: PageOptions = {}): Promise<Agent> {
  const host = createBrowserHost({ log: createPageLog("warn", console) });
  return await openAgentWith({ ...host, files: withRecoveryPages(host.files, at, recoveryPages) }, at, options);
}

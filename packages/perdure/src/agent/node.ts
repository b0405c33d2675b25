/** The SDK on Node: the same agent, with this machine as its host. */
import { createNodeHost } from "../host/node/index.ts";
import { placeApart, wholePath } from "../host/node/place-apart.ts";
import { createSharedConnections } from "../protocol/link/shared-connections.ts";
import type { Agent, Identity, OpenOptions } from "./api.ts";
import { diary } from "./diary.ts";
import { openAgentWith } from "./open-agent.ts";
import { hasIdentity } from "./own-folder.ts";

/** Of all agents of this process. */
const connections = createSharedConnections();

/**
 * Opens the agent in the folder `at`, which several processes may do at once; with `join` an empty folder becomes a new
 * agent at that relay. A recovery file goes into a folder that is there, outside of `at`. `bad-argument`, `not-found`, `no-agent-here`, `relay-unreachable` (only when creating), `wrong-relay`, `key-damaged`,
 * `log-damaged`, `timed-out`, `aborted`, or what the disk says.
 */
export async function openAgent(at: string, options: OpenOptions = {}): Promise<Agent> {
  const host = createNodeHost();
  const { recoveryFile } = options;
  const isNew = options.join !== undefined && recoveryFile !== undefined && !(await hasIdentity(host, at));
  const wish = { ...options, diary, connect: connections.connect };
  const agent = await openAgentWith(host, at, isNew ? { ...wish, recoveryFile: await placeApart(recoveryFile, at) } : wish);
  return { ...agent, identity: byWholePaths(agent.identity, at) };
}

/** The process that holds the folder, which reads and writes these files, may have been started elsewhere. */
function byWholePaths(identity: Identity, at: string): Identity {
  return {
    ...identity,
    rotate: async ({ recoveryFile, newRecoveryFile, ...options } = {}) =>
      await identity.rotate({
        ...options,
        ...(recoveryFile === undefined ? {} : { recoveryFile: wholePath(recoveryFile) }),
        ...(newRecoveryFile === undefined ? {} : { newRecoveryFile: await placeApart(newRecoveryFile, at) }),
      }),
    retire: async ({ recoveryFile, ...options } = {}) =>
      await identity.retire({ ...options, ...(recoveryFile === undefined ? {} : { recoveryFile: wholePath(recoveryFile) }) }),
  };
}

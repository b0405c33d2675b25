/** The relay on Node: the same server, with this machine as its host. */
import { createNodeHost } from "../host/node/index.ts";
import { openRelayWith, type Relay, type RelayOptions } from "./open-relay.ts";

/**
 * Opens the relay that keeps its identity and its mail in `folder`, which is made when it is empty; one process at a time may.
 * `bad-argument` for an address that is not this machine's own, `address-in-use`, `folder-in-use`, `log-damaged`, `key-damaged`,
 * or what the disk says.
 */
export async function openRelay(options: RelayOptions): Promise<Relay> {
  return await openRelayWith({ ...options, host: createNodeHost(), incidents: true });
}
